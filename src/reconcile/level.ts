/**
 * Brings some documents of a shard level: the same on every owner. For whoever knows or suspects that owners differ; what
 * the documents shall be is the caller's to decide, from all copies as their owners have applied them.
 *
 * Safe to repeat, and where the process dies: nothing is sent that some owner did not have, the turn of a process that is
 * gone is ended by others (R9), and its ids are then on the list of every owner.
 * Meanwhile reads are served as ever, writes of these ids wait for the turn, and all other writes go on.
 */
import type { IndexEntry } from '../core/routing.ts';
import type { TopologyNode } from '../core/topology.ts';
import { MoveWaitingError, isMiroirError, messageOf } from '../errors.ts';
import { watchTasks } from '../phases/task-watch.ts';
import type { Permit } from '../ports.ts';
import type { HeldTurn, OwnerWrite, TurnTaker } from '../routing/api.ts';
import {
  type Copies,
  type CopiesParts,
  type OpenOwner,
  type OwnersOpened,
  isSame,
  openOwners,
  readCopies,
} from './copies.ts';

export interface LevelParts extends CopiesParts {
  readonly router: TurnTaker;
}

/** What every owner shall have, null for no document; `leave`: nothing is changed, and why. */
export type Verdict = { readonly text: string | null } | { readonly leave: string };

export interface LevelRequest {
  readonly entry: IndexEntry;
  readonly shard: number;
  /** Those to be asked; when the turn is taken the router's newest table says who is written. */
  readonly owners: readonly TopologyNode[];
  /** Nodes that own the shard no more and have a copy: read as owners are, and never written. */
  readonly former?: readonly TopologyNode[];
  /** As texts, as journal and repair lists have them; those beyond `LEVEL_IDS_MAX` are not looked at. */
  readonly ids: readonly string[];
  /** Whose repair it is, told with every write. */
  readonly origin?: string;
  /** Asked under the turn, with the copies of every owner that was read. An id without a verdict is left alone. */
  decide(this: void, copies: ReadonlyMap<string, Copies>): Promise<ReadonlyMap<string, Verdict>>;
  readonly permit: Permit;
}

export interface Levelled {
  /** Id → owners that have it as it shall be, seen after all that was sent had been applied. */
  readonly level: ReadonlyMap<string, readonly string[]>;
  /** Id → why it is not. */
  readonly left: ReadonlyMap<string, string>;
  /** Documents put or deleted, one for each owner. */
  readonly repaired: number;
}

/** Of one call: a task of a duty should end within its interval, more or less. */
export const LEVEL_IDS_MAX = 2_000;
/** Of one turn: writes of these ids wait meanwhile. */
const TURN_IDS = 500;
/** How long other writes of the ids are waited for. */
const TURN_WAIT_MS = 5_000;
/** How long a turn is kept at most: clients wait 30 s for one. */
const TURN_KEPT_MS = 15_000;

export async function levelIds(parts: LevelParts, request: LevelRequest): Promise<Levelled> {
  const { ids, permit } = request;
  const level = new Map<string, readonly string[]>();
  const left = new Map<string, string>();
  let repaired = 0;
  const todo = inParts(ids.slice(0, LEVEL_IDS_MAX), TURN_IDS);
  for (let batch = todo.shift(); batch !== undefined; batch = todo.shift()) {
    permit.signal.throwIfAborted();
    const result = await levelBatch(parts, { ...request, ids: batch });
    if (result === null) {
      todo.unshift(...inParts(batch, Math.ceil(batch.length / 2)));
      continue;
    }
    for (const [id, owners] of result.level) level.set(id, owners);
    for (const [id, why] of result.left) left.set(id, why);
    repaired += result.repaired;
  }
  return { level, left, repaired };
}

const inParts = (ids: readonly string[], size: number): (readonly string[])[] =>
  Array.from({ length: Math.ceil(ids.length / size) }, (_, at) => ids.slice(at * size, (at + 1) * size));

const allLeft = (ids: readonly string[], why: string): Levelled => ({
  level: new Map(),
  left: new Map(ids.map((id) => [id, why])),
  repaired: 0,
});

const wordsOf = (unread: ReadonlyMap<string, string>): string =>
  [...unread].map(([owner, why]) => `${owner}: ${why}`).join('; ') || 'there is one owner';

/** One turn; null when its documents do not fit a page, so that it has to be cut. */
async function levelBatch(parts: LevelParts, request: LevelRequest): Promise<Levelled | null> {
  const { router, clock } = parts;
  const { entry, shard, ids, owners, former = [], permit, origin } = request;
  // Before the turn: an owner that has much to index keeps no client waiting on our account.
  const { open, unread } = await openOwners(parts, [...owners, ...former], { entry, shard, permit });
  if (open.size < 2) return allLeft(ids, wordsOf(unread));
  const over = new AbortController();
  const signal = AbortSignal.any([permit.signal, over.signal]);
  const kept: Permit = { signal, budgetMs: () => permit.budgetMs() };
  let stopTimer = (): void => undefined;
  try {
    const outcome = await router.underTurn(
      {
        index: entry.uid,
        shard,
        ids,
        waitMs: TURN_WAIT_MS,
        signal: permit.signal,
        ...(origin === undefined ? {} : { origin }),
      },
      async (turn) => {
        stopTimer = clock.timer(TURN_KEPT_MS, () =>
          over.abort(new MoveWaitingError('node_busy: the turn lasts too long')),
        );
        return underTurn(parts, { ...request, permit: kept }, turn, { open, unread });
      },
    );
    return 'refused' in outcome ? allLeft(ids, outcome.refused) : outcome.value;
  } catch (error) {
    permit.signal.throwIfAborted();
    if (!isMiroirError(error)) throw error;
    return allLeft(ids, messageOf(error));
  } finally {
    stopTimer();
  }
}

