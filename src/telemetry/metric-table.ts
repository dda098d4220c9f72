/**
 * Every metric of this project, as data: name, type, help, labels, buckets. docs/metrics.md is checked against it.
 * A label is either a closed set of values, which then exist from the start at 0 (counters), or open (null): a node's
 * id, a scope; open ones grow with the fleet and never with documents or time.
 */
import { PHASES } from '../core/move.ts';
import { NODE_STATES } from '../core/topology.ts';
import { ANTI_ENTROPY_METRICS } from './anti-entropy-metrics.ts';
import { DUTY_METRICS } from './duty-metrics.ts';
import { type MetricDefinition, NONE, PHASE_BUCKETS } from './metric-definition.ts';

export type { MetricDefinition } from './metric-definition.ts';

/** The original's buckets: a small shard takes a second, a large one most of an hour. */
const DURATION_BUCKETS = [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600] as const;
const REQUEST_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1] as const;
/** A hold lasts as long as a write takes to be accepted, and never over two seconds. */
const HOLD_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2] as const;
/** The end of a hold, or a document that settles: up to half a minute. */
const WAIT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30] as const;
/** What the edge adds is below a millisecond; what a search or a bulk load takes, up to a minute. */
const GATEWAY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60] as const;

const BY_SCOPE = { scope: null } as const;
const BY_NODE = { node_id: null } as const;

