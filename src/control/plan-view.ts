/** A plan that was just made, for people: what moves, and what each node holds before and after. */
import { planSummary } from '../core/planner.ts';
import type { MoveState, PlanRecord, ProposedNode } from '../ports.ts';
import { copiesAfter, copiesNow } from './copies.ts';
import { allIndexes } from './indexes.ts';
import type { ControlParts } from './parts.ts';
import { planOf } from './plan-list.ts';

export interface PlanView {
  readonly id: string;
  readonly why: string;
  readonly moves: number;
  /** The least number of moves that leads there: copies that are new on a node. */
  readonly minimum: number;
  readonly documents: number | null;
  readonly bytes: number | null;
  readonly nodes: readonly ProposedNode[];
  readonly blocked: PlanRecord['blocked'];
}

/** Counts on the nodes; meant for the moment after planning. */
export async function planView(parts: ControlParts, planId: string): Promise<PlanView> {
  const { records } = parts;
  const { id, why, blocked } = await planOf(parts, planId);
  const topology = await records.topology();
  const moves = await records.moves(await records.planMoveIds(planId));
  // What has switched already counts where it was: the view is of the plan, not of the moment.
  const tables = withoutSwitched(await allIndexes(parts), moves);
  const before = await copiesNow(parts, topology, tables);
  const { nodes, documents, bytes } = copiesAfter(before, moves);
  const nothing = { shards: 0, documents: 0, bytes: 0 };
  return {
    id,
    why,
    moves: moves.length,
    minimum: planSummary({ moves }, tables).minimum,
    documents,
    bytes,
    nodes: topology.nodes
      .filter(({ state }) => state !== 'removed')
      .map((node) => ({
        id: node.id,
        state: node.state,
        before: before.nodes.get(node.id) ?? nothing,
        after: nodes.get(node.id) ?? nothing,
      })),
    blocked,
  };
}

type Indexes = Awaited<ReturnType<typeof allIndexes>>;

/** The tables as they were before these moves changed owners; the tables themselves say which have, since moves go on. */
function withoutSwitched(indexes: Indexes, moves: readonly MoveState[]): Indexes {
  const byShard = new Map(moves.map((move) => [`${move.index}/${move.shard}`, move]));
  return indexes.map(({ entry, table }) => ({
    entry,
    table: {
      ...table,
      shards: table.shards.map((route) => {
        const move = byShard.get(`${entry.uid}/${route.shard}`);
        if (move === undefined || !route.owners.includes(move.target)) return route;
        const rest = route.owners.filter((owner) => owner !== move.target);
        return { ...route, owners: move.retires === null ? rest : [...rest, move.retires] };
      }),
    },
  }));
}
