/** The fleet at one version: its nodes and replica groups. */
import type { Lacking } from '../core/lacking.ts';
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
  /** Shards that failed nodes have left without a copy, or with too few; at most two entries an index. */
  readonly lacking: readonly Lacking[];
}

export async function showTopology(control: GroupParts): Promise<TopologyView> {
  const fleet = await readFleet(control);
  const { topology } = fleet;
  const parts = indexParts(fleet);
  const covered = parts.every(({ isCovered }) => isCovered);
  const lacking = parts.flatMap((part) => part.lacking);
  const [nodes, groups] = await Promise.all([
    viewNodes(control, fleet),
    viewGroups(control, fleet, groupsOf(topology)),
  ]);
  return { version: topology.version, nodes, groups, covered, lacking };
}
