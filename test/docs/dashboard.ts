// The Grafana dashboard as data; write.ts makes JSON of it, and a test compares the two.

export const DASHBOARD_FILE = 'docs/deploy/grafana/miroir.json';

type Unit = 'short' | 's' | 'bytes' | 'Bps' | 'cps' | 'reqps' | 'percentunit' | 'bool_yes_no';

interface Panel {
  readonly title: string;
  readonly unit: Unit;
  /** Queries by the legend of their series. */
  readonly queries: Readonly<Record<string, string>>;
  /** A number instead of a chart. */
  readonly isNumber?: boolean;
  readonly isStacked?: boolean;
}

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const rate = (series: string): string => `rate(${series}[$__rate_interval])`;
const sumBy = (labels: string, query: string): string => `sum by (${labels}) (${query})`;
/** From the records, and the same in every process. */
const maxBy = (labels: string, series: string): string => `max by (${labels}) (${series})`;
const quantile = (share: number, histogram: string, labels = ''): string =>
  `histogram_quantile(${share}, ${sumBy(`le${labels}`, rate(`${histogram}_bucket`))})`;
const number = (title: string, query: string, unit: Unit = 'short'): Panel => ({
  title,
  unit,
  queries: { '': query },
  isNumber: true,
});
const chart = (title: string, unit: Unit, queries: Panel['queries']): Panel => ({ title, unit, queries });
const stack = (title: string, unit: Unit, queries: Panel['queries']): Panel => ({
  title,
  unit,
  queries,
  isStacked: true,
});

