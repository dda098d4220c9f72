/**
 * What an event changes, and whether it may. Everything that its sender has to correct is found before the first
 * write, so a refused event has changed nothing.
 */
import { z } from 'zod';
import { applyEvent, NODE_REMOVED, nodeIdSchema, parseTopologyEvent, type TopologyEvent } from '../core/events.ts';
import { PLAN_APPLIED } from '../core/plan-applied.ts';
import { assertDrainable, planMoves } from '../core/planner.ts';
import { backLater } from '../core/seen.ts';
import { findNode, isLegalTransition, type NodeState, type Topology } from '../core/topology.ts';
import {
  IndexUnknownError,
  InvalidInputError,
  InvariantError,
  LastReplicaError,
  NodeNotDrainedError,
  NodeUnknownError,
  isMiroirError,
  messageOf,
} from '../errors.ts';
import { decidePlan } from './apply.ts';
import { assertAnswers, type Decision } from './decision.ts';
import { inspectMoves, type Carried } from './inspect.ts';
import { EVERY_INDEX, readFleet, type Fleet, type PlanningParts } from './parts.ts';
import { forgetBefore, shardOnLost, sightReturned } from './sightings.ts';

export async function decide(parts: PlanningParts, name: string, data: unknown): Promise<Decision> {
  if (name === NODE_REMOVED) return decideRemoval(parts, data);
  if (name === PLAN_APPLIED) return decidePlan(parts, data);
  const event = parseTopologyEvent(name, data);
  if (event.index !== undefined && (await parts.records.index(event.index)) === null) {
    throw new IndexUnknownError(`no index ${event.index} is registered`, {
      field: 'index_uid',
      remedy: 'create it with `miroir index create`, or correct index_uid; leave it out for every index',
    });
  }
  const fleet = await readFleet(parts);
  const moment = { nowMs: await parts.records.nowMs(), repairDelayMs: parts.config.repairDelayMs };
  const { topology, change } = applyEvent(fleet.topology, event, moment);
  const about = {
    nodeId: event.nodeId,
    version: fleet.topology.version,
    why: whyOf(event),
    plan: event.index ?? EVERY_INDEX,
  };
  if (change === 'repeated') {
    // Most often every move is there already, and nothing is left to look at.
    const afterwards = async (): Promise<Carried | null> => inspect(parts, await readFleet(parts), topology, event);
    return { ...about, changed: [], afterwards };
  }
  const node = findNode(topology, event.nodeId);
  if (node === undefined) throw new InvariantError(`${event.type} left no node ${event.nodeId}`);
  if (event.type === 'NodeAdded') await assertAnswers(parts, node);
  if (event.type === 'NodeRecovered') {
    await sightReturned(parts, node);
    const shard = await shardOnLost(parts, event.nodeId);
    const failed = findNode(fleet.topology, event.nodeId);
    if (shard !== null && failed !== undefined) {
      const reason = `it is back without the copy that shard ${shard} counts on: taken back when that has settled`;
      parts.logger.warn({ node: event.nodeId, shard }, reason);
      return { ...about, changed: failed.seen?.failed === true ? [] : [backLater(failed, reason)], plan: null };
    }
  }
  if (event.type === 'NodeDraining') assertDrainable(fleet.topology, fleet.indexes, event.nodeId);
  const look = (): Promise<Carried | null> => inspect(parts, fleet, topology, event);
  // Clients' writes wait for a failed node to leave, and nodes may be slow to answer.
  if (event.type === 'NodeFailed') return { ...about, changed: [node], afterwards: look };
  const carried = await look();
  // It serves what it has been brought by now, and is not failed once more for what it had lost before.
  const isRestoring = findNode(fleet.topology, event.nodeId)?.state === 'restoring';
  if (event.type === 'NodeDraining' && isRestoring) await forgetBefore(parts, [event.nodeId]);
  return { ...about, changed: [node], carried };
}

const whyOf = ({ type, nodeId, index }: TopologyEvent): string =>
  `${type} ${nodeId}${index === undefined ? '' : ` for ${index}`}`;

