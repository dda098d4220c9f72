/** The fleet at one version: its nodes and replica groups. */
import { type GroupParts, type GroupView, listGroups } from './groups.ts';
import { listNodes, type NodeView } from './nodes.ts';

export interface TopologyView {
  /** Raised by every change of nodes and groups. */
  readonly version: number;
  readonly nodes: readonly NodeView[];
  readonly groups: readonly GroupView[];
}

export async function showTopology(parts: GroupParts): Promise<TopologyView> {
  const { version } = await parts.records.topology();
  return { version, nodes: await listNodes(parts), groups: await listGroups(parts) };
}
