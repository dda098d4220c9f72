/** What an event about a replica group does to the topology. Pure: a refused event throws and nothing changes. */
import {
  GroupConflictError,
  GroupNotReadyError,
  GroupUnknownError,
  InvalidInputError,
  LastReplicaError,
  NodeConflictError,
} from '../errors.ts';
import type { GroupEvent, NewGroupNode } from './group-events.ts';
import {
  groupRecord,
  groupStateOf,
  isLegalGroupTransition,
  servingGroups,
  type GroupState,
  type TopologyGroup,
} from './groups.ts';
import type { PlannerIndex } from './plan.ts';
import { findNode, groupsOf, type Topology, type TopologyNode } from './topology.ts';

type Added = Extract<GroupEvent, { type: 'GroupAdded' }>;

/** What is to be stored; null: everything is as, or on its way to, what the event asks for. */
export interface GroupChange {
  readonly group: TopologyGroup;
  readonly nodes: readonly TopologyNode[];
}

/** The group in another state, by a legal step. */
export function inState(topology: Topology, id: number, state: GroupState, nowMs: number): TopologyGroup {
  const known = groupRecord(topology, id);
  const from = groupStateOf(topology, id);
  if (!isLegalGroupTransition(from, state)) {
    throw new GroupConflictError(`replica group ${id} is ${from} and cannot be ${state}`, {
      field: 'replica_group',
      remedy: 'see `miroir group list`',
      details: { group: id, state: from },
    });
  }
  return { id, state, sinceMs: nowMs, startedAtMs: known?.startedAtMs ?? nowMs };
}

function assertDistinct(nodes: readonly NewGroupNode[]): void {
  for (const field of ['id', 'url'] as const) {
    if (new Set(nodes.map((node) => node[field])).size === nodes.length) continue;
    throw new InvalidInputError(`GroupAdded: two nodes have the same ${field}`, {
      field: 'nodes',
      remedy: 'give each node its own id and url',
    });
  }
}

/** The node as a member of a new group: one that is not known, or was removed from a group of this number. */
function joining(topology: Topology, group: number, { id, url, apiKeyRef }: NewGroupNode): TopologyNode {
  const known = findNode(topology, id);
  const other = topology.nodes.find((node) => node.id !== id && node.state !== 'removed' && node.url === url);
  const clash =
    other !== undefined
      ? `${url} is node ${other.id} already`
      : known !== undefined && known.state !== 'removed'
        ? `node ${id} is in replica group ${known.group}`
        : known !== undefined && (known.url !== url || known.group !== group)
          ? `node ${id} was ${known.url} in replica group ${known.group}`
          : null;
  if (clash !== null) {
    throw new NodeConflictError(`GroupAdded: ${clash}`, {
      field: 'nodes',
      remedy: 'give servers of their own under ids of their own',
      details: { node: id },
    });
  }
  return { id, group, url, ...(apiKeyRef === undefined ? {} : { apiKeyRef }), state: 'joining' };
}

/** A group that is there is named with nodes that it has; more come by NodeAdded. */
function assertSameNodes(topology: Topology, { group, nodes }: Added): void {
  const wrong = nodes.find(({ id, url }) => {
    const node = findNode(topology, id);
    return node?.group !== group || node.url !== url || node.state === 'removed';
  });
  if (wrong === undefined) return;
  throw new GroupConflictError(`replica group ${group} is there, without a node ${wrong.id} at ${wrong.url}`, {
    field: 'nodes',
    remedy: 'name the nodes that it has, and bring others in with `miroir node add`; or take another number',
    details: { group, node: wrong.id },
  });
}

/** A new group, or one that was drained or failed once more. */
export function addGroup(
  topology: Topology,
  indexes: readonly PlannerIndex[],
  event: Added,
  nowMs: number,
): GroupChange | null {
  const { group, nodes } = event;
  assertDistinct(nodes);
  if (servingGroups(topology).length === 0) {
    throw new GroupNotReadyError('there is no active replica group to copy from', {
      field: 'replica_group',
      remedy: 'add the first nodes one by one: `miroir node add`',
    });
  }
  if (!groupsOf(topology).includes(group)) {
    const short = indexes.find(({ entry }) => entry.replicationFactor > nodes.length)?.entry;
    if (short !== undefined) {
      throw new InvalidInputError(`${nodes.length} nodes for ${short.replicationFactor} copies of index ${short.uid}`, {
        field: 'nodes',
        remedy: `give at least ${short.replicationFactor} nodes`,
        details: { index: short.uid, replicationFactor: short.replicationFactor },
      });
    }
    return {
      group: { id: group, state: 'initializing', sinceMs: nowMs, startedAtMs: nowMs },
      nodes: nodes.map((node) => joining(topology, group, node)),
    };
  }
  assertSameNodes(topology, event);
  const state = groupStateOf(topology, group);
  if (state !== 'draining' && state !== 'failed') return null;
  return { group: { ...inState(topology, group, 'initializing', nowMs), startedAtMs: nowMs }, nodes: [] };
}

/** Every shard must have a reader that stays: the copies of the group are never the last that are read. */
function assertReadElsewhere(topology: Topology, indexes: readonly PlannerIndex[], group: number): void {
  const others = servingGroups(topology).filter((id) => id !== group);
  if (others.length === 0) {
    throw new LastReplicaError(`replica group ${group} is the last one that is active`, {
      field: 'replica_group',
      remedy: 'add another group first (`miroir group add`), and wait until it is active',
      details: { group },
    });
  }
  for (const { entry, table } of indexes) {
    const alone = table.shards.find(({ readers }) =>
      readers.every((id) => !others.includes(findNode(topology, id)?.group ?? group)),
    );
    if (alone === undefined) continue;
    throw new LastReplicaError(`shard ${alone.shard} of index ${entry.uid} is read from replica group ${group} only`, {
      field: 'replica_group',
      remedy: 'wait until another group has it, or bring failed nodes back: `miroir status`',
      details: { group, index: entry.uid, shard: alone.shard },
    });
  }
}

/** The last group that serves is never drained, nor one that some shard is read from alone. */
export function drainGroup(
  topology: Topology,
  indexes: readonly PlannerIndex[],
  group: number,
  nowMs: number,
): GroupChange | null {
  if (groupStateOf(topology, group) === 'draining') return null;
  assertReadElsewhere(topology, indexes, group);
  return { group: inState(topology, group, 'draining', nowMs), nodes: [] };
}

/** Throws `GroupUnknownError`. */
export function assertGroup(topology: Topology, group: number): void {
  const known = groupsOf(topology);
  if (known.includes(group)) return;
  throw new GroupUnknownError(`there is no replica group ${group}`, {
    field: 'replica_group',
    remedy: known.length === 0 ? 'add nodes first' : `send one of ${known.join(', ')}`,
  });
}
