/** What goes on: nodes, plans, moves. */
import { byOwnership } from '../core/missed.ts';
import type { MoveReason, Outcome, Phase } from '../core/move.ts';
import type { PlanHold } from '../core/plan-hold.ts';
import { planMoves, type BlockedShard, type PlannerIndex } from '../core/planner.ts';
import { type Wait, waitOf } from '../core/reasons.ts';
import type { MoveState, MoveSurroundings, Passes, PlanRecord, RepairListSize, RepairLists } from '../ports.ts';
import { allIndexes } from './indexes.ts';
import { toldHolds } from './held-moves.ts';
import { listNodes, type NodeView } from './nodes.ts';
import type { ControlParts } from './parts.ts';
import { progressOf, type PlanProgress } from './progress.ts';

export interface MoveView {
  readonly id: string;
  readonly plan: string;
  readonly index: string;
  readonly shard: number;
  readonly source: string;
  readonly target: string;
  readonly reason: MoveReason;
  readonly phase: Phase;
  /** The target had a copy that is brought level: `docsMigrated` counts what was sent for that. */
  readonly level: boolean;
  readonly outcome: Outcome | null;
  readonly docsMigrated: number;
  /** On the source when the copy began; null before. */
  readonly documents: number | null;
  /** Next slot to copy, of 65,536. */
  readonly lastOffset: number;
  readonly differences: number;
  /** Documents whose last write an operator has given up (`move accept-loss`), and some of their ids. */
  readonly lost: number;
  readonly lostIds: readonly string[];
  /** Why it waits, or what it failed with. */
  readonly note: string | null;
  /** Why it does not get on, since when, and what unblocks it; null while it gets on, and once it has ended. */
  readonly waiting: Wait | null;
}

export type PlanStatus = Pick<
  PlanRecord,
  'id' | 'why' | 'state' | 'createdAtMs' | 'endedAtMs' | 'blocked' | 'held' | 'cancelled'
> & {
  readonly progress: PlanProgress;
};

/** What an owner missed of an index, or nobody knows whether it did; worked off while the node answers. */
export interface MissedView {
  readonly index: string;
  readonly node: string;
  readonly shards: number;
  /** Ids, and one for each whole shard. */
  readonly entries: number;
  /** Shards of which too many or unknown ones were missed: they are compared as a whole. */
  readonly wholeShards: number;
}

/**
 * A node that left shards, which may come back with its copies: they are asked where every owner has missed something. Nothing
 * is to be done about it; it ends when the node gets the shard again or is removed.
 */
export interface FormerView {
  readonly index: string;
  readonly node: string;
  readonly shards: number;
}

/** A shard that no move touches since Redis lost writes about it, until an operator lets go (`index thaw`). */
export interface FrozenView {
  readonly index: string;
  readonly shard: number;
  readonly owners: readonly string[];
  /** Nodes that may hold what the owners do not. */
  readonly others: readonly string[];
}

export interface StatusParts extends ControlParts {
  readonly repairs: Pick<RepairLists, 'sizes'>;
  readonly passes: Pick<Passes, 'list' | 'wish'>;
  readonly surroundings: MoveSurroundings;
}

export interface Status {
  readonly topologyVersion: number;
  readonly nodes: readonly NodeView[];
  /** Who has paused all plans; null: nobody. */
  readonly paused: PlanHold | null;
  readonly plans: readonly PlanStatus[];
  /** What is wanted and cannot be done as things are now, with the reason. */
  readonly blocked: readonly BlockedShard[];
  /** Unfinished ones, those that run first. */
  readonly moves: readonly MoveView[];
  readonly missed: readonly MissedView[];
  readonly former: readonly FormerView[];
  readonly frozen: readonly FrozenView[];
}

/** Ended plans shown beside those that run. */
const ENDED_PLANS = 5;

export async function status(parts: StatusParts): Promise<Status> {
  const { records } = parts;
  const topology = await records.topology();
  const moves = await records.unfinishedMoves();
  const plans: PlanStatus[] = [];
  for (const plan of await records.plans(ENDED_PLANS)) {
    const progress = progressOf(await records.moves(await records.planMoveIds(plan.id)));
    const { id, why, state, createdAtMs, endedAtMs, blocked, held, cancelled } = plan;
    plans.push({ id, why, state, createdAtMs, endedAtMs, blocked, held, cancelled, progress });
  }
  const runningFirst = (a: MoveState, b: MoveState): number =>
    Number(a.phase === 'Idle') - Number(b.phase === 'Idle') ||
    (a.startedAtMs ?? 0) - (b.startedAtMs ?? 0) ||
    (a.index === b.index ? a.shard - b.shard : a.index < b.index ? -1 : 1);
  const indexes = await allIndexes(parts);
  return {
    topologyVersion: topology.version,
    nodes: await listNodes(parts),
    paused: await parts.planHolds.all(),
    plans,
    blocked: planMoves({ topology, indexes, pending: moves }).blocked,
    moves: await viewMoves(parts, [...moves].sort(runningFirst)),
    ...(await listedOf(parts)),
    frozen: frozenOf(indexes),
  };
}

async function listedOf({ records, repairs }: StatusParts): Promise<Pick<Status, 'missed' | 'former'>> {
  const missed: MissedView[] = [];
  const former: FormerView[] = [];
  for (const { uid } of await records.indexes()) {
    const lists = await repairs.sizes(uid);
    if (lists.length === 0) continue;
    const listed = byOwnership(lists, (await records.table(uid))?.shards ?? []);
    for (const [node, of] of byNode(listed.owners)) {
      const entries = of.reduce((sum, { ids }) => sum + ids, 0);
      const wholeShards = of.filter(({ isWhole }) => isWhole).length;
      missed.push({ index: uid, node, shards: of.length, entries, wholeShards });
    }
    for (const [node, { length }] of byNode(listed.former)) former.push({ index: uid, node, shards: length });
  }
  return { missed, former };
}

function byNode(lists: readonly RepairListSize[]): ReadonlyMap<string, readonly RepairListSize[]> {
  const found = new Map<string, RepairListSize[]>();
  for (const list of lists) found.set(list.owner, [...(found.get(list.owner) ?? []), list]);
  return found;
}

function frozenOf(indexes: readonly PlannerIndex[]): readonly FrozenView[] {
  return indexes.flatMap(({ entry, table }) =>
    table.shards
      .filter((route) => route.frozen === true)
      .map(({ shard, owners, others = [] }) => ({ index: entry.uid, shard, owners, others })),
  );
}

export async function viewMoves(
  parts: Pick<StatusParts, 'records' | 'surroundings' | 'planHolds'>,
  moves: readonly MoveState[],
): Promise<MoveView[]> {
  const told = await toldHolds(parts, moves);
  const { nowMs, around } = await parts.surroundings.of(told);
  return told.map((move) => viewMove(move, waitOf(move, around.get(move.id), nowMs)));
}

function viewMove(move: MoveState, waiting: Wait | null): MoveView {
  const { id, planId, index, shard, source, target, reason, phase, outcome, docsMigrated, documents, level } = move;
  return {
    id,
    plan: planId,
    index,
    shard,
    source,
    target,
    reason,
    phase,
    level,
    outcome: outcome ?? null,
    docsMigrated,
    documents,
    lastOffset: move.lastOffset,
    differences: move.differences,
    lost: move.lost,
    lostIds: move.lostIds,
    note: move.error ?? waiting?.text ?? (move.cancelWished ? 'is being cancelled' : null),
    waiting,
  };
}
