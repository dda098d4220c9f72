/**
 * Settling: the target owns the shard, and only documents whose id is still in the journal wait until their last state
 * has been carried over. An entry is cleared when the target has applied it and both nodes have been compared: from then
 * on the target may rightly differ, and nothing is ever sent for it again.
 */
import { isReadable } from '../core/topology.ts';
import { InvariantError, MoveWaitingError } from '../errors.ts';
import type { JournalEntry, NodeClient, NodeTask, RouteRead } from '../ports.ts';
import { type Floors, type Holders, faultsOnSource, faultsOnTarget, look } from './audit.ts';
import { type OldOwner, carry, differing, settledOwner } from './carry.ts';
import { idsOf } from './catch-up.ts';
import { type PhaseContext, journalOf } from './context.ts';
import { untilSure } from './late-writes.ts';
import { notLost, oldOwners } from './old-owners.ts';
import { accepted, settled } from './routes.ts';
import { differingIds } from './verify.ts';
import { appliedUpTo, assertTargetIntact, newestTask, takeWatermark } from './watermark.ts';
import { withhold } from './withhold.ts';

/** Entries carried over at a time; a gate leaves fewer. */
const TAKE = 1_000;
/** Tries to make a document equal before the move waits and says which one. */
const ROUNDS = 4;
/** Ids of a report. */
const REPORTED = 50;
/** Ids that a repair list holds at most. */
const LISTED_MAX = 100_001;

/** Where settling goes on; `passed`: what this very run found at the gate and the switch, null when another one did. */
export interface Settling {
  readonly read: RouteRead;
  readonly passed: { readonly floors: Floors; readonly routers: number } | null;
}

/** Those of the entries whose last write the owner has: what it missed is not what clients were told. */
async function hasOf(
  context: PhaseContext,
  owner: string,
  entries: readonly JournalEntry[],
): Promise<readonly JournalEntry[]> {
  const { repairs, move } = context;
  if ((await repairs.size(move.index, move.shard, owner)) === 0) return entries;
  const missed = new Set(await repairs.list(move.index, move.shard, owner, LISTED_MAX));
  return missed.has('*') ? [] : entries.filter((entry) => entry.kind === 'id' && !missed.has(entry.id));
}

interface Carried {
  readonly node: NodeClient;
  readonly entries: readonly JournalEntry[];
}

/** The source, or where it has failed another old owner and what that one did not miss; null where nobody is left. */
async function carriedFrom(
  context: PhaseContext,
  owners: readonly NodeClient[],
  entries: readonly JournalEntry[],
): Promise<Carried | null> {
  const { move, log } = context;
  for (const node of owners) {
    if (node.node.id === move.source) return { node, entries };
    const has = await hasOf(context, node.node.id, entries);
    if (has.length === 0) continue;
    log.warn({ failed: move.source, source: node.node.id }, 'another old owner is read for what is left to settle');
    return { node, entries: has };
  }
  return null;
}

/** The wish is for the loss that its operator was shown: what comes after that is asked for anew. */
const withdraw = ({ writer, move }: PhaseContext): Promise<void> => writer.note(move.id, { fields: { wish: '' } });

/** Nobody has what these documents were last: the move waits, or gives them up where an operator wishes it. */
async function giveUp(
  context: PhaseContext,
  {
    read,
    owners,
    isWished,
  }: { readonly read: RouteRead; readonly owners: readonly NodeClient[]; readonly isWished: boolean },
  entries: readonly JournalEntry[],
): Promise<void> {
  const { move, journal, log } = context;
  if (!isWished) {
    // Fewer than were asked for: they are all that the journal holds.
    if (entries.length < TAKE) await withhold(context, read, idsOf(entries));
    throw new MoveWaitingError(
      `source_failed: ${move.source} has failed, and no other old owner has ${entries.length} documents that wait to be carried over`,
    );
  }
  const back = await notLost(context, read.route, owners);
  if (back !== undefined) {
    await withdraw(context);
    throw new MoveWaitingError(
      `source_failed: ${back} is there again, nothing is given up: tell that it is back, or stop it if its data is lost`,
    );
  }
  const ids = idsOf(entries);
  // One of them may have been sent and got no answer: it must not come after what clients write then.
  await untilSure(context, context.node(move.target));
  const lost = await journal.lose(journalOf(move), ids);
  log.error(
    { lost, ids: ids.slice(0, REPORTED), failed: move.source },
    'the last writes of documents are given up: an operator has accepted their loss',
  );
}

