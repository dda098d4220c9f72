/** Whether a node may be drained: its copies must have somewhere to go. */
import { LastReplicaError } from '../errors.ts';
import type { PlannerIndex } from './plan.ts';
import { ownersOfGroup } from './placement.ts';
import type { Topology } from './topology.ts';

/**
 * Throws `LastReplicaError` when draining the node would leave a replica group with fewer nodes than a shard of some
 * index now has copies in it: those copies would have nowhere to go. Does not look at the node's state.
 */
export function assertDrainable(topology: Topology, indexes: readonly PlannerIndex[], nodeId: string): void {
  const nodes = new Map(topology.nodes.map((node) => [node.id, node]));
  const group = nodes.get(nodeId)?.group;
  if (group === undefined) return;
  const remaining = ownersOfGroup(topology, group).filter((id) => id !== nodeId).length;
  const isCopy = (id: string): boolean => {
    const node = nodes.get(id);
    return node !== undefined && node.group === group && node.state !== 'failed' && node.state !== 'removed';
  };
  for (const { entry, table } of [...indexes].sort((a, b) => (a.entry.uid < b.entry.uid ? -1 : 1))) {
    if (!entry.groups.includes(group)) continue;
    const copies = table.shards.reduce(
      (most, { owners }) => (owners.includes(nodeId) ? Math.max(most, owners.filter(isCopy).length) : most),
      0,
    );
    if (copies > remaining) {
      throw new LastReplicaError(
        `without ${nodeId} replica group ${group} has ${remaining} node(s) for ${copies} copies of index ${entry.uid}`,
        {
          field: 'node_id',
          remedy: `add a node to replica group ${group} first, or wait until its other nodes have recovered`,
          details: { node: nodeId, group, index: entry.uid, copies, remaining },
        },
      );
    }
  }
}