export const METRICS = {
  rebalanceInProgress: {
    name: 'miroir_rebalance_in_progress',
    type: 'gauge',
    help: '1 while this process holds a lease with an unfinished move, else 0',
    labels: NONE,
  },
  documentsMigrated: {
    name: 'miroir_rebalance_documents_migrated_total',
    type: 'counter',
    help: 'Documents of windows whose checkpoint was accepted; a window sent again counts once',
    labels: NONE,
  },
  rebalanceDuration: {
    name: 'miroir_rebalance_duration_seconds',
    type: 'histogram',
    help: 'From the start of a shard’s move, as its record has it, until the shard is settled on its new owners',
    labels: NONE,
    buckets: DURATION_BUCKETS,
  },
  leader: {
    name: 'miroir_leader',
    type: 'gauge',
    help: '1 while this process holds the lease of the scope, else 0',
    labels: BY_SCOPE,
  },
  leaderAcquisitions: {
    name: 'miroir_leader_acquisitions_total',
    type: 'counter',
    help: 'Leases this process was granted',
    labels: BY_SCOPE,
  },
  leaderRenewals: {
    name: 'miroir_leader_renewals_total',
    type: 'counter',
    help: 'Renewals that Redis confirmed to this process',
    labels: BY_SCOPE,
  },
  leaderLosses: {
    name: 'miroir_leader_losses_total',
    type: 'counter',
    help: 'Leases this process lost instead of releasing them; each is followed by a wait of a successor',
    labels: BY_SCOPE,
  },
  nodeHealthy: {
    name: 'miroir_node_healthy',
    type: 'gauge',
    help: '0 while observers hold the node for degraded, or it has failed, else 1; from the records',
    labels: BY_NODE,
  },
  nodeState: {
    name: 'miroir_node_state',
    type: 'gauge',
    help: '1 for the state that the node is in, else 0; from the records',
    labels: { node_id: null, state: NODE_STATES },
  },
  nodeFlapping: {
    name: 'miroir_node_flapping',
    type: 'gauge',
    help: '1 while a failed node must answer for long before it comes back, since it failed too often; from the records',
    labels: BY_NODE,
  },
  nodeReachable: {
    name: 'miroir_node_reachable',
    type: 'gauge',
    help: '1 when the node answered this process’s last request, else 0',
    labels: BY_NODE,
  },
  observers: {
    name: 'miroir_observers',
    type: 'gauge',
    help: 'Processes whose word on nodes counts: fresh reports, and half of the nodes reached; below 2 no node fails',
    labels: NONE,
  },
  healBrake: {
    name: 'miroir_heal_brake',
    type: 'gauge',
    help: '1 while so many nodes look down at once that none is failed or taken back, else 0',
    labels: NONE,
  },
  nodeRequestDuration: {
    name: 'miroir_node_request_duration_seconds',
    type: 'histogram',
    help: 'Requests to nodes, each attempt by itself, until the whole answer is there or given up',
    labels: { node_id: null, operation: null },
    buckets: REQUEST_BUCKETS,
  },
  nodeErrors: {
    name: 'miroir_node_errors_total',
    type: 'counter',
    help: 'Requests to nodes that failed, each attempt by itself',
    labels: { node_id: null, error_type: null },
  },
  moves: {
    name: 'miroir_moves',
    type: 'gauge',
    help: 'Unfinished moves by phase reached, from the records',
    labels: { phase: PHASES },
  },
  movesWaiting: {
    name: 'miroir_moves_waiting',
    type: 'gauge',
    help: 'Moves that wait, by the kind of reason they gave',
    labels: { reason: null },
  },
  movesRunnable: {
    name: 'miroir_moves_runnable',
    type: 'gauge',
    help: 'Shards with a move that a worker could bring on now: no grace, no wait but for a place; from the records',
    labels: { index: null },
  },
  movePhaseDuration: {
    name: 'miroir_move_phase_seconds',
    type: 'histogram',
    help: 'How long a phase job of a move ran in this process, waits put aside excluded',
    labels: { phase: PHASES.slice(1) },
    buckets: PHASE_BUCKETS,
  },
  movesInGrace: {
    name: 'miroir_moves_in_grace',
    type: 'gauge',
    help: 'Moves whose retiring copy is kept for the grace period, from the records',
    labels: NONE,
  },
  windows: {
    name: 'miroir_windows_total',
    type: 'counter',
    help: 'Windows copied, sent again after a takeover, verified clean, or repaired by verification',
    labels: { result: ['copied', 'repeated', 'verified', 'repaired'] },
  },
  bytesMigrated: {
    name: 'miroir_bytes_migrated_total',
    type: 'counter',
    help: 'Bytes of the pages sent to targets, as JSON',
    labels: NONE,
  },
  holdDuration: {
    name: 'miroir_hold_seconds',
    type: 'histogram',
    help: 'How long routers kept new writes of a shard waiting for its switch',
    labels: NONE,
    buckets: HOLD_BUCKETS,
  },
  refusedWrites: {
    name: 'miroir_refused_writes_total',
    type: 'counter',
    help: 'Writes refused to this process because it no longer had the right: a newer fence, a lapsed lease, a lost job',
    labels: { reason: ['fence', 'lease', 'token'] },
  },
  verifyDifferences: {
    name: 'miroir_verify_differences_total',
    type: 'counter',
    help: 'Documents that verification found different or missing on a target, and repaired',
    labels: NONE,
  },
  targetTasksInFlight: {
    name: 'miroir_target_tasks_in_flight',
    type: 'gauge',
    help: 'Windows this process has waiting in the queue of a target',
    labels: BY_NODE,
  },
  targetBytesInFlight: {
    name: 'miroir_target_bytes_in_flight',
    type: 'gauge',
    help: 'Bytes this process has waiting in the queue of a target',
    labels: BY_NODE,
  },
  paceDocuments: {
    name: 'miroir_pace_documents',
    type: 'gauge',
    help: 'Documents that may wait in a target at present, as its last batches allow',
    labels: BY_NODE,
  },
  events: {
    name: 'miroir_events_total',
    type: 'counter',
    help: 'Topology events, taken from the queue or found by observers, by type and what came of them',
    labels: { type: null, result: null },
  },
  ...DUTY_METRICS,
  ...ANTI_ENTROPY_METRICS,
  routerRegistrations: {
    name: 'miroir_router_registrations_total',
    type: 'counter',
    help: 'Registrations of this process’s router, by whether one began or ended before its time',
    labels: { event: ['registered', 'ended'] },
  },
  routerFaults: {
    name: 'miroir_router_faults_total',
    type: 'counter',
    help: 'What must not happen: epoch_regressed, when a table came with a lower epoch than one seen',
    labels: { kind: ['epoch_regressed'] },
  },
  routerWrites: {
    name: 'miroir_router_writes_total',
    type: 'counter',
    help: 'Writes of clients by what they were told; degraded: a replica group fell short; unanswered: to be sent again',
    labels: { result: ['accepted', 'degraded', 'refused', 'unanswered'] },
  },
  routerWait: {
    name: 'miroir_router_wait_seconds',
    type: 'histogram',
    help: 'How long a shard’s part of a write waited, by what for: held, settling, turn, gate, delay, busy, places, reread',
    labels: { reason: null },
    buckets: WAIT_BUCKETS,
  },
  routerMissed: {
    name: 'miroir_router_missed_total',
    type: 'counter',
    help: 'Times that ids of a shard were put on the repair list of an owner that missed them',
    labels: NONE,
  },
  gatewayRequests: {
    name: 'miroir_gateway_requests_total',
    type: 'counter',
    help: 'Requests of clients by route and status; 499 are those whose client went away',
    labels: { route: null, status: null },
  },
  gatewayDuration: {
    name: 'miroir_gateway_request_seconds',
    type: 'histogram',
    help: 'From a request’s headers until its answer is sent, reading its body included',
    labels: { route: null },
    buckets: GATEWAY_BUCKETS,
  },
  gatewayReceivedBytes: {
    name: 'miroir_gateway_received_bytes_total',
    type: 'counter',
    help: 'Bytes of clients’ bodies, decompressed',
    labels: NONE,
  },
  gatewaySentBytes: {
    name: 'miroir_gateway_sent_bytes_total',
    type: 'counter',
    help: 'Bytes of answers to clients, before they are compressed',
    labels: NONE,
  },
  gatewayInFlight: {
    name: 'miroir_gateway_in_flight',
    type: 'gauge',
    help: 'Requests of clients that are being read or answered now',
    labels: NONE,
  },
  gatewayHeldBytes: {
    name: 'miroir_gateway_held_bytes',
    type: 'gauge',
    help: 'Bytes of clients’ bodies held now; gateway_waiting_max_bytes at most',
    labels: NONE,
  },
  eventLoopDelay: {
    name: 'miroir_event_loop_delay_p99_seconds',
    type: 'gauge',
    help: '99th percentile of the event loop’s delay since the last scrape',
    labels: NONE,
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricKey = keyof typeof METRICS;
