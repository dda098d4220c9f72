/** What goes on: nodes, plans, moves. */
import { groupedBy } from '../core/grouped.ts';
import { byOwnership } from '../core/missed.ts';
import { turnOf } from '../core/move.ts';
import type { PlanHold } from '../core/plan-hold.ts';
import type { PlanStage } from '../core/plan-stage.ts';
import type { BlockedShard, PlannerIndex } from '../core/planner.ts';
import type { MoveState, Passes, PlanRecord, RepairLists } from '../ports.ts';
import { type EtaParts, type EtaView, etaView } from './eta.ts';
import { readFleet } from './fleet-read.ts';
import { indexParts } from './index-part.ts';
import { type MoveView, viewMoves } from './move-view.ts';
import { type NodeView, viewNodes } from './nodes.ts';
import type { ControlParts } from './parts.ts';
import { planStage } from './plan-list.ts';
import { progressOf, type PlanProgress } from './progress.ts';

export type PlanStatus = Pick<
  PlanRecord,
  'id' | 'why' | 'state' | 'createdAtMs' | 'endedAtMs' | 'blocked' | 'held' | 'cancelled'
> & {
  readonly stage: PlanStage;
  readonly progress: PlanProgress & EtaView;
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

export interface StatusParts extends ControlParts, EtaParts {
  readonly repairs: Pick<RepairLists, 'sizes'>;
  readonly passes: Pick<Passes, 'list' | 'wish'>;
}

export interface Status {
  readonly topologyVersion: number;
  readonly nodes: readonly NodeView[];
  /** Who has paused all plans; null: nobody. */
  readonly paused: PlanHold | null;
  readonly plans: readonly PlanStatus[];
  /** What is wanted and cannot be done as things are now, with the reason. */
  readonly blocked: readonly BlockedShard[];
  /** Unfinished ones: those that run, those that wait, those in their grace. */
  readonly moves: readonly MoveView[];
  readonly missed: readonly MissedView[];
  readonly former: readonly FormerView[];
  readonly frozen: readonly FrozenView[];
}

/** Ended plans shown beside those that run. */
const ENDED_PLANS = 5;

export async function status(parts: StatusParts): Promise<Status> {
  const { records } = parts;
  const fleet = await readFleet(parts);
  const { topology, indexes, movesOf } = fleet;
  const plans: PlanStatus[] = [];
  for (const plan of await records.plans(ENDED_PLANS)) {
    const moves = await records.moves(await records.planMoveIds(plan.id));
    const stage = await planStage(parts, plan);
    const progress = { ...progressOf(moves), ...(await etaView(parts, plan)) };
    const { id, why, state, createdAtMs, endedAtMs, blocked, held, cancelled } = plan;
    plans.push({ id, why, state, stage, createdAtMs, endedAtMs, blocked, held, cancelled, progress });
  }
  const runningFirst = (a: MoveState, b: MoveState): number =>
    turnOf(a) - turnOf(b) ||
    (a.startedAtMs ?? 0) - (b.startedAtMs ?? 0) ||
    (a.index === b.index ? a.shard - b.shard : a.index < b.index ? -1 : 1);
  return {
    topologyVersion: topology.version,
    nodes: await viewNodes(parts, fleet),
    paused: await parts.planHolds.all(),
    plans,
    blocked: indexParts(fleet).flatMap((part) => part.blocked()),
    moves: await viewMoves(parts, [...movesOf.values()].flat().sort(runningFirst)),
    ...(await listedOf(parts)),
    frozen: frozenOf(indexes),
  };
}

async function listedOf({ records, repairs }: StatusParts): Promise<Pick<Status, 'missed' | 'former'>> {
  const missed: MissedView[] = [];
  const former: FormerView[] = [];
  const found = await Promise.all(
    (await records.indexes()).map(async ({ uid }) => ({ uid, lists: await repairs.sizes(uid) })),
  );
  for (const { uid, lists } of found) {
    if (lists.length === 0) continue;
    const listed = byOwnership(lists, (await records.table(uid))?.shards ?? []);
    for (const [node, of] of groupedBy(listed.owners, ({ owner }) => owner)) {
      const entries = of.reduce((sum, { ids }) => sum + ids, 0);
      const wholeShards = of.filter(({ isWhole }) => isWhole).length;
      missed.push({ index: uid, node, shards: of.length, entries, wholeShards });
    }
    for (const [node, { length }] of groupedBy(listed.former, ({ owner }) => owner))
      former.push({ index: uid, node, shards: length });
  }
  return { missed, former };
}

function frozenOf(indexes: readonly PlannerIndex[]): readonly FrozenView[] {
  return indexes.flatMap(({ entry, table }) =>
    table.shards
      .filter((route) => route.frozen === true)
      .map(({ shard, owners, others = [] }) => ({ index: entry.uid, shard, owners, others })),
  );
}