/** Carries entries over and clears those that are equal on both nodes: how many were, and the newest task sent. */
async function settleEntries(
  context: PhaseContext,
  old: OldOwner,
  entries: readonly JournalEntry[],
): Promise<{ readonly cleared: number; readonly task: number }> {
  const { move, journal, log } = context;
  const ids = idsOf(entries);
  const task = await carry(context, old, ids);
  const unequal = await differing(context, old.node, ids);
  if (unequal.size > 0)
    log.warn({ ids: [...unequal].slice(0, REPORTED) }, 'documents differ after they were carried over');
  const equal = entries.filter((entry) => entry.kind === 'id' && !unequal.has(entry.id));
  return { cleared: equal.length === 0 ? 0 : await journal.clear(journalOf(move), equal), task };
}

/** Until the journal is empty; nobody writes an id that is in it. Returns the newest task sent, -1 for none. */
async function settleJournal(
  context: PhaseContext,
  read: RouteRead,
  owners: readonly NodeClient[],
  marked: OldOwner | null,
): Promise<number> {
  const { move, journal, permit } = context;
  let old = marked;
  let newest = -1;
  let inVain = 0;
  let isWished = move.wish === 'accept-loss';
  for (;;) {
    permit.signal.throwIfAborted();
    const entries = await journal.take(journalOf(move), TAKE, true);
    if (entries.length === 0) {
      if (isWished) await withdraw(context);
      return newest;
    }
    if (idsOf(entries).length < entries.length)
      throw new InvariantError(`the journal of ${move.id} holds ranges although the shard settles`);
    const carried = await carriedFrom(context, owners, entries);
    if (carried === null) {
      await giveUp(context, { read, owners, isWished }, entries);
      continue;
    }
    // Somebody is back since the operator was shown the loss: he is to be asked again, should that one fail, too.
    if (isWished) await withdraw(context);
    isWished = false;
    if (old?.node !== carried.node) old = await settledOwner(context, carried.node);
    const { cleared, task } = await settleEntries(context, old, carried.entries);
    newest = Math.max(newest, task);
    inVain = cleared > 0 ? 0 : inVain + 1;
    if (inVain >= ROUNDS)
      throw new MoveWaitingError(
        `verify_differs: document ${idsOf(carried.entries)[0]} differs after ${ROUNDS} repairs`,
      );
  }
}

interface TakenUp {
  readonly holders: Holders;
  /** Newest uid on the source that was there before routers could know of the switch. */
  readonly mark: number;
}

/**
 * Notes who carries over from here on, and up to where the source's writes are those of before the switch; that before
 * anything is waited for, so that it is not taken later than it has to be.
 */
async function takeUpSettling(
  context: PhaseContext,
  target: NodeClient,
  source: NodeClient | null,
  passed: Settling['passed'],
): Promise<TakenUp> {
  const { move, fence, entry, writer } = context;
  const takenBy = passed === null ? (move.takenBy ?? fence) : fence;
  const isTaken = takenBy === fence || move.settlingBy === fence;
  // Where no router lived at the switch nobody writes by an older table: then nothing depends on the mark.
  const isMarked = move.sourceMark !== null || source === null || passed?.routers === 0;
  const [settlingFloor, mark] = await Promise.all([
    isTaken ? (move.settlingFloor ?? -1) : takeWatermark(target, entry.uid),
    isMarked ? (move.sourceMark ?? Number.MAX_SAFE_INTEGER) : takeWatermark(source, entry.uid),
  ]);
  if (!isTaken || !isMarked) {
    const taken = isTaken ? {} : { settlingBy: fence, settlingFloor };
    await writer.note(move.id, { fields: { ...taken, ...(isMarked ? {} : { sourceMark: mark }) } });
  }
  return { holders: { takenBy, fence, settlingFloor }, mark };
}

