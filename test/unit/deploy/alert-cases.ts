// What each alert fires on, and a near miss on which it must not: series as promtool writes them, a value a minute unless they
// say otherwise.

export interface AlertCase {
  readonly alert: string;
  readonly atMinute: number;
  /** Between two values and two evaluations of the rules: for what takes a day. */
  readonly everyMinutes: number;
  readonly series: Readonly<Record<string, string>>;
  /** The labels of what fires, beside those of the rule; null when nothing may. */
  readonly fires: Readonly<Record<string, string>> | null;
}

interface Pair {
  readonly atMinute: number;
  readonly everyMinutes?: number;
  readonly fires: AlertCase['series'];
  readonly rests: AlertCase['series'];
  readonly labels?: Readonly<Record<string, string>>;
}

const of = (name: string, labels: Readonly<Record<string, string>>): string =>
  `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(',')}}`;

const A = { instance: 'a:9090' };
const B = { instance: 'b:9090' };
const ofNode = (instance: object, node_id = 'n1') => ({ ...instance, node_id });
const books = { ...A, index: 'books', node_id: 'n1' };
const NODE_AND_INDEX = { index: 'books', node_id: 'n1' };
/** Nothing is there for ten minutes, then the counter comes with its first events. */
const BEGINS_AT_1 = '_x10 1x30';

