/**
 * When the lost copies of a failed node are restored elsewhere: not at once, since most nodes come back, and bringing one
 * level costs a fraction of copying what it holds. Until then its shards stay short, and plans say so.
 */
import type { ShardRoute } from './routing.ts';
import type { Topology, TopologyNode } from './topology.ts';

/** Failed nodes whose repair has not begun, by id. */
export const awaitedNodes = (topology: Topology): ReadonlyMap<string, TopologyNode> =>
  new Map(topology.nodes.filter(({ repairAtMs }) => repairAtMs !== undefined).map((node) => [node.id, node]));

/** The node as one whose return is not waited for any more. */
export function repairBegun(node: TopologyNode): TopologyNode {
  const { repairAtMs: _over, ...begun } = node;
  return begun;
}

/** Awaited nodes of a group that left the shard with their copy. */
export const absentFrom = (
  { left = [] }: ShardRoute,
  awaited: ReadonlyMap<string, TopologyNode>,
  group: number,
): TopologyNode[] =>
  left.flatMap((id) => {
    const node = awaited.get(id);
    return node?.group === group ? [node] : [];
  });

export const repairBegins = ({ id, repairAtMs = 0 }: TopologyNode): string =>
  `node ${id} has failed; repair begins at ${new Date(repairAtMs).toISOString()}, or with: miroir node fail ${id} --now`;