/** One more look at the task lists above what the gate has seen: what should not have been written by then, as text. */
async function lastLook(
  context: PhaseContext,
  source: NodeClient | null,
  target: NodeClient,
  { read, passed }: Settling,
  { holders, mark }: TakenUp,
): Promise<string[]> {
  const { move } = context;
  const floors = passed?.floors ?? { source: move.gateFloor, target: move.gateTargetFloor };
  const switched = move.switchEpoch ?? read.route.epoch;
  const epochs = { tracking: move.trackingEpoch ?? 0, switched };
  const sides: [NodeClient, number | null, (tasks: readonly NodeTask[]) => NodeTask[]][] = [
    [target, floors.target, (tasks) => faultsOnTarget(tasks, move, switched, holders)],
  ];
  if (source?.node.id === move.source)
    sides.push([source, floors.source, (tasks) => faultsOnSource(tasks, move, epochs, mark)]);
  const told = await Promise.all(
    sides.map(async ([node, floor, rule]) => {
      if (floor === null) return [];
      const { faults, isWhole } = await look(context, node, floor, rule);
      return [
        ...(faults.length === 0 ? [] : [`tasks ${faults.map(({ uid }) => uid).join(', ')} on ${node.node.id}`]),
        ...(isWhole ? [] : [`more tasks on ${node.node.id} than are looked through`]),
      ];
    }),
  );
  return told.flat();
}

/** What somebody wrote past the routers is told with the ids that differ; nothing is copied from the source any more. */
async function report(context: PhaseContext, source: NodeClient | null, told: readonly string[]): Promise<void> {
  const { move, writer, log } = context;
  const ids = source === null ? [] : await differingIds(context, source, REPORTED);
  log.error({ told, ids }, 'writes went past the routers after the last look: compare them by hand');
  // Clients go on writing the target: their documents differ, too, and rightly.
  const compared =
    source === null
      ? 'no old owner to compare with'
      : `documents that differ from ${source.node.id}, writes since the switch among them: ${ids.join(', ') || 'none'}`;
  await writer.note(move.id, { fields: { error: `${told.join(' and ')} wrote past the routers; ${compared}` } });
}

/**
 * The target has failed and left the owners: those that are left owned the shard before the switch, so nothing has to be
 * carried over, and readers change to them. The retiring copy is kept (OldReplicaDeleted).
 */
async function settleWithoutTarget(context: PhaseContext, read: RouteRead): Promise<void> {
  const { move, records, writer, loads, log } = context;
  loads.of(move.target).release(move.id);
  log.warn(
    { failed: move.target, owners: read.route.owners },
    'the target has failed; the shard settles on the others',
  );
  const reply = await writer.advance(move, {
    to: 'DualWriteStopped',
    route: settled(read, move, await records.topology()),
    releasePlaces: true,
    fields: { switchEpoch: read.route.epoch },
    what: 'DualWriteStopped',
  });
  accepted(reply, 'settled without its target');
}

/** The documents that wait are carried over, and what both sides had accepted is applied: then readers may change over. */
export async function settle(context: PhaseContext, target: NodeClient, settling: Settling): Promise<void> {
  const { move, records, writer, entry, observer, topology, loads, log } = context;
  const { read, passed } = settling;
  if (!read.route.owners.includes(move.target)) return settleWithoutTarget(context, read);
  loads.of(move.target).release(move.id);
  await assertTargetIntact(context, target);
  const owners = await oldOwners(context, read.route);
  const [source = null] = owners;
  if (source === null)
    log.warn({ source: move.source }, 'every old owner has failed: the target has what was verified');
  const [taken, mark] = await Promise.all([
    takeUpSettling(context, target, source, passed),
    newestTask(target, entry.uid),
  ]);
  const old = source === null ? null : await settledOwner(context, source);
  const carried = await settleJournal(context, read, owners, old);
  // Not what clients write meanwhile: that has no end, and their tasks succeed when the target has applied them (I11).
  const [, retiring] = await Promise.all([
    appliedUpTo(context, target, Math.max(mark?.uid ?? -1, carried)),
    move.retires !== null && (isReadable(topology, move.retires) || owners.some(({ node }) => node.id === move.retires))
      ? takeWatermark(context.node(move.retires), entry.uid)
      : -1,
  ]);
  const told = await lastLook(context, source, target, settling, taken);
  if (told.length > 0) await report(context, source, told);
  await assertTargetIntact(context, target, mark);
  const reply = await writer.advance(move, {
    to: 'DualWriteStopped',
    // As it is now: meanwhile a group may have become active, or be drained.
    route: settled(read, move, await records.topology()),
    releasePlaces: true,
    fields: { retiresFloor: retiring, switchEpoch: move.switchEpoch ?? read.route.epoch },
    what: 'DualWriteStopped',
  });
  const { startedAtMs, nowMs } = accepted(reply, 'settled');
  observer.settled((nowMs - startedAtMs) / 1_000);
}