const ROWS: readonly Row[] = [
  {
    title: 'At a glance',
    panels: [
      number('A planner leads', 'max(miroir_leader{scope="planner"})', 'bool_yes_no'),
      number('Observers of nodes', 'max(miroir_observers)'),
      number('Nodes that are unhealthy', 'count(max by (node_id) (miroir_node_healthy) == 0) or vector(0)'),
      number('Unsettled moves', 'sum(max by (phase) (miroir_moves{phase!="DualWriteStopped"}))'),
      number('Moves in grace', 'max(miroir_moves_in_grace)'),
      number('Entries on repair lists', 'sum(max by (index) (miroir_repair_entries))'),
      number('Indexes with frozen writes', 'sum(max by (index) (miroir_settings_frozen)) or vector(0)'),
      number('Heal brake', 'max(miroir_heal_brake)', 'bool_yes_no'),
    ],
  },
  {
    title: 'Moves',
    panels: [
      stack('Moves by phase reached', 'short', { '{{phase}}': maxBy('phase', 'miroir_moves') }),
      stack('Moves that wait, by reason', 'short', { '{{reason}}': maxBy('reason', 'miroir_moves_waiting') }),
      chart('Documents copied', 'cps', {
        '{{instance}}': sumBy('instance', rate('miroir_rebalance_documents_migrated_total')),
      }),
      chart('Bytes copied', 'Bps', { '{{instance}}': sumBy('instance', rate('miroir_bytes_migrated_total')) }),
      stack('Windows', 'cps', { '{{result}}': sumBy('result', rate('miroir_windows_total')) }),
      chart('Differences that verification repaired', 'cps', {
        documents: `sum(${rate('miroir_verify_differences_total')})`,
      }),
      chart('Phases of a move, 95 %', 's', { '{{phase}}': quantile(0.95, 'miroir_move_phase_seconds', ', phase') }),
      chart('From start to settled, and holds', 's', {
        'move 50 %': quantile(0.5, 'miroir_rebalance_duration_seconds'),
        'move 95 %': quantile(0.95, 'miroir_rebalance_duration_seconds'),
        'hold 99 %': quantile(0.99, 'miroir_hold_seconds'),
      }),
    ],
  },
  {
    title: 'Clients',
    panels: [
      stack('Requests by status', 'reqps', { '{{status}}': sumBy('status', rate('miroir_gateway_requests_total')) }),
      chart('Requests by route, 95 %', 's', {
        '{{route}}': quantile(0.95, 'miroir_gateway_request_seconds', ', route'),
      }),
      stack('Writes by what clients were told', 'reqps', {
        '{{result}}': sumBy('result', rate('miroir_router_writes_total')),
      }),
      chart('Waits of writes, 99 %', 's', { '{{reason}}': quantile(0.99, 'miroir_router_wait_seconds', ', reason') }),
      chart('Bodies held by a gateway', 'bytes', { '{{instance}}': 'miroir_gateway_held_bytes > 0' }),
      chart('Requests under way', 'short', { '{{instance}}': 'miroir_gateway_in_flight > 0' }),
      chart('Bytes from and to clients', 'Bps', {
        received: `sum(${rate('miroir_gateway_received_bytes_total')})`,
        sent: `sum(${rate('miroir_gateway_sent_bytes_total')})`,
      }),
      chart('Writes that an owner missed, tables of before', 'cps', {
        missed: `sum(${rate('miroir_router_missed_total')})`,
        '{{kind}}': sumBy('kind', rate('miroir_router_faults_total')),
      }),
    ],
  },
  {
    title: 'Nodes',
    panels: [
      chart('Healthy, flapping', 'bool_yes_no', {
        '{{node_id}}': maxBy('node_id', 'miroir_node_healthy'),
        '{{node_id}} flaps': 'max by (node_id) (miroir_node_flapping) > 0',
      }),
      stack('Nodes by state', 'short', { '{{state}}': 'sum by (state) (max by (node_id, state) (miroir_node_state))' }),
      chart('Requests to nodes, 95 %', 's', {
        '{{node_id}}': quantile(0.95, 'miroir_node_request_duration_seconds', ', node_id'),
      }),
      chart('Requests that failed', 'cps', {
        '{{node_id}} {{error_type}}': sumBy('node_id, error_type', rate('miroir_node_errors_total')),
      }),
      chart('Windows waiting in a target', 'short', {
        '{{node_id}}': sumBy('node_id', 'miroir_target_tasks_in_flight'),
      }),
      chart('Bytes waiting in a target', 'bytes', { '{{node_id}}': sumBy('node_id', 'miroir_target_bytes_in_flight') }),
      chart('Pace: documents that may wait in a target', 'short', {
        '{{node_id}}': maxBy('node_id', 'miroir_pace_documents'),
      }),
      chart('Events', 'cps', { '{{type}} {{result}}': sumBy('type, result', rate('miroir_events_total')) }),
    ],
  },
  {
    title: 'Documents and settings',
    panels: [
      chart('Entries on repair lists', 'short', { '{{index}}': maxBy('index', 'miroir_repair_entries') }),
      chart('Documents brought level', 'cps', {
        'by lists': `sum(${rate('miroir_repaired_documents_total')})`,
        'by anti-entropy': `sum(${rate('miroir_antientropy_docs_repaired_total')})`,
        'left by anti-entropy': `sum(${rate('miroir_antientropy_docs_left_total')})`,
      }),
      chart('Since the last pass of anti-entropy', 's', {
        age: 'time() - max(miroir_antientropy_last_scan_completed_seconds > 0)',
      }),
      chart('Shards compared', 'cps', { shards: `sum(${rate('miroir_antientropy_shards_scanned_total')})` }),
      chart('Documents left over', 'short', {
        '{{index}} {{node_id}}': 'max by (index, node_id) (miroir_leftover_documents) > 0',
      }),
      chart('Documents without our fields', 'short', {
        '{{index}} {{node_id}}': 'min by (index, node_id) (miroir_unsplit_documents) > 0',
      }),
      chart('Writes past routers', 'cps', {
        '{{index}} {{node_id}}': sumBy('index, node_id', rate('miroir_untagged_tasks_total')),
      }),
      chart('Changes of settings', 'short', {
        'phase of {{index}}': maxBy('index', 'miroir_settings_broadcast_phase'),
        '{{index}} set back on {{node_id}}': sumBy(
          'index, node_id',
          'increase(miroir_settings_drift_repair_total[$__rate_interval])',
        ),
      }),
    ],
  },
  {
    title: 'Processes',
    panels: [
      chart('Event loop delay, 99 %', 's', { '{{instance}}': 'miroir_event_loop_delay_p99_seconds' }),
      chart('Memory', 'bytes', { '{{instance}}': 'process_resident_memory_bytes{job="miroir"}' }),
      chart('CPU', 'percentunit', { '{{instance}}': rate('process_cpu_seconds_total{job="miroir"}') }),
      chart('Leases held, and indexes with moves to run', 'short', {
        '{{instance}}': 'sum by (instance) (miroir_leader)',
        indexes: 'count(max by (index) (miroir_moves_runnable) > 0) or vector(0)',
      }),
      chart('Leases lost', 'cps', { '{{scope}}': sumBy('scope', rate('miroir_leader_losses_total')) }),
      chart('Writes refused to processes', 'cps', {
        '{{reason}}': sumBy('reason', rate('miroir_refused_writes_total')),
      }),
      stack('Tasks of duties', 'cps', {
        '{{duty}} {{result}}': sumBy('duty, result', rate('miroir_duty_tasks_total')),
      }),
      chart('Tasks of duties, 95 %', 's', {
        '{{duty}}': quantile(0.95, 'miroir_duty_task_duration_seconds', ', duty'),
      }),
    ],
  },
];

