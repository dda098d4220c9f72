/** The public surface: named exports only. */
export { createProducer, createRouter, type CreateRouterOptions, type ProducerOptions } from './service/library.ts';
export type {
  DocumentOptions,
  EnqueuedTask,
  EnqueuedTaskPromise,
  Miroir,
  MiroirIndex,
  MiroirTasks,
  Results,
  SearchResponse,
  Task,
  WaitOptions,
} from './routing/router/library.ts';
export type { Producer } from './queue/producer.ts';
export { QUEUE_PREFIX, EVENTS_QUEUE, indexOfTaskId, taskIdOf } from './queue/names.ts';
export { phaseJobSchema, claimJobSchema, type PhaseJob, type ClaimJob } from './queue/jobs.ts';
export {
  TOPOLOGY_EVENTS,
  parseTopologyEvent,
  toWire,
  topologyEventSchemas,
  type TopologyEvent,
  type TopologyEventData,
  type TopologyEventType,
} from './core/events.ts';
export { rendezvousScore, shardForKey, slotForKey } from './core/hashing.ts';
export { assignShard } from './core/placement.ts';
export { planMoves, type Plan, type PlannerInput } from './core/planner.ts';
export { PHASES, TRANSITIONS, advance, type Move, type MoveEvent, type Phase, type PlannedMove } from './core/move.ts';
export type { IndexEntry, RoutingTable, ShardRoute, ShardState } from './core/routing.ts';
export type { NodeState, Topology, TopologyNode } from './core/topology.ts';
export * from './errors.ts';
