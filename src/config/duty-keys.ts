/** Keys of what keeps the fleet whole by itself: duties of the reconcilers, and changes of settings. A part of the table. */
import { z } from 'zod';
import { flag, key, schedule, whole } from './key.ts';

export const DUTY_KEYS = {
  deletions_enabled: key(
    flag,
    true,
    'boolean',
    'off: a deleted index that a node was not told of keeps its name until that node is removed or has failed',
  ),
  deletions_interval_ms: key(
    whole(100, 3_600_000),
    2_000,
    'ms',
    'how often deletions of indexes are looked at that some node was not told of: none is one read',
  ),
  group_checks_enabled: key(
    flag,
    true,
    'boolean',
    'off: a replica group that was added is not compared, and so never read',
  ),
  group_checks_interval_ms: key(
    whole(100, 3_600_000),
    5_000,
    'ms',
    'how often groups are looked for that have all their copies: none is one read',
  ),
  group_auto_activate: key(
    flag,
    true,
    'boolean',
    'a replica group is read as soon as it is equal; off: when `miroir group activate` says so',
  ),
  orphans_enabled: key(
    flag,
    true,
    'boolean',
    'off: jobs and documents that nothing stands behind are left to `miroir doctor`',
  ),
  orphans_interval_ms: key(
    whole(1_000, 86_400_000),
    600_000,
    'ms',
    'between two looks for what nothing stands behind: two small requests for each node and index',
  ),
  orphans_delete_leftovers: key(
    flag,
    false,
    'boolean',
    'on: documents left over on a node are deleted where every owner is seen to have them, or they were deleted later',
  ),
  untagged_enabled: key(flag, true, 'boolean', 'off: writes that come to nodes past all routers are not looked for'),
  untagged_interval_ms: key(
    whole(1_000, 86_400_000),
    60_000,
    'ms',
    'between two looks for writes past all routers: four small requests for each node and index',
  ),
  reconcile_concurrency: key(
    whole(1, 64),
    2,
    'tasks',
    'of duties that one reconciler runs at a time: it must not crowd nodes',
  ),
  repair_lists: key(flag, true, 'boolean', 'whether reconcilers bring owners level with what they missed'),
  repair_lists_interval_ms: key(
    whole(100, 3_600_000),
    2_000,
    'ms',
    'how often lists are looked at: an owner that is back is level within seconds; with none a look is one read an index',
  ),
  settings_broadcast_enabled: key(
    flag,
    true,
    'boolean',
    'off: a change of settings whose process died waits until the next one of its index is asked for',
  ),
  settings_strategy: key(
    z.enum(['two_phase', 'sequential']),
    'two_phase',
    'two_phase or sequential',
    'all nodes at once; one after the other keeps the others fast while one indexes, and differs for longer',
  ),
  settings_verify_timeout_s: key(
    whole(1, 86_400),
    60,
    's',
    'the original value: a node that does not answer for so long ends a change of settings, and it is set back',
  ),
  settings_max_retries: key(
    whole(0, 20),
    3,
    'tries',
    'the original value: then writes are frozen, since nodes that index differently answer differently',
  ),
  settings_drift_interval_s: key(
    whole(0, 86_400),
    300,
    's, 0 = never',
    'the original value: nodes are compared with the settings that are desired, one small read each',
  ),
  settings_drift_auto_repair: key(flag, true, 'boolean', 'the original value; false: drift is only told of'),
  anti_entropy_enabled: key(flag, true, 'boolean', 'the original value: replicas are compared without being asked'),
  anti_entropy_schedule: key(
    schedule,
    'every 6h',
    '`every <number><unit>`: s, sec, second(s), m, min, minute(s), h, hour(s)',
    'the original value: how often a pass begins; a pass that is not over goes on instead',
  ),
  anti_entropy_shards_per_pass: key(
    whole(0, 1_000_000),
    0,
    'shards, 0 = all',
    'the original value; those that were compared longest ago come first',
  ),
  anti_entropy_max_read_concurrency: key(
    whole(1, 16),
    1,
    'requests',
    'of anti-entropy to one node at a time, over all processes; the original’s 2 costs searches more than it gains',
  ),
  anti_entropy_fingerprint_batch_size: key(
    whole(1, 100_000),
    1_000,
    'documents',
    'the original value: read at once of each replica, so a process holds a page of each',
  ),
  anti_entropy_auto_repair: key(
    flag,
    true,
    'boolean',
    'the original value; off: what differs is told and counted only',
  ),
  anti_entropy_ttl_enabled: key(
    flag,
    false,
    'boolean',
    'the original value: documents whose _miroir_expires_at (ms) has passed are deleted, never restored',
  ),
  anti_entropy_node_percent: key(
    whole(1, 100),
    2,
    '% of one core',
    'the original’s target: after each page a node is left alone for 49 times as long as it took',
  ),
} as const;
