/** The best nodes of every shard at once. */
import { rendezvousScore } from './hashing.ts';

export interface NodeRanking {
  /** Up to `count` nodes of a shard, best first. */
  best(shard: number, count: number): readonly string[];
}

export function rankNodes(nodes: readonly string[], shards: number, copies: number): NodeRanking {
  const all = Array.from({ length: shards }, (_, shard) =>
    nodes
      .map((id) => ({ id, score: rendezvousScore(shard, id) }))
      .sort((a, b) => (a.score === b.score ? (a.id < b.id ? -1 : 1) : a.score > b.score ? -1 : 1))
      .slice(0, copies)
      .map(({ id }) => id),
  );
  return { best: (shard, count) => (all[shard] ?? []).slice(0, count) };
}
