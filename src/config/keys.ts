/** Every configuration key: its schema, default, unit and reason. */
import { z } from 'zod';
import { DUTY_KEYS } from './duty-keys.ts';
import { flag, key, list, port, whole, type Key } from './key.ts';
import { REDIS_KEYS } from './redis-keys.ts';

export type { Key } from './key.ts';

export const CONFIG_KEYS = {
  ...REDIS_KEYS,
  node_origins: key(
    list,
    ['http://127.0.0.1:*', 'http://localhost:*', 'http://[::1]:*'],
    'list of origins, * for any port or a leading *. for subdomains',
    'an event must not make us talk to any host; loopback until you say otherwise',
  ),
  keys_dir: key(z.string(), '', 'directory', 'files <ref> with node API keys, beside MIROIR_NODE_KEY_<REF>'),
  lease_ttl_secs: key(
    z.coerce.number().min(1).max(300),
    10,
    's',
    'the original value; self-stop (0.6), request limit (0.4) and all waits derive from it',
  ),
  lease_renewal_interval_ms: key(
    whole(50, 75_000),
    2_000,
    'ms',
    'the original value; over a quarter of the TTL is refused',
  ),
  max_concurrent_migrations: key(whole(1, 64), 4, 'moves', 'the original value: moves one process runs at a time'),
  indexes_per_process: key(whole(1, 64), 4, 'indexes', 'spreads indexes over processes; a process serves this many'),
  plan_approval: key(
    flag,
    false,
    'boolean',
    'on: what events ask for waits for `miroir plan apply`; lost copies are restored at once all the same',
  ),
  moves_per_node: key(whole(1, 64), 4, 'moves', 'in and out each: more only lengthens the batches of that node'),
  migration_batch_size: key(
    whole(1, 100_000),
    1_000,
    'documents',
    'the original value: a window is at most this large',
  ),
  migration_batch_delay_ms: key(
    whole(0, 60_000),
    0,
    'ms',
    'least time between two windows of a move; the original value 100 costs 8 % (decision 0011)',
  ),
  window_bytes: key(whole(1_024, 64_000_000), 8_000_000, 'bytes', 'a page of 5 to 10 MB is cheap to serve and to hold'),
  read_ahead_bytes: key(
    whole(1_024, 512_000_000),
    24_000_000,
    'bytes',
    'pages held by a process at a time, all moves together: keeps a worker below 200 MB',
  ),
  target_tasks: key(whole(1, 1_000), 16, 'tasks', 'windows waiting in one target at most; they share its batches'),
  target_bytes: key(whole(1_024, 1_000_000_000), 64_000_000, 'bytes', 'bytes waiting in one target at most'),
  target_batch_ms: key(whole(50, 60_000), 1_000, 'ms', 'aim for the length of a batch while clients are about'),
  pace_client_task_ms: key(
    whole(100, 600_000),
    3_000,
    'ms',
    'a client’s task at the source or the target of a copy that waits longer, or a page that takes longer, halves the pace; ' +
      'two batches of target_batch_ms and what the clients’ own takes. A node with slow batches has two of these at least',
  ),
  pace_batch_ms: key(
    whole(100, 600_000),
    5_000,
    'ms',
    'a batch of either end that takes longer halves the pace: far above target_batch_ms, so that loads of clients count, ' +
      'not ours',
  ),
  verify_window_docs: key(whole(1, 100_000), 5_000, 'documents', 'digests read best in windows of 5,000'),
  delete_step_docs: key(whole(1, 100_000), 1_000, 'documents', 'ids in one delete; a step lasts about one batch'),
  grace_ms: key(
    whole(0, 86_400_000),
    900_000,
    'ms',
    'how long the retiring copy is kept, so that a move can be reverted',
  ),
  hold_ms: key(whole(100, 10_000), 2_000, 'ms', 'a hold is over after this: no client waits longer for a switch'),
  gate_journal_ids: key(
    whole(1, 10_000),
    500,
    'ids',
    'ids left when a shard switches: one batch of the target carries them over, and only their writes wait for it',
  ),
  node_max_bytes: key(
    whole(0, Number.MAX_SAFE_INTEGER),
    0,
    'bytes',
    'room per node; 0 = not known, a node does not tell',
  ),
  node_failed_after_ms: key(
    whole(200, 86_400_000),
    10_000,
    'ms',
    'a node that most observers get no answer from for this long leaves its shards: with looks, reports and the change of ' +
      'tables its writes go on within 20 s; sooner would take a restart for a death',
  ),
  repair_delay_ms: key(
    whole(0, 86_400_000),
    600_000,
    'ms',
    'how long lost copies wait for the return of a node that failed, 0 = not at all: a node that is back is brought level ' +
      'for a fraction of what copying its shards costs; a restart or a broken host takes minutes',
  ),
  health_enabled: key(
    flag,
    true,
    'boolean',
    'off: planners and reconcilers look at no node, and none is failed, degraded or taken back but by an event',
  ),
  health_probe_interval_ms: key(
    whole(100, 600_000),
    5_000,
    'ms',
    'the original value: between two looks at a node that answers; a silent one is asked every second',
  ),
  health_probe_timeout_ms: key(
    whole(50, 60_000),
    2_000,
    'ms',
    'the original value: a node that takes longer over two small questions is not there for clients either',
  ),
  node_flap_quiet_ms: key(
    whole(0, 86_400_000),
    300_000,
    'ms',
    'a node that failed a fourth time in ten minutes comes back only after it has answered for this long: each return ' +
      'costs a copy of its shards',
  ),
  event_channel_capacity: key(whole(1, 100_000), 100, 'events', 'the original value: waiting events before refusal'),
  ...DUTY_KEYS,
  sweep_interval_ms: key(whole(100, 3_600_000), 30_000, 'ms', 'how often moves without a job are looked for'),
  journal_max_ids: key(
    whole(1, 1_000_000),
    100_000,
    'ids',
    'written while a shard moves and not carried over yet, some 10 MB; more are kept as ranges of slots',
  ),
  new_index_shards: key(
    whole(1, 65_536),
    64,
    'shards',
    'of an index that a client creates: a fleet may grow to some ten times fewer nodes and stay even',
  ),
  new_index_replication_factor: key(
    whole(1, 16),
    1,
    'copies',
    'in each replica group, of an index that a client creates; more needs as many nodes in each group',
  ),
  client_tasks_max: key(whole(100, 10_000_000), 100_000, 'tasks', 'clients’ tasks that stay readable, some 60 MB'),
  client_tasks_ttl_secs: key(
    whole(60, 31_536_000),
    604_800,
    's',
    'a week: longer than any client waits for its task, and what an operator looks back at',
  ),
  audit_max_entries: key(whole(100, 10_000_000), 10_000, 'entries', 'some weeks of moves in a few MB'),
  history_max: key(whole(10, 1_000_000), 1_000, 'records', 'ended plans and moves that stay readable'),
  metrics_port: key(port, 9_090, 'port, 0 = any free', 'the original value'),
  metrics_host: key(z.string().min(1), '127.0.0.1', 'address', 'loopback: metrics carry no auth'),
  api_port: key(port, 7_800, 'port, 0 = any free', 'the control API, and the board of jobs'),
  api_host: key(
    z.string().min(1),
    '127.0.0.1',
    'address',
    'loopback; beyond it the API listens only with api_keys_file',
  ),
  api_keys_file: key(
    z.string(),
    '',
    'file',
    'keys of the control API, hashed, each with a scope; without it everybody on loopback may do everything',
  ),
  api_environment: key(
    z.string().max(40, 'must have at most 40 characters'),
    '',
    'text',
    'what the fleet is called: a badge on the board, so that nobody takes one fleet for another',
  ),
  api_requests_per_minute: key(
    whole(60, 1_000_000),
    3_000,
    'requests',
    'of one key: 50 a second are more than pages and scripts ask for',
  ),
  gateway_host: key(
    z.string().min(1),
    '127.0.0.1',
    'address',
    'loopback; beyond it the gateway listens only with gateway_keys_file',
  ),
  gateway_port: key(port, 7_700, 'port, 0 = any free', 'a node’s own port: clients change the host only'),
  gateway_keys_file: key(
    z.string(),
    '',
    'file',
    'API keys of the gateway’s own, hashed; without it everybody on loopback may do everything',
  ),
  gateway_body_max_bytes: key(
    whole(1_024, 500_000_000),
    100_000_000,
    'bytes, decompressed',
    'a node’s own limit; counted while it is decompressed, so a small body that grows is stopped too',
  ),
  gateway_waiting_max_bytes: key(
    whole(1_024, 8_000_000_000),
    200_000_000,
    'bytes, decompressed',
    'bodies held at once, all requests together: two of the largest; what finds no room gets 503 with Retry-After',
  ),
  gateway_in_flight_max: key(
    whole(1, 100_000),
    1_000,
    'requests',
    'at once in one gateway; a node queues as many searches',
  ),
  gateway_connections_max: key(whole(1, 100_000), 2_000, 'connections', 'clients keep theirs open between requests'),
  all_gateway: key(
    flag,
    false,
    'boolean',
    'workers/all runs a gateway as well; not unasked, since a node of that machine may have its port',
  ),
  log_level: key(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    'info',
    'pino level',
    'info has one line per phase change',
  ),
  unsafe_skip_verify: key(
    flag,
    false,
    'boolean',
    'benchmarks only: what verification costs is measured by leaving it out',
  ),
  failpoint: key(z.string(), '', 'name', 'tests only: where this process kills or stops itself'),
} as const satisfies Record<string, Key<never> | Key<unknown>>;
