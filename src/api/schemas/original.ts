/** What the original's admin routes take and answer, field by field. */
import { z } from 'zod';
import { GROUP_STATES } from '../../core/groups.ts';
import { PHASES } from '../../core/move.ts';
import { NODE_STATES } from '../../core/topology.ts';
import { GROUP_SHARDS, many, shown } from './base.ts';

export const TOPOLOGY_STATUS = shown(
  z.object({
    shards: z.number().describe('of all indexes'),
    replication_factor: z.number().describe('the largest of any index'),
    nodes: many(
      z.object({
        id: z.string(),
        address: z.string(),
        status: z.enum(NODE_STATES),
        shard_count: z.number(),
        last_seen_ms: z.null().describe('not kept: /v1/nodes has what observers hold against a node'),
        error: z.string().optional(),
      }),
    ),
    degraded_node_count: z.number(),
    rebalance_in_progress: z.boolean(),
    fully_covered: z.boolean().describe('every shard can be read'),
  }),
  {
    shards: 64,
    replication_factor: 1,
    nodes: [{ id: 'n1', address: 'http://10.0.0.1:7700', status: 'active', shard_count: 64, last_seen_ms: null }],
    degraded_node_count: 0,
    rebalance_in_progress: false,
    fully_covered: true,
  },
);
export const SHARDS = shown(z.object({ shards: z.record(z.string(), many(z.string())) }), {
  shards: { '0': ['n1'], '1': ['n2'] },
});

const NEW_NODE_FIELDS = { id: z.string(), address: z.string(), api_key_ref: z.string().optional().describe('ours') };
export const NEW_NODE = shown(z.strictObject({ ...NEW_NODE_FIELDS, replica_group: z.number() }), {
  id: 'n4',
  address: 'http://10.0.0.4:7700',
  replica_group: 0,
});
export const NODE_ACCEPTED = shown(
  z.object({
    miroir_task_id: z.string().describe('the plan, where shards move'),
    node_id: z.string(),
    replica_group: z.number(),
    status: z.enum(['accepted', 'draining']),
  }),
  { miroir_task_id: 'p3f9c1a7d2e40', node_id: 'n4', replica_group: 0, status: 'accepted' },
);
export const NODE_TOLD = shown(z.object({ node_id: z.string(), replica_group: z.number(), message: z.string() }), {
  node_id: 'n2',
  replica_group: 0,
  message: 'node n2 has failed',
});
export const NODE_REMOVED = shown(z.object({ node_id: z.string(), message: z.string() }), {
  node_id: 'n1',
  message: 'node n1 is removed',
});
/** A drained node needs no force, and nothing else is removed by it. */
export const FORCE = shown(z.strictObject({ force: z.boolean().optional() }).nullish(), { force: false });

export const REBALANCE = shown(z.strictObject({ index_uid: z.string().optional(), reason: z.string().optional() }), {
  index_uid: 'cities',
  reason: 'after maintenance',
});
export const REBALANCE_STARTED = shown(
  z.object({ miroir_task_id: z.string(), status: z.literal('started'), message: z.string() }),
  { miroir_task_id: 'p3f9c1a7d2e40', status: 'started', message: '16 moves' },
);
export const REBALANCE_NOOP = shown(z.object({ status: z.literal('noop'), message: z.string() }), {
  status: 'noop',
  message: 'every shard is where it belongs',
});
export const REBALANCE_STATUS = shown(
  z.object({
    in_progress: z.boolean(),
    triggered_by: z.string().nullable(),
    operation_id: z.string().nullable(),
    started_at: z.number().nullable(),
    phases: many(
      z.object({
        shard: z.number(),
        index_uid: z.string().describe('ours'),
        state: z.enum(PHASES),
        pct_complete: z.number(),
        source: z.string(),
        destination: z.string(),
        docs_migrated: z.number(),
      }),
    ),
    overall_pct_complete: z.number(),
    metrics: z.object({
      documents_migrated_total: z.number(),
      current_duration_secs: z.number(),
      active_jobs: z.number(),
      completed_jobs: z.number(),
    }),
  }),
  {
    in_progress: true,
    triggered_by: 'NodeAdded n4',
    operation_id: 'p3f9c1a7d2e40',
    started_at: 1_800_000_000_000,
    phases: [
      {
        shard: 12,
        index_uid: 'cities',
        state: 'MigrationInProgress',
        pct_complete: 56,
        source: 'n1',
        destination: 'n4',
        docs_migrated: 1_200,
      },
    ],
    overall_pct_complete: 43,
    metrics: { documents_migrated_total: 18_200, current_duration_secs: 21, active_jobs: 4, completed_jobs: 7 },
  },
);

export const NEW_GROUP = shown(z.strictObject({ group_id: z.number(), nodes: many(z.strictObject(NEW_NODE_FIELDS)) }), {
  group_id: 1,
  nodes: [{ id: 'n5', address: 'http://10.0.1.5:7700' }],
});
export const GROUP_ADDED = shown(
  z.object({ addition_id: z.string(), group_id: z.number(), message: z.string(), phase: z.enum(GROUP_STATES) }),
  { addition_id: 'group-1', group_id: 1, message: 'group 1 gets a copy of every shard', phase: 'initializing' },
);
export const GROUP_STATUS = shown(
  z.object({
    addition_id: z.string(),
    group_id: z.number(),
    phase: z.enum(GROUP_STATES),
    progress_percent: z.number(),
    shards: GROUP_SHARDS,
    started_at: z.number().nullable(),
  }),
  {
    addition_id: 'group-1',
    group_id: 1,
    phase: 'syncing',
    progress_percent: 42,
    shards: { total: 64, pending: 30, syncing: 7, complete: 27, failed: 0 },
    started_at: 1_800_000_000_000,
  },
);
