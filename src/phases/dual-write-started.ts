/**
 * Enters with: an idle move; the shard is stable, or already tracking for this move.
 * Leaves with: every write that the copy could miss is tracked; nothing of the shard is on the target, or the copy that
 * it left the shard with, to be brought level.
 * Safe to repeat because: tracking is published once by a compare, leftovers are only ever the target's own copy before
 * it owns anything, and a later watermark is a stricter one.
 * Meanwhile: the old owners are written and read.
 */
import { MoveWaitingError } from '../errors.ts';
import type { NodeClient, RouteRead } from '../ports.ts';
import { passBarrier } from './barrier.ts';
import type { Phase, PhaseContext } from './context.ts';
import { shardFilter } from './filters.ts';
import { assertNoBroadcast, equalizeSettings, settingsChange } from './index-settings.ts';
import { waitForRepair } from './last-holder.ts';
import { deleteShard } from './leftovers.ts';
import { isLevelable } from './level.ts';
import { assertNoIndexOperation, preflight } from './preflight.ts';
import { hasVectors } from './read-window.ts';
import { accepted, tracking, written } from './routes.ts';
import { chooseSource, ensureSource } from './source.ts';
import { OutdatedMove } from './undo.ts';
import { settleWrites, takeWatermark } from './watermark.ts';

/** Another move of the shard goes first: one that runs, or one in its grace, which ends early. */
async function waitForOther(context: PhaseContext, otherId: string): Promise<never> {
  const other = await context.records.move(otherId);
  if (other?.phase === 'DualWriteStopped' && other.outcome === undefined) {
    if (other.wish !== 'now') await context.records.wish(other.id, 'now');
    await context.hurry(other);
  }
  throw new MoveWaitingError(`shard_busy: move ${otherId} of this shard is not over`, 250);
}

async function lookAgain(context: PhaseContext): Promise<RouteRead> {
  const { move, records } = context;
  let read = await records.route(move.index, move.shard);
  if (read.route.moveId !== undefined && read.route.moveId !== move.id) return waitForOther(context, read.route.moveId);
  if (read.route.state === 'held') {
    if (!(await records.endHold(move.index, read))) throw new MoveWaitingError('hold: the hold is not over', 500);
    read = await records.route(move.index, move.shard);
  }
  const { owners } = read.route;
  const wrong =
    (!owners.includes(move.source) && `${move.source} does not own the shard`) ||
    (move.retires !== null && !owners.includes(move.retires) && `${move.retires} does not own the shard`) ||
    (owners.includes(move.target) && `${move.target} owns the shard already`);
  if (wrong) throw new OutdatedMove(wrong);
  return read;
}

async function publish(context: PhaseContext, read: RouteRead): Promise<number> {
  const { move, writer } = context;
  if (read.route.state === 'tracking') return read.route.epoch;
  const reply = await writer.start(move, tracking(read, move));
  if ('refused' in reply && (reply.refused === 'source_full' || reply.refused === 'target_full')) {
    throw new MoveWaitingError(`${reply.refused}: as many moves as a node may have at a time`, 250);
  }
  if ('refused' in reply && reply.refused === 'settings') throw settingsChange(move.index);
  return written(reply, 'tracking').route.epoch;
}

/** Facts of both nodes that later phases hold against what they find. */
async function facts(
  context: PhaseContext,
  source: NodeClient,
  target: NodeClient,
  trackingEpoch: number,
  level: boolean,
): Promise<Record<string, string | number>> {
  const { uid } = context.entry;
  // The source's watermark comes first: what is counted and copied after it contains every write before tracking.
  const sourceFloor = await settleWrites(context, source);
  // None are changed any more. Those the source had accepted before are applied by now, and may be others than the preflight
  // compared.
  await equalizeSettings(context, source, target);
  const [from, to, targetFloor, documents, vectors] = await Promise.all([
    source.index(uid),
    target.index(uid),
    takeWatermark(target, uid),
    source.count(uid, shardFilter(context.move.shard)),
    hasVectors(source, uid),
  ]);
  return {
    sourceCreated: from?.createdAt ?? '',
    targetCreated: to?.createdAt ?? '',
    sourceFloor,
    targetFloor,
    documents,
    vectors: vectors ? 1 : 0,
    takenBy: context.fence,
    takenFloor: targetFloor,
    trackingEpoch,
    level: level ? 1 : 0,
  };
}

export const dualWriteStarted: Phase = {
  name: 'DualWriteStarted',
  async run(context) {
    const { move, writer, log } = context;
    await assertNoBroadcast(context);
    const read = await lookAgain(context);
    await ensureSource(context);
    if (read.route.state === 'stable') await chooseSource(context, read.route.owners);
    const [source, target] = [context.node(move.source), context.node(move.target)];
    await preflight(context, source, target);
    await waitForRepair(context, read.route.owners, target, async () =>
      passBarrier(context, await publish(context, read)),
    );
    const level = await isLevelable(context, read, target);
    const leftovers = level ? 0 : await deleteShard(context, target);
    if (leftovers > 0) log.info({ leftovers }, 'leftovers of the shard removed from the target');
    const epoch = await publish(context, read);
    await passBarrier(context, epoch);
    const [fields] = await Promise.all([
      facts(context, source, target, epoch, level),
      assertNoIndexOperation(context, source),
      assertNoIndexOperation(context, target),
    ]);
    const reply = await writer.advance(move, {
      to: 'DualWriteStarted',
      unlessCancelled: true,
      fields,
      what: 'DualWriteStarted',
    });
    accepted(reply, 'the phase');
  },
};
