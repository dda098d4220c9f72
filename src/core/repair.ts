/**
 * When the lost copies of a failed node are restored elsewhere: not at once, since most nodes come back, and bringing one
 * level costs a fraction of copying what it holds. Until then its shards stay short, and plans say so.
 */
import type { ShardRoute } from './routing.ts';
import type { TopologyNode } from './topology.ts';

/** Whether the node has failed and its repair has not begun. */
export const isAwaited = (node: TopologyNode | undefined): node is TopologyNode => node?.repairAtMs !== undefined;

/** The node as one whose return is not waited for any more. */
export function repairBegun(node: TopologyNode): TopologyNode {
  const { repairAtMs: _over, ...begun } = node;
  return begun;
}

/**
 * Of a group's nodes that left the shard those that may bring a missing copy back. Who left last is missed: whoever left
 * before that was replaced since.
 */
export function absentFrom(
  { left = [] }: ShardRoute,
  nodes: ReadonlyMap<string, TopologyNode>,
  group: number,
  missing: number,
): TopologyNode[] {
  if (missing <= 0) return [];
  const ours = left.flatMap((id) => nodes.get(id) ?? []).filter((node) => node.group === group);
  return ours.slice(-missing).filter(isAwaited);
}

export const repairBegins = ({ id, repairAtMs = 0 }: TopologyNode): string =>
  `node ${id} has failed; repair begins at ${new Date(repairAtMs).toISOString()}, or with: miroir node fail ${id} --now`;
