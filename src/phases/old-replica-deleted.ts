/**
 * Enters with: the shard is settled on its new owners; the retiring owner still has its copy.
 * Leaves with: the retiring owner holds nothing of the shard, and the route is stable. Or, where the target was lost and
 * an operator wishes it (`revert.ts`): the retiring owner owns the shard again.
 * Safe to repeat because: only ids read from the retiring copy are deleted there, and it owns and serves nothing.
 * Meanwhile: the new owners are written and read.
 */
import { isReadable } from '../core/topology.ts';
import { InvariantError, MoveWaitingError } from '../errors.ts';
import type { NodeClient, RouteRead } from '../ports.ts';
import { look, taggedWrites } from './audit.ts';
import { passBarrier } from './barrier.ts';
import type { Phase, PhaseContext } from './context.ts';
import { shardFilter } from './filters.ts';
import { deleteShard } from './leftovers.ts';
import { revert } from './revert.ts';
import { accepted, stable } from './routes.ts';
import { assertNotRegressed } from './watermark.ts';

/** Ids that a repair list holds at most, or the one entry that stands for all. */
const LISTED_MAX = 100_001;
/** Reason of a move that only waits for its grace to end: it holds no claim, lease or place. */
const GRACE = 'grace';

async function waitForGrace(context: PhaseContext): Promise<void> {
  const { move, settings, clock } = context;
  if (move.wish === 'now') return;
  // Wall clocks of two machines differ by little against a grace of minutes; never early by more than that.
  const restMs = (move.phaseAtMs ?? 0) + settings.graceMs - clock.now();
  if (restMs > 0) throw new MoveWaitingError(`${GRACE}: the retiring copy is kept until it is over`, restMs);
}

/** I6: the last verified copy is never deleted. */
async function assertReplaceable(context: PhaseContext, read: RouteRead, retiring: NodeClient): Promise<void> {
  const { move, entry } = context;
  const { owners, readers, state, moveId } = read.route;
  if (state !== 'settled' || moveId !== move.id)
    throw new InvariantError(`shard ${move.shard} is ${state}, not settled`);
  if (owners.length === 0 || owners.includes(retiring.node.id) || readers.includes(retiring.node.id)) {
    throw new InvariantError(`${retiring.node.id} still serves shard ${move.shard} of ${move.index}`);
  }
  const target = context.node(move.target);
  await assertNotRegressed(context, target, { created: move.targetCreated, floor: move.targetFloor });
  const filter = shardFilter(move.shard);
  const [kept, old] = await Promise.all([target.count(entry.uid, filter), retiring.count(entry.uid, filter)]);
  // Clients may have deleted since the switch; half of a copy is what a lost one looks like.
  if (kept < old / 2) {
    throw new MoveWaitingError(
      `last_copy: ${target.node.id} holds ${kept} documents of the shard, ${retiring.node.id} ${old}`,
    );
  }
}

/**
 * The target failed during the grace. Where another owner lives, the move ends and the retiring copy is kept, so that a
 * restore can go past it; where none does, the retiring copy is the last one and the move waits for an operator.
 */
function keptCopy(context: PhaseContext, { route }: RouteRead): string | null {
  const { move, topology } = context;
  // One that left the owners when it failed is none by having come back: its copy has missed what came since.
  const serves = route.owners.includes(move.target) && isReadable(topology, move.target);
  if (serves || move.retires === null) return null;
  if (route.owners.some((owner) => owner !== move.target && isReadable(topology, owner))) {
    return `copy on ${move.retires} kept: ${move.target} has failed`;
  }
  throw new MoveWaitingError(`last_copy: ${move.target} has failed, ${move.retires} holds the only other copy`);
}

/**
 * The retiring owner must not be the only one that has not missed some write: nobody could repair the others then. Where
 * it was the source the target's list holds all that it missed itself, and what came later it never had.
 */
async function assertNotOnlyHolder(context: PhaseContext, owners: readonly string[], retires: string): Promise<void> {
  const { move, repairs } = context;
  if (retires === move.source) return;
  const missedBy = async (owner: string): Promise<ReadonlySet<string>> =>
    (await repairs.size(move.index, move.shard, owner)) === 0
      ? new Set()
      : new Set(await repairs.list(move.index, move.shard, owner, LISTED_MAX));
  const [first, ...others] = await Promise.all(owners.map(missedBy));
  if (first === undefined || first.size === 0 || others.some(({ size }) => size === 0)) return;
  const own = await missedBy(retires);
  const missed = (list: ReadonlySet<string>, id: string): boolean => list.has(id) || list.has('*');
  const alone = [...first, ...others.flatMap((list) => [...list])].filter(
    (id) => missed(first, id) && others.every((list) => missed(list, id)) && !missed(own, id),
  );
  if (alone.length === 0) return;
  throw new MoveWaitingError(
    `last_copy: every owner missed writes that ${retires} has, of document ${alone[0]} among others: repair them first`,
  );
}

/** Writes that reached the retiring copy after the switch: never acknowledged, reported, not carried over (R8). */
async function reportStragglers(context: PhaseContext, retiring: NodeClient): Promise<void> {
  const { move, log } = context;
  if (move.retiresFloor === null) return;
  const { faults } = await look(context, retiring, move.retiresFloor, (tasks) => taggedWrites(tasks, move));
  if (faults.length > 0)
    log.warn({ node: retiring.node.id, tasks: faults.map(({ uid }) => uid) }, 'stragglers on the retiring copy');
}

/** Returns what is to be noted about it; '' when nothing is. */
async function deleteCopy(context: PhaseContext, read: RouteRead, retiring: NodeClient): Promise<string> {
  const { entry, log } = context;
  const { id } = retiring.node;
  if ((await retiring.index(entry.uid)) === null) return `no copy on ${id} to delete: index ${entry.uid} is gone there`;
  await assertReplaceable(context, read, retiring);
  await assertNotOnlyHolder(context, read.route.owners, id);
  await reportStragglers(context, retiring);
  // From here on the copy is no whole one any more: nobody may make it an owner again.
  const begun = { unchanged: read, unlessCancelled: true, fields: { deletingAt: '$now' }, what: 'deleting' };
  accepted(await context.writer.advance(context.move, begun), 'the deleting');
  const deleted = await deleteShard(context, retiring);
  log.info({ node: id, deleted }, 'retiring copy deleted');
  return '';
}

export const oldReplicaDeleted: Phase = {
  name: 'OldReplicaDeleted',
  async run(context) {
    const { move, records, writer, topology } = context;
    const read = await records.route(move.index, move.shard);
    const node = topology.nodes.find(({ id }) => id === move.retires);
    if (move.wish === 'revert' && (await revert(context, read))) return;
    const gone = node === undefined || node.state === 'failed' || node.state === 'removed';
    const kept = gone ? null : keptCopy(context, read);
    let note = kept ?? '';
    if (move.retires !== null && !gone && kept === null) {
      await waitForGrace(context);
      await passBarrier(context, read.route.epoch);
      note = await deleteCopy(context, read, context.node(move.retires));
    }
    if (move.retires !== null && gone) note = `copy on ${move.retires} left behind: the node is gone`;
    accepted(await writer.end(move, 'done', { route: stable(read), error: note }), 'the end');
  },
};
