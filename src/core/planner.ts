/**
 * From where the shards are to where they should be, with the fewest moves: one per node that has to get a shard that
 * it does not hold. Pure and deterministic, so two planners that see the same records make the same plan.
 *
 * Current owners come from the routing tables and are never taken for what placement would give: histories differ, and
 * moves may be under way. Cost: the ranking of placement.ts, then about 1 µs per shard.
 */
import { InvariantError } from '../errors.ts';
import { groupedBy } from './grouped.ts';
import { groupStateOf, mayHoldShards } from './groups.ts';
import { MOVE_REASONS, isSwitched, phaseIndex, type Move, type MoveReason, type PlannedMove } from './move.ts';
import { desiredPlacement, type DesiredPlacement } from './placement.ts';
import {
  named,
  planId,
  type BlockedShard,
  type Plan,
  type PlannerIndex,
  type PlannerInput,
  type UnnamedMove,
} from './plan.ts';
import { absentFrom, isAwaited, repairBegins } from './repair.ts';
import type { IndexEntry, ShardRoute } from './routing.ts';
import { isLeaving, isWaitedFor, mayBeSource, type NodeState, type Topology, type TopologyNode } from './topology.ts';

export { assertDrainable } from './drainable.ts';
export * from './plan.ts';

/** What one run of `planMoves` knows and collects. */
interface Planning {
  readonly topology: Topology;
  readonly nodes: ReadonlyMap<string, TopologyNode>;
  readonly placement: DesiredPlacement;
  readonly moves: UnnamedMove[];
  readonly blocked: BlockedShard[];
  readonly keep: string[];
  readonly cancel: string[];
  readonly finish: string[];
}

/** One shard while it is planned: `owners` are those it will have once everything planned so far has happened. */
interface ShardPlan {
  readonly entry: IndexEntry;
  readonly route: ShardRoute;
  owners: readonly string[];
}

const urgency = (reason: MoveReason): number => MOVE_REASONS.indexOf(reason);

/** Why an owner has to leave. */
const reasonToLeave = (node: TopologyNode | undefined): MoveReason =>
  node === undefined || !isWaitedFor(node) ? 'restore' : isLeaving(node) ? 'drain' : 'balance';

/** Why a shard is brought where nobody leaves: what is lost goes first, a group that is not read yet can wait. */
const reasonToJoin = ({ topology }: Planning, group: number): MoveReason =>
  groupStateOf(topology, group) === 'active' ? 'restore' : 'balance';

/** Which healthy owner is read first. A draining node comes last: it has its own shards to hand over. */
const SOURCE_ORDER: readonly NodeState[] = ['active', 'healthy', 'degraded', 'joining', 'draining'];

/**
 * A group reads its own nodes first and then those of others, but for one that does not serve: what it has was not
 * compared yet, so groups that serve are read, one shard from this and the next from that.
 */
function groupRank(topology: Topology, source: number, group: number): number {
  if (groupStateOf(topology, source) !== 'active') return 2;
  return source === group || groupStateOf(topology, group) !== 'active' ? 0 : 1;
}

/**
 * The owner to read: the one that leaves when it is healthy (its copy is of no other use), else the best of the same
 * group, else of another. Among equals the shard number chooses, so that a lost node's shards come from many.
 */
function chooseSource(planning: Planning, shard: ShardPlan, group: number, retires: string | null): string | undefined {
  const healthy = shard.owners.filter((id) => {
    const node = planning.nodes.get(id);
    return node !== undefined && mayBeSource(node.state);
  });
  if (retires !== null && healthy.includes(retires)) return retires;
  const rank = (id: string): number => {
    const node = planning.nodes.get(id)!;
    return groupRank(planning.topology, node.group, group) * SOURCE_ORDER.length + SOURCE_ORDER.indexOf(node.state);
  };
  const lowest = Math.min(...healthy.map(rank));
  const equals = healthy.filter((id) => rank(id) === lowest).sort();
  return equals[shard.route.shard % equals.length];
}

function swapOwner(shard: ShardPlan, target: string, retires: string | null): void {
  shard.owners = [...shard.owners.filter((id) => id !== retires), target];
}

/** Whether the switch is behind a move, also while the job that carries it out has not reported its phase yet. */
const isPast = (move: Move, route: ShardRoute): boolean =>
  isSwitched(move.phase) || (route.moveId === move.id && (route.state === 'settling' || route.state === 'settled'));

/** Whether a pending move still leads where the shard should go, given what happens before it. */
function isWanted(planning: Planning, shard: ShardPlan, move: Move, desired: readonly string[]): boolean {
  const { source, target, retires } = move;
  if (!desired.includes(target) || shard.owners.includes(target)) return false;
  if (retires !== null && desired.includes(retires)) return false;
  if (move.phase !== 'Idle') return true;
  // A move that has not begun is planned anew rather than adjusted: its first phase would refuse these anyway.
  const node = planning.nodes.get(source);
  const isReadable = node !== undefined && mayBeSource(node.state) && shard.owners.includes(source);
  return isReadable && (retires === null || shard.owners.includes(retires));
}