async function underTurn(
  parts: LevelParts,
  request: LevelRequest,
  turn: HeldTurn,
  before: OwnersOpened,
): Promise<Levelled | null> {
  const { ids, permit, shard, former = [] } = request;
  const { entry } = turn;
  // What was accepted before the turn is applied now, so these copies are what all writes so far have made of them.
  // One that was silent a moment ago, or was left out by the caller, is not asked while others wait.
  const asked = [...turn.owners, ...former].filter(({ id }) => before.open.has(id));
  const opened = await openOwners(parts, asked, { entry, shard, permit });
  const open = new Map([...opened.open].filter(([node]) => turn.owners.some(({ id }) => id === node)));
  if (open.size === 0 || opened.open.size < 2)
    return allLeft(ids, wordsOf(new Map([...before.unread, ...opened.unread])));
  const copies = await readCopies(opened.open, entry.primaryKey, ids);
  if (copies === null) return null;
  const { wanted, left } = sorted(ids, await request.decide(copies));
  const writes = writesOf(copies, wanted, open);
  const changed = new Set([...writes.values()].flatMap(({ put, remove }) => [...put.keys(), ...remove]));
  const level = new Map([...wanted.keys()].map((id) => [id, [...open.keys()]]));
  if (changed.size === 0) return { level, left, repaired: 0 };
  const sent = await turn.send(writes);
  if (sent === 'moved') return allLeft(ids, 'the shard changes owners');
  for (const { id } of turn.owners) if (!open.has(id)) turn.missed(id);
  await untilApplied(parts, open, sent.tasks, permit, (owner) => turn.missed(owner));
  const again = await readCopies(open, entry.primaryKey, [...changed]);
  // They fitted a page a moment ago: what has come to them is looked at next time.
  if (again === null) return allLeft(ids, 'the documents do not fit a page any more');
  for (const [id, found] of again) {
    // One that gave no certain answer may still take it, after what comes next.
    const isLevel = ([owner, copy]: readonly [string, string | null]): boolean =>
      !sent.failed.has(owner) && isSame(copy, wanted.get(id) ?? null);
    const good = [...found].filter(isLevel).map(([owner]) => owner);
    const bad = [...found.keys()].filter((owner) => !good.includes(owner));
    level.set(id, good);
    if (bad.length > 0)
      left.set(id, bad.map((owner) => `${owner}: ${sent.failed.get(owner) ?? 'not applied'}`).join('; '));
  }
  const repaired = [...writes].reduce(
    (sum, [owner, { put, remove }]) => sum + (sent.failed.has(owner) ? 0 : put.size + remove.length),
    0,
  );
  return { level, left, repaired };
}

/** Id → what all owners shall have, and why the others are left alone. */
function sorted(ids: readonly string[], verdicts: ReadonlyMap<string, Verdict>) {
  const wanted = new Map<string, string | null>();
  const left = new Map<string, string>();
  for (const id of ids) {
    const verdict = verdicts.get(id) ?? { leave: 'not decided' };
    if ('leave' in verdict) left.set(id, verdict.leave);
    else wanted.set(id, verdict.text);
  }
  return { wanted, left };
}

/** Owner → what it lacks. */
function writesOf(
  copies: ReadonlyMap<string, Copies>,
  wanted: ReadonlyMap<string, string | null>,
  owners: ReadonlyMap<string, OpenOwner>,
): ReadonlyMap<string, OwnerWrite> {
  const writes = new Map<string, { readonly put: Map<string, string>; readonly remove: string[] }>();
  for (const [id, text] of wanted) {
    for (const [owner, copy] of copies.get(id) ?? []) {
      if (!owners.has(owner) || isSame(copy, text)) continue;
      const write = writes.get(owner) ?? { put: new Map<string, string>(), remove: [] };
      writes.set(owner, write);
      if (text === null) write.remove.push(id);
      else write.put.set(id, text);
    }
  }
  return writes;
}

/** Waits until every task has ended; calls `onFailed` for an owner where one did not succeed. */
async function untilApplied(
  { clock }: LevelParts,
  open: ReadonlyMap<string, OpenOwner>,
  tasks: ReadonlyMap<string, readonly number[]>,
  { signal }: Permit,
  onFailed: (owner: string) => void,
): Promise<void> {
  await Promise.all(
    [...tasks].map(async ([owner, uids]) => {
      const opened = open.get(owner);
      if (opened === undefined) return;
      const watch = watchTasks(opened.client, clock, signal);
      const ended = await Promise.all(uids.map((uid) => watch.ended(uid)));
      if (ended.some(({ status }) => status !== 'succeeded')) onFailed(owner);
    }),
  );
}
