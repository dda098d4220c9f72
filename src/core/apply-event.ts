/**
 * What a topology event does to the topology. Pure: a refused event throws and nothing changes. A repeated event is one
 * whose wish is already true or under way; it is no error, since queues deliver more than once.
 *
 * Node states follow the original's legal table with one addition, a new life: NodeAdded for a draining or removed
 * node with the same URL and group makes it `joining`. The original has no way back from `draining`, so that an operator
 * who drains the wrong node must drain it to the end and take another id; here add, drain, add plans three times.
 */
import {
  GroupUnknownError,
  InvalidInputError,
  LastReplicaError,
  NodeConflictError,
  NodeUnknownError,
} from '../errors.ts';
import type { TopologyEvent } from './events.ts';
import { groupStateOf, mayHoldShards } from './groups.ts';
import { repairBegun } from './repair.ts';
import { withoutTrouble } from './seen.ts';
import {
  findNode,
  groupsOf,
  isLeaving,
  isLegalTransition,
  mayOwn,
  type NodeState,
  type Topology,
  type TopologyNode,
} from './topology.ts';

export interface Applied {
  readonly topology: Topology;
  /** `repeated`: the topology is in, or on its way to, what the event asks for, and is returned as it was. */
  readonly change: 'changed' | 'repeated';
}

/** When it happens (Redis time), and how long the copies of a node that fails wait for its return. */
export interface Moment {
  readonly nowMs: number;
  readonly repairDelayMs: number;
}

const repeated = (topology: Topology): Applied => ({ topology, change: 'repeated' });

function changed(topology: Topology, node: TopologyNode): Applied {
  const known = topology.nodes.some(({ id }) => id === node.id);
  const nodes = known ? topology.nodes.map((old) => (old.id === node.id ? node : old)) : [...topology.nodes, node];
  return { topology: { ...topology, version: topology.version + 1, nodes }, change: 'changed' };
}

/** States that reach `draining` or `failed` only through `active`: the two legal steps are taken as one. */
const THROUGH_ACTIVE = new Set<NodeState>(['joining', 'degraded', 'restoring']);

/** The node in another state by legal steps only; throws `InvalidInputError` where the table has none. */
function step(node: TopologyNode, to: NodeState, event: TopologyEvent, remedy: string): TopologyNode {
  const from = THROUGH_ACTIVE.has(node.state) ? 'active' : node.state;
  if (!isLegalTransition(node.state, from) || !isLegalTransition(from, to)) {
    throw new InvalidInputError(`${event.type}: node ${node.id} is ${node.state}`, {
      field: 'node_id',
      remedy,
      details: { node: node.id, state: node.state },
    });
  }
  const { failedAtMs: _failed, repairAtMs: _repair, drainWished: _wished, ...rest } = node;
  // Failing is no answer to the wish that it leaves: that stands until the node is added again, or removed.
  return { ...rest, state: to, ...(isLeaving(node) && to !== 'draining' ? { drainWished: true } : {}) };
}

function knownNode(topology: Topology, event: TopologyEvent): TopologyNode {
  const node = findNode(topology, event.nodeId);
  if (node === undefined || node.state === 'removed') {
    throw new NodeUnknownError(
      `${event.type}: node ${event.nodeId} is ${node === undefined ? 'not known' : 'removed'}`,
      { field: 'node_id', remedy: 'send NodeAdded with its url first, or correct node_id' },
    );
  }
  if (event.group !== undefined && event.group !== node.group) {
    throw new InvalidInputError(`${event.type}: node ${node.id} is in replica group ${node.group}`, {
      field: 'replica_group',
      remedy: `send replica_group ${node.group}, or leave it out`,
    });
  }
  return node;
}

/** The group a new node goes to: the one named, else the only one there is. */
function groupForNew(topology: Topology, event: TopologyEvent): number {
  const groups = groupsOf(topology);
  const group = event.group ?? (groups.length > 1 ? undefined : (groups[0] ?? 0));
  if (group === undefined) {
    throw new InvalidInputError(`NodeAdded: there are replica groups ${groups.join(', ')}`, {
      field: 'replica_group',
      remedy: 'say which one the node goes to',
    });
  }
  if (groups.length > 0 && !groups.includes(group)) {
    throw new GroupUnknownError(`NodeAdded: there is no replica group ${group}`, {
      field: 'replica_group',
      remedy: `send one of ${groups.join(', ')}, or add the group with its nodes: \`miroir group add\``,
    });
  }
  assertTakesNodes(topology, group);
  return group;
}

/** A group that is drained, or gone, comes back as a whole. */
function assertTakesNodes(topology: Topology, group: number): void {
  if (mayHoldShards(topology, group)) return;
  throw new InvalidInputError(`NodeAdded: replica group ${group} is ${groupStateOf(topology, group)}`, {
    field: 'replica_group',
    remedy: 'add the group again first: `miroir group add`',
    details: { group },
  });
}

/** Two names for one server would let a move clear as leftovers what it is about to copy. */
function assertUrlFree(topology: Topology, id: string, url: string): void {
  const other = topology.nodes.find((node) => node.id !== id && node.state !== 'removed' && node.url === url);
  if (other === undefined) return;
  throw new NodeConflictError(`NodeAdded: ${url} is node ${other.id} already`, {
    field: 'url',
    remedy: `send the url of another server, or use the id ${other.id}`,
  });
}

