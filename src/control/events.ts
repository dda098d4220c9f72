/** Topology events, and what becomes of them: how nodes and replica groups come and go. */
import { createHash } from 'node:crypto';
import { EventUnknownError, InvalidInputError, StaleVersionError } from '../errors.ts';
import type { EventOutcome, EventState } from '../ports.ts';
import { audited } from './audited.ts';
import type { ChangeParts, ControlParts } from './parts.ts';

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What a sender may say beside the event. */
export interface EventCondition {
  /** The topology's version that it was decided by; refused with `StaleVersionError` when there is another by now. */
  readonly ifVersion?: number;
  /** Sent again with the same key, nothing is sent a second time. */
  readonly idempotencyKey?: string;
}

export interface SentEvent {
  readonly jobId: string;
  readonly outcome: EventOutcome | null;
}

/** As other services choose them: UUIDs, hashes, names. */
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,200}$/;

/** Sends an event; with `wait` also says what was planned. */
export function sendEvent(
  parts: ChangeParts,
  name: string,
  data: unknown,
  wait: WaitOptions | null,
  { ifVersion, idempotencyKey }: EventCondition = {},
): Promise<SentEvent> {
  const { actor, producer } = parts;
  return audited(parts, 'event send', aboutOf(name, data), async () => {
    const id = idempotencyKey === undefined ? undefined : sentIdOf(actor, idempotencyKey);
    // What was sent before is answered again, whatever has changed through it.
    const isKnown = id !== undefined && (await producer.look(id)) !== null;
    if (ifVersion !== undefined && !isKnown) await assertVersion(parts, ifVersion);
    const { jobId } = await producer.sendRaw(name, data, id);
    return { jobId, outcome: wait === null ? null : await producer.result(jobId, wait) };
  });
}

/** Takes a node out that is draining and owns nothing. Throws `NodeNotDrainedError` otherwise. */
export function removeNode(
  parts: ChangeParts,
  node: string,
  wait: WaitOptions = {},
  { ifVersion }: Pick<EventCondition, 'ifVersion'> = {},
): Promise<EventOutcome> {
  return audited(parts, 'node remove', { node }, async () => {
    if (ifVersion !== undefined) await assertVersion(parts, ifVersion);
    const { jobId } = await parts.producer.removeNode(node);
    return parts.producer.result(jobId, wait);
  });
}

/** Throws `EventUnknownError`. */
export async function showEvent({ producer }: ControlParts, jobId: string): Promise<EventState> {
  const seen = await producer.look(jobId);
  if (seen !== null) return seen;
  throw new EventUnknownError(`there is no event ${jobId}`, { field: 'event', remedy: 'see `miroir status`' });
}

/** Throws `StaleVersionError` when the topology has changed since. */
export async function assertVersion({ records }: Pick<ControlParts, 'records'>, expected: number): Promise<void> {
  const { version } = await records.topology();
  if (version === expected) return;
  throw new StaleVersionError(`the topology is at version ${version}, not at ${expected}`, {
    field: 'If-Match',
    remedy: 'look at it again, then decide anew: `miroir topology`',
    details: { version, expected },
  });
}

/** Of each asker its own: nobody gets another's answer. Neither digits alone nor a colon, which ids of jobs may not have. */
export function sentIdOf(actor: string, key: string): string {
  if (!IDEMPOTENCY_KEY.test(key)) {
    throw new InvalidInputError('the Idempotency-Key is no key', {
      field: 'Idempotency-Key',
      remedy: 'give 1 to 200 visible characters',
    });
  }
  return `once-${createHash('sha256').update(`${actor}\0${key}`).digest('hex').slice(0, 40)}`;
}

/** Of what was sent, before anybody has looked whether it is an event. */
function aboutOf(name: string, data: unknown): Record<string, string | number> {
  const { node_id: node, replica_group: group } = (data ?? {}) as { node_id?: unknown; replica_group?: unknown };
  return {
    event: name,
    ...(typeof node === 'string' ? { node } : {}),
    ...(typeof group === 'number' ? { group } : {}),
  };
}
