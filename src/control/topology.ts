/** The fleet at one version: its nodes and replica groups. */
import { groupsOf } from '../core/topology.ts';
import { readFleet } from './fleet-read.ts';
import { type GroupParts, type GroupView, viewGroups } from './groups.ts';
import { indexParts } from './index-part.ts';
import { type NodeView, viewNodes } from './nodes.ts';

export interface TopologyView {
  /** Raised by every change of nodes and groups. */
  readonly version: number;
  readonly nodes: readonly NodeView[];
  readonly groups: readonly GroupView[];
  /** Every shard has a node that it is read from. */
  readonly covered: boolean;
}

export async function showTopology(parts: GroupParts): Promise<TopologyView> {
  const fleet = await readFleet(parts);
  const { topology } = fleet;
  const covered = indexParts(fleet).every(({ isCovered }) => isCovered);
  const [nodes, groups] = await Promise.all([viewNodes(parts, fleet), viewGroups(parts, fleet, groupsOf(topology))]);
  return { version: topology.version, nodes, groups, covered };
}