function addNew(topology: Topology, event: TopologyEvent): Applied {
  const group = groupForNew(topology, event);
  if (event.url === undefined) {
    throw new InvalidInputError(`NodeAdded: node ${event.nodeId} is not known yet`, {
      field: 'url',
      remedy: 'send the url it answers on',
    });
  }
  const { nodeId: id, url, apiKeyRef } = event;
  assertUrlFree(topology, id, url);
  return changed(topology, {
    id,
    group,
    url,
    ...(apiKeyRef === undefined ? {} : { apiKeyRef }),
    state: 'joining',
  });
}

function conflict(node: TopologyNode, field: string, has: string | number): NodeConflictError {
  return new NodeConflictError(`NodeAdded: node ${node.id} is known with ${field} ${has}`, {
    field,
    remedy: `send the same ${field}, or add the other node under an id of its own`,
  });
}

function addKnown(topology: Topology, node: TopologyNode, event: TopologyEvent): Applied {
  if (event.url !== undefined && event.url !== node.url) throw conflict(node, 'url', node.url);
  if (event.group !== undefined && event.group !== node.group) throw conflict(node, 'replica_group', node.group);
  if (node.state === 'failed') {
    throw new InvalidInputError(`NodeAdded: node ${node.id} has failed`, {
      field: 'node_id',
      remedy: 'send NodeRecovered: its copies have to be restored first',
    });
  }
  // While it was removed another node may have come under its url.
  if (node.state === 'removed') assertUrlFree(topology, node.id, node.url);
  const { apiKeyRef = node.apiKeyRef } = event;
  const { drainWished, ...rest } = node;
  const state = node.state === 'draining' || node.state === 'removed' ? 'joining' : node.state;
  const staysAsItIs = state === node.state && drainWished === undefined;
  if (!staysAsItIs) assertTakesNodes(topology, node.group);
  // Another name for the key is a change of its own: reporting it as repeated would drop a rotated key silently.
  if (staysAsItIs && apiKeyRef === node.apiKeyRef) return repeated(topology);
  return changed(topology, { ...rest, ...(apiKeyRef === undefined ? {} : { apiKeyRef }), state });
}

function drain(topology: Topology, event: TopologyEvent): Applied {
  const node = knownNode(topology, event);
  if (node.state === 'draining') return repeated(topology);
  const next = step(node, 'draining', event, 'its copies are replaced without it; send NodeRecovered before draining');
  const others = topology.nodes.filter((other) => other.id !== node.id && other.group === node.group && mayOwn(other));
  if (others.length === 0) {
    throw new LastReplicaError(`NodeDraining: ${node.id} is the last node of replica group ${node.group}`, {
      field: 'node_id',
      remedy: 'add another node to the group first',
      details: { node: node.id, group: node.group },
    });
  }
  return changed(topology, next);
}

function fail(topology: Topology, event: TopologyEvent, moment: Moment | null): Applied {
  const node = knownNode(topology, event);
  if (node.state === 'failed') {
    // What was said to wait need not.
    const isSooner = event.repairNow === true && node.repairAtMs !== undefined;
    // What observers have failed is from now on failed by an event, which their word does not undo.
    const kept = withoutTrouble(node);
    if (isSooner) return changed(topology, repairBegun(kept));
    return node.seen?.failed === true ? changed(topology, kept) : repeated(topology);
  }
  const failed = withoutTrouble(step(node, 'failed', event, 'drain the node instead'));
  if (moment === null) return changed(topology, failed);
  const { nowMs, repairDelayMs } = moment;
  // Its copies had to go elsewhere anyway: its return would spare nothing.
  const waits = repairDelayMs > 0 && event.repairNow !== true && !isLeaving(node);
  return changed(topology, {
    ...failed,
    failedAtMs: nowMs,
    ...(waits ? { repairAtMs: nowMs + repairDelayMs } : {}),
  });
}

function recover(topology: Topology, event: TopologyEvent): Applied {
  const node = knownNode(topology, event);
  if (node.state === 'restoring' || node.state === 'active') return repeated(topology);
  // `restoring` has one legal way in, from `failed`; through `active` there is none.
  return changed(
    topology,
    withoutTrouble(step(node, 'restoring', event, 'only a failed node recovers: leave the event out')),
  );
}

const APPLY = { NodeDraining: drain, NodeFailed: fail, NodeRecovered: recover };

/**
 * The topology after the event, its version one higher when `changed`. Looks at nodes and groups only; whether the
 * replication factor holds is `assertDrainable`'s question. Without a moment a node that fails is not waited for.
 *
 * Throws `NodeUnknownError`, `NodeConflictError`, `GroupUnknownError`, `LastReplicaError` or `InvalidInputError`, each
 * with field and remedy.
 */
export function applyEvent(topology: Topology, event: TopologyEvent, moment: Moment | null = null): Applied {
  if (event.type !== 'NodeAdded') return APPLY[event.type](topology, event, moment);
  const node = findNode(topology, event.nodeId);
  return node === undefined ? addNew(topology, event) : addKnown(topology, node, event);
}