/**
 * Documents on the nodes that the plan would read. A wish (add, drain) is refused when they cannot be moved; a fact
 * (failed, recovered) is taken all the same, since not knowing it would be worse, and the problem is logged.
 */
async function inspect(
  parts: PlanningParts,
  fleet: Fleet,
  after: Topology,
  event: TopologyEvent,
): Promise<Carried | null> {
  const indexes = fleet.indexes.filter(({ entry }) => event.index === undefined || entry.uid === event.index);
  const { moves } = planMoves({ topology: after, indexes, pending: fleet.unfinished });
  try {
    return await inspectMoves(parts, indexes, after, moves);
  } catch (error) {
    const isFact = event.type === 'NodeFailed' || event.type === 'NodeRecovered';
    if (!isFact || !isMiroirError(error) || parts.permit.signal.aborted) throw error;
    parts.logger.warn(
      { event: event.type, node: event.nodeId, problem: messageOf(error) },
      'documents to move have a problem',
    );
    return null;
  }
}

const removalSchema = z.strictObject({ v: z.number().optional(), node_id: nodeIdSchema });

/** What has to come first, by state. */
const REMOVABLE: Partial<Record<NodeState, string>> = {
  draining: 'wait until its moves have ended (`miroir status -w`), the grace period included',
  failed:
    'a shard of which it has the only copy needs it: start it again, with its data or empty, and send NodeRecovered',
};

async function decideRemoval(parts: PlanningParts, data: unknown): Promise<Decision> {
  const parsed = removalSchema.safeParse(data);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = String(issue?.path[0] ?? 'data');
    throw new InvalidInputError(`${NODE_REMOVED} has a missing or wrong ${field}`, {
      field,
      remedy: issue?.message ?? '',
    });
  }
  const nodeId = parsed.data.node_id;
  const { topology, indexes, unfinished } = await readFleet(parts);
  const node = findNode(topology, nodeId);
  const about = { nodeId, version: topology.version, why: `${NODE_REMOVED} ${nodeId}`, plan: null };
  if (node === undefined) {
    throw new NodeUnknownError(`node ${nodeId} is not known`, { field: 'node_id', remedy: 'see `miroir node list`' });
  }
  if (node.state === 'removed') return { ...about, changed: [] };
  const owned = indexes.reduce(
    (sum, { table }) =>
      sum + table.shards.filter(({ owners, readers }) => [...owners, ...readers].includes(nodeId)).length,
    0,
  );
  const moves = unfinished.filter(({ source, target, retires }) => [source, target, retires].includes(nodeId)).length;
  // One that is gone for good cannot be drained; by legal steps it would come back first.
  const mayGo = node.state === 'failed' || isLegalTransition(node.state, 'removed');
  if (!mayGo || owned > 0 || moves > 0) {
    throw new NodeNotDrainedError(
      `node ${nodeId} is ${node.state}, owns ${owned} shards and is part of ${moves} unfinished moves`,
      {
        field: 'node_id',
        remedy: REMOVABLE[node.state] ?? 'drain the node first: `miroir node drain`',
        details: { node: nodeId, state: node.state, owned, moves },
      },
    );
  }
  if (node.state !== 'failed') return { ...about, changed: [{ ...node, state: 'removed' }] };
  const others = topology.nodes.filter(({ id, group }) => id !== nodeId && group === node.group);
  if (others.every(({ state }) => state === 'removed')) {
    throw new LastReplicaError(`${NODE_REMOVED}: ${nodeId} is the last node of replica group ${node.group}`, {
      field: 'node_id',
      remedy: 'add another node to the group first',
      details: { node: nodeId, group: node.group },
    });
  }
  // Nobody waits for its return any more.
  const { failedAtMs: _failed, repairAtMs: _repair, drainWished: _wished, seen: _seen, ...rest } = node;
  return { ...about, changed: [{ ...rest, state: 'removed' }], plan: EVERY_INDEX };
}
