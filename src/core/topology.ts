/** The topology: which nodes there are, in which group and state. Names and states are those of the original miroir. */
import type { TopologyGroup } from './groups.ts';
import type { NodeSeen } from './seen.ts';

export const NODE_STATES = [
  'healthy',
  'degraded',
  'draining',
  'failed',
  'joining',
  'active',
  'restoring',
  'removed',
] as const;
export type NodeState = (typeof NODE_STATES)[number];

export interface TopologyNode {
  readonly id: string;
  /** Replica group: a set of nodes that together hold a full copy of every shard. */
  readonly group: number;
  /** Base URL, http or https, without a path. */
  readonly url: string;
  /** Name under which the node's API key is looked up; the key itself is never stored. */
  readonly apiKeyRef?: string;
  readonly state: NodeState;
  /** Since when it is `failed` (Redis time, ms); absent in every other state. */
  readonly failedAtMs?: number;
  /** Until then (Redis time, ms) its copies are not restored elsewhere, since it may come back; absent once that is over. */
  readonly repairAtMs?: number;
  /** It failed while it was drained, or is back from that: it goes on being drained when it can. */
  readonly drainWished?: true;
  /** What observers made of it. */
  readonly seen?: NodeSeen;
}

export interface Topology {
  /** Raised by one with every change. 0 = nothing there yet. */
  readonly version: number;
  readonly nodes: readonly TopologyNode[];
  /** Replica groups that were added or are drained; one without a record is active. */
  readonly groups?: readonly TopologyGroup[];
}

const SELF = new Set<NodeState>(['active', 'failed', 'degraded', 'joining', 'draining', 'restoring']);
const LEGAL: Readonly<Record<NodeState, readonly NodeState[]>> = {
  joining: ['active'],
  active: ['draining', 'failed', 'degraded'],
  draining: ['removed', 'failed'],
  failed: ['restoring', 'degraded'],
  restoring: ['active'],
  degraded: ['active'],
  removed: [],
  healthy: [],
};

/** Whether a node may go from one state to another. */
export const isLegalTransition = (from: NodeState, to: NodeState): boolean =>
  from === to ? SELF.has(from) : LEGAL[from].includes(to);

/** Whether the node is on its way out; one that has failed meanwhile is so when it is back. */
export const isLeaving = ({ state, drainWished }: Pick<TopologyNode, 'state' | 'drainWished'>): boolean =>
  state === 'draining' || drainWished === true;

/** Nodes that may be given shards: alive and not on their way out. */
export const mayOwn = (node: Pick<TopologyNode, 'state' | 'drainWished'>): boolean =>
  node.state !== 'failed' && node.state !== 'removed' && !isLeaving(node);

/** The node as one for which nothing has to be brought any more: a member, or what it was to be before it failed. */
export function arrived({ drainWished, ...node }: TopologyNode): TopologyNode {
  return { ...node, state: drainWished === true ? 'draining' : 'active' };
}

/** Nodes whose copies may be read as the source of a move. */
export const mayBeSource = (state: NodeState): boolean =>
  state === 'active' || state === 'healthy' || state === 'degraded' || state === 'draining' || state === 'joining';

/** Whether the topology has the node and its copies may be read. */
export const isReadable = (topology: Topology, id: string): boolean =>
  topology.nodes.some((node) => node.id === id && mayBeSource(node.state));

/** Whether what every node has to carry out waits for this one: there, and not failed. */
export const isWaitedFor = (node: TopologyNode | undefined): boolean =>
  node !== undefined && node.state !== 'failed' && node.state !== 'removed';

/** Whether nobody expects the node back: it was taken for failed, was removed, or was never there. */
export const isGone = (topology: Topology, id: string): boolean => !isWaitedFor(findNode(topology, id));

export const findNode = (topology: Topology, id: string): TopologyNode | undefined =>
  topology.nodes.find((node) => node.id === id);

/** The groups that exist: those that have a node which was not removed. */
export const groupsOf = (topology: Topology): number[] =>
  [...new Set(topology.nodes.filter((node) => node.state !== 'removed').map((node) => node.group))].sort(
    (a, b) => a - b,
  );