/** Sorts the pending moves of one shard into keep, cancel and finish; kept ones count as if they had happened. */
function judgePending(planning: Planning, shard: ShardPlan, pending: readonly Move[]): void {
  const desiredOf = (move: Move): readonly string[] =>
    shard.entry.groups.includes(move.group) ? planning.placement.owners(shard.entry, move.shard, move.group) : [];
  const sorted = [...pending].sort(
    (a, b) => phaseIndex(b.phase) - phaseIndex(a.phase) || a.id.length - b.id.length || (a.id < b.id ? -1 : 1),
  );
  for (const move of sorted.filter((each) => isPast(each, shard.route))) {
    const { target, retires } = move;
    const desired = desiredOf(move);
    const isHelpful = desired.includes(target) && (retires === null || !desired.includes(retires));
    (isHelpful ? planning.keep : planning.finish).push(move.id);
  }
  let waiting = sorted.filter((move) => !isPast(move, shard.route));
  // A move may build on another (its source is the other's target), so one is looked for until none is found.
  for (;;) {
    const next = waiting.find((move) => !move.cancelWished && isWanted(planning, shard, move, desiredOf(move)));
    if (next === undefined) break;
    swapOwner(shard, next.target, next.retires);
    planning.keep.push(next.id);
    waiting = waiting.filter((move) => move !== next);
  }
  planning.cancel.push(...waiting.map((move) => move.id));
}

/** The owners that leave a group, most urgent first: lost ones, draining ones, displaced ones. */
function leaversOf(planning: Planning, shard: ShardPlan, group: number, desired: readonly string[]): string[] {
  const order = (id: string): number => urgency(reasonToLeave(planning.nodes.get(id)));
  return shard.owners
    .filter((id) => planning.nodes.get(id)?.group === group && !desired.includes(id))
    .sort((a, b) => order(a) - order(b) || (a < b ? -1 : 1));
}

const NO_COPY_REMEDY =
  'Start one of them again with its data and send NodeRecovered; without it load the documents of the shard again';

interface Wish {
  readonly group: number;
  readonly target: string;
  readonly retires: string | null;
  readonly reason: MoveReason;
  /** Its copy is what the wish is for, and it may come back with it. */
  readonly awaited: TopologyNode | undefined;
}

/** Pairs who arrives in a group with who leaves it. A leaver that nobody replaces stays, so copies never get fewer. */
function wishesOf(planning: Planning, shard: ShardPlan, group: number): Wish[] {
  const { entry, route } = shard;
  const desired = planning.placement.owners(entry, route.shard, group);
  const arrivals = desired.filter((id) => !shard.owners.includes(id));
  const leavers = leaversOf(planning, shard, group, desired);
  for (const id of leavers.slice(arrivals.length)) {
    const node = planning.nodes.get(id)!;
    if (reasonToLeave(node) === 'balance') continue;
    const why =
      desired.length < entry.replicationFactor
        ? `replica group ${group} has ${desired.length} other node(s) for replication factor ${entry.replicationFactor}`
        : `no other node lacks a copy of the shard`;
    const reason = `node ${id} is ${node.state}, but ${why}`;
    planning.blocked.push({ index: entry.uid, shard: route.shard, group, reason });
  }
  // A failed node is no owner any more where another is, and nobody takes its place.
  const short = desired.length < entry.replicationFactor && leavers.length <= arrivals.length;
  // The first by its id: in which order nodes were read is nobody's reason.
  const [lost] = short
    ? [...planning.nodes.values()]
        .filter((node) => node.group === group && node.state === 'failed')
        .sort((a, b) => (a.id < b.id ? -1 : 1))
    : [];
  if (lost) {
    const has = `replica group ${group} has ${desired.length} other node(s) for replication factor`;
    const reason = `node ${lost.id} is ${lost.state}, but ${has} ${entry.replicationFactor}`;
    planning.blocked.push({ index: entry.uid, shard: route.shard, group, reason });
  }
  const absent = absentFrom(route, planning.nodes, group, arrivals.length - leavers.length);
  return arrivals.map((target, i) => {
    const retires = leavers[i] ?? null;
    const reason = retires === null ? reasonToJoin(planning, group) : reasonToLeave(planning.nodes.get(retires));
    // Of copies that are just missing the last ones wait: the best candidates take those that nobody brings back.
    const gone = retires === null ? absent[arrivals.length - 1 - i] : planning.nodes.get(retires);
    return { group, target, retires, reason, awaited: isAwaited(gone) ? gone : undefined };
  });
}

