/**
 * Gives documents our fields, in steps that a node takes as one task each: partial updates of nothing but these fields,
 * which leave the rest as it is and a document that was deleted meanwhile deleted. Safe to repeat and beside other
 * writers: the fields follow from the primary key, and a document that is replaced without them is found again. When it was
 * written nobody knows; it counts as written when it is stamped, by Redis' clock, which routers stamp by as well (decision
 * 0017): a clock of ours that is ahead would let it win over what clients write after it.
 */
import { locateKey } from '../../core/hashing.ts';
import { scalarText, splitKeyed } from '../../core/json-text.ts';
import type { IndexEntry } from '../../core/routing.ts';
import { ConflictError } from '../../errors.ts';
import type { Clock, NodeClient } from '../../ports.ts';
import { UNSPLIT_FILTER } from '../../routing/fields.ts';
import { stampOf } from '../../routing/split.ts';
import { applied } from '../node-tasks.ts';
import type { AdoptProgress } from './parts.ts';

/** About 1.3 MB: a node's batch costs so much by itself that small ones are the slow way. */
const STEP_DOCS = 10_000;
/** An id is at most 511 bytes. */
const ID_BYTES = 600;
/** Steps that found no fewer documents than the one before: somebody writes as fast as we stamp. */
const STEPS_IN_VAIN = 20;
/** A batch or a change of settings may take a node long where an index is large. */
export const TASK_MS = 3_600_000;
export const AGAIN = 'run `miroir index adopt` again: it goes on where it was';

export interface StampParts {
  readonly clock: Clock;
  redisNowMs(this: void): Promise<number>;
  readonly tag: string;
  readonly signal: AbortSignal;
  readonly stepDocs?: number | undefined;
  readonly onProgress?: ((progress: AdoptProgress) => void) | undefined;
}

/** Whose documents are stamped, and what is told of the others, which stay as they are. */
export interface StampChoice {
  owns(this: void, shard: number): boolean;
  passedBy(this: void, ids: readonly string[]): void;
}
const ALL: StampChoice = { owns: () => true, passedBy: () => undefined };

/** Until no document that is chosen is without our fields. Returns how many got them. */
export async function stampDocuments(
  parts: StampParts,
  client: NodeClient,
  entry: IndexEntry,
  choice: StampChoice = ALL,
): Promise<number> {
  const { clock, redisNowMs, tag, signal, stepDocs: limit = STEP_DOCS, onProgress } = parts;
  const { uid, primaryKey } = entry;
  const wait = { clock, withinMs: TASK_MS, again: AGAIN, signal };
  let stamped = 0;
  let passed = 0;
  let fewest = Infinity;
  let inVain = 0;
  for (;;) {
    signal.throwIfAborted();
    const asked = { filter: UNSPLIT_FILTER, fields: [primaryKey], offset: passed, limit, maxBytes: limit * ID_BYTES };
    const { total: all, documents } = await client.page(uid, asked);
    const total = Math.max(0, all - passed);
    onProgress?.({ node: client.node.id, what: 'stamped', documents: stamped, left: total });
    if (total === 0) return stamped;
    const { stamps, others } = stampsOf(documents.toString('utf8'), entry, await redisNowMs(), choice);
    choice.passedBy(others);
    passed += others.length;
    if (stamps.length === 0) continue;
    inVain = total < fewest ? 0 : inVain + 1;
    fewest = Math.min(fewest, total);
    if (inVain >= STEPS_IN_VAIN) throw stillWritten(client.node.id, uid, total);
    await applied(client, await client.mergeDocuments(uid, primaryKey, `[${stamps.join(',')}]`, tag), wait);
    stamped += stamps.length;
  }
}

/** Each id as the node gives it out, with our fields; and those that are not chosen, as texts. */
function stampsOf(
  text: string,
  { primaryKey, shards }: IndexEntry,
  updatedAtMs: number,
  { owns }: StampChoice,
): { readonly stamps: readonly string[]; readonly others: readonly string[] } {
  const name = JSON.stringify(primaryKey);
  const [stamps, others]: [string[], string[]] = [[], []];
  for (const { field } of splitKeyed(text, primaryKey)) {
    if (field === undefined) continue;
    const id = scalarText(text, field.start, field.end);
    const { shard, slot } = locateKey(id, shards);
    if (owns(shard)) stamps.push(`{${name}:${text.slice(field.start, field.end)}${stampOf(shard, slot, updatedAtMs)}`);
    else others.push(id);
  }
  return { stamps, others };
}

export const stillWritten = (node: string, index: string, documents: number): ConflictError =>
  new ConflictError(`node ${node} is written to directly: ${documents} documents of index ${index} lack our fields`, {
    field: 'index_uid',
    remedy: `stop what writes to the node, then ${AGAIN}`,
    details: { node, index, documents },
  });