const PAIRS: Readonly<Record<string, Pair>> = {
  MiroirNoPlanner: {
    atMinute: 5,
    fires: {
      [of('miroir_leader', { ...A, scope: 'planner' })]: '1 1 0x10',
      [of('miroir_leader', { ...B, scope: 'x' })]: '1x10',
    },
    rests: {
      [of('miroir_leader', { ...A, scope: 'planner' })]: '0x10',
      [of('miroir_leader', { ...B, scope: 'planner' })]: '1x10',
    },
  },
  MiroirProcessDown: {
    atMinute: 5,
    fires: { [of('up', { ...A, job: 'miroir' })]: '1 1 0x10' },
    rests: { [of('up', { ...A, job: 'another' })]: '0x10', [of('up', { ...B, job: 'miroir' })]: '1 0 1x10' },
    labels: { ...A, job: 'miroir' },
  },
  MiroirTooFewObservers: {
    atMinute: 5,
    fires: { [of('miroir_observers', A)]: '3 1x10', [of('miroir_observers', B)]: '1x10' },
    rests: { [of('miroir_observers', A)]: '2x10', [of('miroir_observers', B)]: '0x10' },
  },
  MiroirLeasesLost: {
    atMinute: 12,
    fires: { [of('miroir_leader_losses_total', { ...A, scope: 'planner' })]: '_x5 3x20' },
    rests: {
      [of('miroir_leader_losses_total', { ...A, scope: 'planner' })]: '7 7x20',
      [of('miroir_leader_losses_total', { ...B, scope: 'planner' })]: '_x5 2x20',
      [of('miroir_leader_losses_total', { ...B, scope: 'rebalance:books' })]: '_x5 2x20',
    },
    labels: { scope: 'planner' },
  },
  MiroirWritesFenced: {
    atMinute: 8,
    fires: { [of('miroir_refused_writes_total', { ...A, reason: 'fence' })]: '0x5 1x20' },
    rests: { [of('miroir_refused_writes_total', { ...A, reason: 'lease' })]: '0x5 1x20' },
    labels: A,
  },
  MiroirEventLoopDelayed: {
    atMinute: 5,
    fires: { [of('miroir_event_loop_delay_p99_seconds', A)]: '0.01 0.8x10' },
    rests: { [of('miroir_event_loop_delay_p99_seconds', A)]: '0.01 0.8 0.01x10' },
    labels: A,
  },
  MiroirDutyFails: {
    atMinute: 60,
    everyMinutes: 5,
    fires: {
      [of('miroir_duty_tasks_total', { ...A, duty: 'untagged', result: 'failed' })]: '0+1x20',
      [of('miroir_duty_tasks_total', { ...A, duty: 'untagged', result: 'done' })]: '4x20',
    },
    rests: {
      [of('miroir_duty_tasks_total', { ...A, duty: 'untagged', result: 'failed' })]: '0+1x20',
      [of('miroir_duty_tasks_total', { ...B, duty: 'untagged', result: 'done' })]: '0+1x20',
    },
    labels: { duty: 'untagged' },
  },
  MiroirMovesStalled: {
    atMinute: 40,
    everyMinutes: 5,
    fires: {
      [of('miroir_moves', { ...A, phase: 'Idle' })]: '3x20',
      [of('miroir_moves', { ...B, phase: 'Idle' })]: '3x20',
      [of('miroir_windows_total', { ...B, result: 'copied' })]: '7+1x2 9x20',
    },
    // One fleet with old copies in their grace, one plan that is paused and one to approve.
    rests: {
      [of('miroir_moves', { ...A, phase: 'Idle' })]: '5x20',
      [of('miroir_moves_waiting', { ...A, reason: 'awaiting_approval' })]: '3x20',
      [of('miroir_moves_waiting', { ...B, reason: 'paused_by_operator' })]: '2x20',
      [of('miroir_moves', { ...A, phase: 'DualWriteStopped' })]: '3x20',
      [of('miroir_windows_total', { ...B, result: 'copied' })]: '7x20',
    },
  },
  MiroirMoveNeedsHelp: {
    atMinute: 10,
    fires: { [of('miroir_moves_waiting', { ...A, reason: 'last_copy' })]: '0 1x10' },
    rests: {
      [of('miroir_moves_waiting', { ...A, reason: 'target_full' })]: '9x10',
      [of('miroir_moves_waiting', { ...A, reason: 'gate' })]: '0 1 1 0x10',
    },
    labels: { reason: 'last_copy' },
  },
  MiroirVerifyDifferences: {
    atMinute: 30,
    fires: { [of('miroir_verify_differences_total', A)]: '0x10 2x30' },
    rests: { [of('miroir_verify_differences_total', A)]: '2x40' },
  },
  MiroirEventFailed: {
    atMinute: 20,
    fires: { [of('miroir_events_total', { ...A, type: 'NodeAdded', result: 'failed' })]: BEGINS_AT_1 },
    rests: { [of('miroir_events_total', { ...A, type: 'NodeAdded', result: 'planned' })]: BEGINS_AT_1 },
    labels: { type: 'NodeAdded' },
  },
  MiroirNodeUnhealthy: {
    atMinute: 5,
    fires: { [of('miroir_node_healthy', ofNode(A))]: '1 0x10', [of('miroir_node_healthy', ofNode(A, 'n2'))]: '1x10' },
    // One process has not heard from Redis for a while, and shows what was.
    rests: { [of('miroir_node_healthy', ofNode(A))]: '0x10', [of('miroir_node_healthy', ofNode(B))]: '0 1x10' },
    labels: { node_id: 'n1' },
  },
  MiroirNodeFlapping: {
    atMinute: 1,
    fires: { [of('miroir_node_flapping', ofNode(A))]: '1x5' },
    rests: { [of('miroir_node_flapping', ofNode(A))]: '0x5' },
    labels: { node_id: 'n1' },
  },
  MiroirNodeOutOfSight: {
    atMinute: 15,
    fires: {
      [of('miroir_node_errors_total', { ...ofNode(A), error_type: 'unreachable' })]: '0+3x20',
      [of('miroir_node_healthy', ofNode(A))]: '1x20',
    },
    rests: {
      [of('miroir_node_errors_total', { ...ofNode(A), error_type: 'unreachable' })]: '0+3x20',
      [of('miroir_node_healthy', ofNode(A))]: '0x20',
      [of('miroir_node_errors_total', { ...ofNode(A, 'n2'), error_type: 'http_4xx' })]: '0+3x20',
      [of('miroir_node_healthy', ofNode(A, 'n2'))]: '1x20',
    },
    labels: ofNode(A),
  },
  MiroirHealBrake: {
    atMinute: 4,
    fires: { [of('miroir_heal_brake', A)]: '0 1x10' },
    rests: { [of('miroir_heal_brake', A)]: '0 0 1 0x10' },
  },
  MiroirReplicaGroupFailed: {
    atMinute: 1,
    fires: { [of('miroir_replica_group_state', { ...A, replica_group: '1', state: 'failed' })]: '1x5' },
    rests: {
      [of('miroir_replica_group_state', { ...A, replica_group: '1', state: 'failed' })]: '0x5',
      [of('miroir_replica_group_state', { ...A, replica_group: '1', state: 'syncing' })]: '1x5',
    },
    labels: { replica_group: '1' },
  },
  MiroirRepairsStay: {
    atMinute: 12,
    fires: { [of('miroir_repair_entries', { ...A, index: 'books' })]: '0 20-1x20' },
    rests: {
      [of('miroir_repair_entries', { ...A, index: 'books' })]: '5x5 0 5x20',
      // Of copies that nodes have left nothing is worked off.
      [of('miroir_former_copies', { ...A, index: 'books' })]: '20x30',
    },
    labels: { index: 'books' },
  },
  MiroirReplicasDiffer: {
    atMinute: 30,
    fires: { [of('miroir_antientropy_docs_left_total', A)]: '0x10 1x30' },
    rests: { [of('miroir_antientropy_docs_left_total', A)]: '1x40' },
  },
  MiroirAntiEntropyLate: {
    // Time begins at 0 here; the pass ended ten minutes after that.
    atMinute: 25 * 60,
    everyMinutes: 60,
    fires: { [of('miroir_antientropy_last_scan_completed_seconds', A)]: '600x30' },
    // Switched off, or a fleet whose first pass is not over.
    rests: { [of('miroir_antientropy_last_scan_completed_seconds', A)]: '0x30' },
  },
  MiroirWritesPastRouters: {
    atMinute: 20,
    fires: { [of('miroir_untagged_tasks_total', books)]: BEGINS_AT_1 },
    rests: { [of('miroir_untagged_tasks_total', books)]: '_x10 0x30' },
    labels: NODE_AND_INDEX,
  },
  MiroirDocumentsUnsplit: {
    atMinute: 20,
    fires: {
      [of('miroir_unsplit_documents', books)]: '3x30',
      [of('miroir_unsplit_documents', { ...books, ...B })]: '4x30',
    },
    // The first one has not counted again since.
    rests: {
      [of('miroir_unsplit_documents', books)]: '3x30',
      [of('miroir_unsplit_documents', { ...books, ...B })]: '0x30',
    },
    labels: NODE_AND_INDEX,
  },
  MiroirSettingsFrozen: {
    atMinute: 4,
    fires: { [of('miroir_settings_frozen', { ...A, index: 'books' })]: '0 1x10' },
    rests: { [of('miroir_settings_frozen', { ...A, index: 'books' })]: '0x10' },
    labels: { index: 'books' },
  },
  MiroirSettingsDrift: {
    atMinute: 80,
    everyMinutes: 5,
    fires: { [of('miroir_settings_drift_repair_total', books)]: '_x14 1x6' },
    rests: { [of('miroir_settings_drift_repair_total', books)]: '1x20' },
    labels: NODE_AND_INDEX,
  },
  MiroirWritesUnanswered: {
    atMinute: 15,
    fires: {
      [of('miroir_router_writes_total', { ...A, result: 'accepted' })]: '0+970x20',
      [of('miroir_router_writes_total', { ...B, result: 'unanswered' })]: '0+30x20',
    },
    // What a node itself would refuse is the client's to mend.
    rests: {
      [of('miroir_router_writes_total', { ...A, result: 'accepted' })]: '0+995x20',
      [of('miroir_router_writes_total', { ...A, result: 'refused' })]: '0+500x20',
      [of('miroir_router_writes_total', { ...B, result: 'unanswered' })]: '0+5x20',
    },
  },
  MiroirWritesWait: {
    atMinute: 20,
    fires: {
      [of('miroir_router_wait_seconds_count', { ...A, reason: 'busy' })]: '0+50x30',
      [of('miroir_router_wait_seconds_bucket', { ...A, reason: 'busy', le: '2.0' })]: '0+20x30',
      [of('miroir_router_writes_total', { ...A, result: 'accepted' })]: '0+1000x30',
    },
    rests: {
      [of('miroir_router_wait_seconds_count', { ...A, reason: 'busy' })]: '0+50x30',
      [of('miroir_router_wait_seconds_bucket', { ...A, reason: 'busy', le: '2' })]: '0+45x30',
      [of('miroir_router_writes_total', { ...A, result: 'accepted' })]: '0+1000x30',
    },
  },
  MiroirGatewayErrors: {
    atMinute: 15,
    fires: {
      [of('miroir_gateway_requests_total', { ...A, route: 'search', status: '200' })]: '0+900x20',
      [of('miroir_gateway_requests_total', { ...A, route: 'search', status: '503' })]: '0+100x20',
    },
    rests: {
      [of('miroir_gateway_requests_total', { ...A, route: 'search', status: '200' })]: '0+900x20',
      [of('miroir_gateway_requests_total', { ...A, route: 'search', status: '501' })]: '0+100x20',
    },
  },
  MiroirRedisWentBack: {
    atMinute: 8,
    fires: { [of('miroir_router_faults_total', { ...A, kind: 'epoch_regressed' })]: '0x5 1x20' },
    rests: { [of('miroir_router_faults_total', { ...A, kind: 'epoch_regressed' })]: '1x20' },
  },
};

export const ALERT_CASES: readonly AlertCase[] = Object.entries(PAIRS).flatMap(
  ([alert, { atMinute, everyMinutes = 1, fires, rests, labels = {} }]) => [
    { alert, atMinute, everyMinutes, series: fires, fires: labels },
    { alert, atMinute, everyMinutes, series: rests, fires: null },
  ],
);
