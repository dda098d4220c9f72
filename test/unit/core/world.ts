/** Small topologies and tables for the tests of the core. */
import type { Move } from '../../../src/core/move.ts';
import { initialRoutes } from '../../../src/core/placement.ts';
import type { PlannerIndex } from '../../../src/core/planner.ts';
import type { IndexEntry, ShardRoute } from '../../../src/core/routing.ts';
import type { NodeState, Topology } from '../../../src/core/topology.ts';

/** Nodes by id, in group 0 unless a pair says otherwise. */
export function topologyOf(nodes: Record<string, NodeState | readonly [group: number, state: NodeState]>): Topology {
  return {
    version: 1,
    nodes: Object.entries(nodes).map(([id, node]) => {
      const [group, state] = typeof node === 'string' ? ([0, node] as const) : node;
      return { id, group, url: `http://${id}:7700`, state };
    }),
  };
}

export const entryOf = (uid: string, shards: number, replicationFactor: number, groups = [0]): IndexEntry => ({
  uid,
  primaryKey: 'id',
  shards,
  replicationFactor,
  groups,
});

/** An index where placement puts it. */
export const placed = (entry: IndexEntry, topology: Topology): PlannerIndex => ({
  entry,
  table: { index: entry.uid, epoch: 1, shards: initialRoutes(entry, topology) },
});

/** An index with the owners given per shard. */
export const owned = (entry: IndexEntry, owners: readonly (readonly string[])[]): PlannerIndex => ({
  entry,
  table: {
    index: entry.uid,
    epoch: 1,
    shards: owners.map((each, shard): ShardRoute => ({
      shard,
      state: 'stable',
      owners: each,
      readers: each,
      epoch: 1,
    })),
  },
});

export const pendingMove = (move: Partial<Move> & Pick<Move, 'source' | 'target' | 'retires'>): Move => ({
  id: 'p0-0-0-x',
  planId: 'p0',
  index: 'idx',
  shard: 0,
  group: 0,
  reason: 'balance',
  phase: 'Idle',
  cancelWished: false,
  ...move,
});
