/**
 * Which nodes own a shard: rendezvous hashing, separately in each replica group. The order of the nodes never matters,
 * and a node that joins or leaves changes only the shards that it wins or loses.
 */
import { mayHoldShards, readersAmong } from './groups.ts';
import { rendezvousScore } from './hashing.ts';
import { rankNodes, type NodeRanking } from './ranking.ts';
import type { IndexEntry, ShardRoute } from './routing.ts';
import { mayOwn, type Topology } from './topology.ts';

/**
 * The owners of one shard among `nodes`: highest score first, equal scores by node id, `min(replicationFactor,
 * nodes.length)` of them. For whole tables use `desiredPlacement`, which is 30 times faster.
 */
export function assignShard({
  shard,
  nodes,
  replicationFactor,
}: {
  shard: number;
  nodes: readonly string[];
  replicationFactor: number;
}): string[] {
  return nodes
    .map((id) => ({ id, score: rendezvousScore(shard, id) }))
    .sort((a, b) => (a.score === b.score ? (a.id < b.id ? -1 : 1) : a.score > b.score ? -1 : 1))
    .slice(0, replicationFactor)
    .map(({ id }) => id);
}

/** The nodes of a replica group that may be given shards, by id. */
export const ownersOfGroup = (topology: Topology, group: number): string[] =>
  mayHoldShards(topology, group)
    ? topology.nodes
        .filter((node) => node.group === group && mayOwn(node))
        .map((node) => node.id)
        .sort()
    : [];

/** The owners that a shard should have, by replica group, each list best first. */
export function desiredOwners(index: IndexEntry, topology: Topology, shard: number): Map<number, string[]> {
  const { replicationFactor } = index;
  return new Map(
    index.groups.map((group) => [
      group,
      assignShard({ shard, nodes: ownersOfGroup(topology, group), replicationFactor }),
    ]),
  );
}

/** The wanted owners of every shard of several indexes, worked out once per replica group. */
export interface DesiredPlacement {
  /** Owners of a shard within a group, best first. */
  owners(index: IndexEntry, shard: number, group: number): readonly string[];
}

/**
 * Scores do not depend on the index, so all indexes share one ranking per group, as deep as the largest replication
 * factor and as long as the largest shard count. Cost: nodes × shards scores, about 4 ns each.
 */
export function desiredPlacement(indexes: readonly IndexEntry[], topology: Topology): DesiredPlacement {
  const shards = Math.max(0, ...indexes.map((index) => index.shards));
  const copies = Math.max(0, ...indexes.map((index) => index.replicationFactor));
  const rankings = new Map<number, NodeRanking>();
  return {
    owners(index, shard, group) {
      let ranking = rankings.get(group);
      if (ranking === undefined) {
        ranking = rankNodes(ownersOfGroup(topology, group), shards, copies);
        rankings.set(group, ranking);
      }
      return ranking.best(shard, index.replicationFactor);
    },
  };
}

/**
 * The routing table of a new index: every shard stable, owned where placement puts it and read there in groups that are
 * active, at epoch 1.
 */
export function initialRoutes(index: IndexEntry, topology: Topology): ShardRoute[] {
  const placement = desiredPlacement([index], topology);
  return Array.from({ length: index.shards }, (_, shard) => {
    const owners = index.groups.flatMap((group) => placement.owners(index, shard, group));
    return { shard, state: 'stable', owners, readers: readersAmong(topology, owners, owners), epoch: 1 };
  });
}