/** Grafana's grid is 24 wide. */
const WIDTH = 24;
const NUMBER = { w: 3, h: 4 };
const CHART = { w: 6, h: 7 };
const SOURCE = { type: 'prometheus', uid: '${source}' };

function optionsOf({ isNumber = false }: Panel): object {
  if (isNumber) return { colorMode: 'none', graphMode: 'none', reduceOptions: { calcs: ['lastNotNull'] } };
  return { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } };
}

function panelOf(panel: Panel, id: number, gridPos: object): object {
  const { title, unit, queries, isNumber = false, isStacked = false } = panel;
  return {
    id,
    type: isNumber ? 'stat' : 'timeseries',
    title,
    gridPos,
    datasource: SOURCE,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(isStacked ? { custom: { stacking: { mode: 'normal' }, fillOpacity: 30 } } : {}),
      },
      overrides: [],
    },
    options: optionsOf(panel),
    targets: Object.entries(queries).map(([legendFormat, expr], at) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + at),
      expr,
      ...(legendFormat === '' ? {} : { legendFormat }),
    })),
  };
}

function panelsOf(rows: readonly Row[]): object[] {
  const panels: object[] = [];
  let y = 0;
  for (const { title, panels: ofRow } of rows) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
      panels: [],
    });
    y += 1;
    let x = 0;
    let high = 0;
    for (const panel of ofRow) {
      const size = panel.isNumber === true ? NUMBER : CHART;
      if (x + size.w > WIDTH) {
        x = 0;
        y += size.h;
      }
      panels.push(panelOf(panel, panels.length + 1, { x, y, ...size }));
      x += size.w;
      high = size.h;
    }
    y += high;
  }
  return panels;
}

export const dashboard = (): object => ({
  uid: 'miroir',
  title: 'Miroir',
  description: 'Shards on the move, clients’ requests and the nodes behind them.',
  tags: ['miroir', 'meilisearch'],
  schemaVersion: 39,
  editable: true,
  graphTooltip: 1,
  refresh: '30s',
  time: { from: 'now-1h', to: 'now' },
  templating: {
    list: [{ name: 'source', label: 'Prometheus', type: 'datasource', query: 'prometheus', current: {}, hide: 0 }],
  },
  panels: panelsOf(ROWS),
});
