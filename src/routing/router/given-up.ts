/** A write that ends without being written: what it left where, and what the client is told. */
import { isMiroirError, messageOf, NoQuorumError, OutcomeUnknownError } from '../../errors.ts';
import type { MiroirError } from '../../errors.ts';
import type { Logger, NodeAnswer, RepairLists, RouterObserver } from '../../ports.ts';
import type { Pending } from './part-queue.ts';
import { turnIdsOf } from './payload.ts';
import type { Payload } from './payload.ts';
import type { Tables } from './tables.ts';

export interface GivenUpParts {
  readonly tables: Tables;
  readonly repairs: RepairLists;
  readonly observer: RouterObserver;
  readonly logger: Logger;
}

/** The error for the client. Where some of the write may be somewhere, it never says that nothing happened (R4, R8). */
export async function givenUp(
  parts: GivenUpParts,
  payload: Payload,
  left: readonly Pending[],
  failure: MiroirError,
  isPartial: boolean,
): Promise<MiroirError> {
  await listSent(parts, payload, left);
  const isTold = failure instanceof OutcomeUnknownError || failure instanceof NoQuorumError;
  // A defect stays one.
  if (!isPartial || isTold || !isMiroirError(failure)) return failure;
  return new OutcomeUnknownError(`some of the write was accepted, then: ${failure.message}`, {
    remedy: 'send all of it again',
    details: failure.details,
    cause: failure,
  });
}

/**
 * R8: what was sent and does not count goes on the list of every owner that it was sent to and that still is one. Where Redis
 * does not answer the client is told now, and the adapter goes on. Where this process dies before, what its turns' ends have
 * listed is there, and turns that have no end yet are ended by others, all of them listed.
 */
async function listSent(
  { tables, repairs, observer, logger }: GivenUpParts,
  payload: Payload,
  left: readonly Pending[],
) {
  await Promise.all(
    left
      .filter(({ sends }) => sends > 0)
      .map(async ({ part, sentTo }) => {
        const owners = (tables.route(payload.index, part.shard)?.owners ?? []).filter((owner) => sentTo.has(owner));
        if (owners.length === 0) return;
        observer.missed(owners.length);
        const ids = turnIdsOf(payload.kind, part);
        await repairs.add(payload.index, part.shard, ids, owners, 'unknown').catch((error: unknown) => {
          logger.warn({ index: payload.index, shard: part.shard, problem: messageOf(error) }, 'owners not listed yet');
        });
      }),
  );
}

const REFUSAL_CHARS = 300;

/** A node's refusal alone would say that nothing was written; here other nodes have taken their parts. */
export const refusedInPart = ({ status, body }: NodeAnswer, index: string): MiroirError =>
  new OutcomeUnknownError(
    `a node refused its part (${status}: ${body.toString('utf8').slice(0, REFUSAL_CHARS)}), others took theirs`,
    { remedy: 'mend what the node refuses, then send all of it again', details: { index } },
  );
