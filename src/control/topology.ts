/** The fleet at one version: its nodes and replica groups. */
import { isReadable } from '../core/topology.ts';
import { type GroupParts, type GroupView, listGroups } from './groups.ts';
import { allIndexes } from './indexes.ts';
import { listNodes, type NodeView } from './nodes.ts';

export interface TopologyView {
  /** Raised by every change of nodes and groups. */
  readonly version: number;
  readonly nodes: readonly NodeView[];
  readonly groups: readonly GroupView[];
  /** Every shard has a node that it is read from. */
  readonly covered: boolean;
}

export async function showTopology(parts: GroupParts): Promise<TopologyView> {
  const topology = await parts.records.topology();
  const indexes = await allIndexes(parts);
  const covered = indexes.every(({ table }) =>
    table.shards.every(({ readers }) => readers.some((reader) => isReadable(topology, reader))),
  );
  return { version: topology.version, nodes: await listNodes(parts), groups: await listGroups(parts), covered };
}