/** Turns the shard's wishes into moves, one after the other, the most urgent first. */
function planShard(planning: Planning, shard: ShardPlan): void {
  const { entry, route } = shard;
  // What a group that is drained holds leaves with the group, and nobody takes its place.
  const groups = entry.groups.filter((group) => mayHoldShards(planning.topology, group));
  const wishes = groups.flatMap((group) => wishesOf(planning, shard, group));
  if (wishes.length > 1) wishes.sort((a, b) => urgency(a.reason) - urgency(b.reason) || a.group - b.group);
  let step = 0;
  for (const { group, target, retires, reason, awaited } of wishes) {
    const source = chooseSource(planning, shard, group, retires);
    if (source === undefined) {
      const owners = [...shard.owners]
        .sort()
        .map((owner) => `${owner} (${planning.nodes.get(owner)?.state ?? 'not known'})`);
      planning.blocked.push({
        index: entry.uid,
        shard: route.shard,
        group,
        reason: `no healthy copy is left to bring to ${target}; owners: ${owners.join(', ') || 'none'}. ${NO_COPY_REMEDY}`,
      });
      continue;
    }
    if (awaited !== undefined) {
      planning.blocked.push({ index: entry.uid, shard: route.shard, group, reason: repairBegins(awaited) });
      continue;
    }
    const move: PlannedMove = { index: entry.uid, shard: route.shard, group, source, target, retires, reason };
    planning.moves.push({ ...move, step });
    swapOwner(shard, target, retires);
    step += 1;
  }
}

/** Pending moves of one index by shard. */
function byShard(pending: readonly Move[], { entry, table }: PlannerIndex): Map<number, Move[]> {
  for (const { id, shard } of pending) {
    if (table.shards[shard] !== undefined) continue;
    throw new InvariantError(`move ${id} names shard ${shard}, index ${entry.uid} has ${entry.shards}`);
  }
  return groupedBy(pending, ({ shard }) => shard);
}

const byUid = (a: PlannerIndex, b: PlannerIndex): number => (a.entry.uid < b.entry.uid ? -1 : 1);

/**
 * The plan that leads from the tables to rendezvous placement over the nodes that may own shards.
 *
 * Per shard and replica group every node that should own it and does not is the target of one move; the owners that
 * should leave retire with these, lost ones first. What cannot be moved is in `blocked` with a reason, and a leaver
 * without a successor stays an owner. Throws `InvariantError` when a table does not fit its index.
 */
export function planMoves(input: PlannerInput): Plan {
  const { topology, pending = [] } = input;
  const indexes = [...input.indexes].sort(byUid);
  const planning: Planning = {
    topology,
    nodes: new Map(topology.nodes.map((node) => [node.id, node])),
    placement: desiredPlacement(
      indexes.map(({ entry }) => entry),
      topology,
    ),
    moves: [],
    blocked: [],
    keep: [],
    cancel: [],
    finish: [],
  };
  const pendingOf = groupedBy(
    pending.filter(({ outcome }) => outcome === undefined),
    (move) => move.index,
  );
  for (const index of indexes) {
    const { entry, table } = index;
    if (table.shards.length !== entry.shards || table.index !== entry.uid) {
      throw new InvariantError(`table ${table.index} has ${table.shards.length} shards, ${entry.uid} ${entry.shards}`);
    }
    const moving = byShard(pendingOf.get(entry.uid) ?? [], index);
    const sorted = { ...entry, groups: [...entry.groups].sort((a, b) => a - b) };
    for (const route of table.shards) {
      const shard: ShardPlan = { entry: sorted, route, owners: route.owners };
      judgePending(planning, shard, moving.get(route.shard) ?? []);
      planShard(planning, shard);
    }
  }
  const { blocked, keep, cancel, finish } = planning;
  const wanted = planning.moves.filter((move) => input.wanted?.(move) !== false);
  // Stable, so index, shard and step stay in order within a reason.
  wanted.sort((a, b) => urgency(a.reason) - urgency(b.reason));
  const id = planId(input, wanted);
  return { id, topologyVersion: topology.version, moves: named(id, wanted), blocked, keep, cancel, finish };
}

/** The shards of an index whose wanted owners differ between two topologies, ascending. */
export function affectedShards(before: Topology, after: Topology, entry: IndexEntry): number[] {
  const [old, fresh] = [desiredPlacement([entry], before), desiredPlacement([entry], after)];
  const ownersOf = (placement: DesiredPlacement, shard: number): string =>
    entry.groups
      .flatMap((group) => placement.owners(entry, shard, group))
      .sort()
      .join();
  return Array.from({ length: entry.shards }, (_, shard) => shard).filter(
    (shard) => ownersOf(old, shard) !== ownersOf(fresh, shard),
  );
}
