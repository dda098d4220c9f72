/** What is asked for over the wire, and how it is answered. The fields of events are checked by the core, as any sender's. */
import { z } from 'zod';
import { TOPOLOGY_EVENTS } from '../../core/events.ts';
import { GROUP_EVENTS } from '../../core/group-events.ts';
import { many, shown, timeMs } from './base.ts';

/** Where nothing has to be said. */
export const EMPTY = shown(z.strictObject({}), {});

export const EVENT = shown(
  z.strictObject({
    name: z.string().describe([...TOPOLOGY_EVENTS, ...GROUP_EVENTS].join(', ')),
    data: z.record(z.string(), z.unknown()).describe('the fields of the event, as in the job of plain BullMQ'),
  }),
  { name: 'NodeAdded', data: { node_id: 'n4', replica_group: 0, url: 'http://10.0.0.4:7700', api_key_ref: 'fleet' } },
);
export const NEW_NODE = shown(
  z.strictObject({
    node_id: z.string(),
    url: z.string().optional().describe('where it answers; needed for a node that is not known yet'),
    replica_group: z.number().optional(),
    api_key_ref: z.string().optional().describe('name of its key, never the key'),
    index_uid: z.string().optional().describe('plan for this index only'),
  }),
  { node_id: 'n4', url: 'http://10.0.0.4:7700', api_key_ref: 'fleet' },
);
export const FAILURE = shown(
  z.strictObject({ repair_now: z.boolean().optional().describe('it does not come back: restore its copies at once') }),
  { repair_now: true },
);
export const NEW_GROUP = shown(
  z.strictObject({
    replica_group: z.number(),
    nodes: many(z.strictObject({ node_id: z.string(), url: z.string(), api_key_ref: z.string().optional() })),
  }),
  { replica_group: 1, nodes: [{ node_id: 'n5', url: 'http://10.0.1.5:7700', api_key_ref: 'fleet' }] },
);

/** `Location` says how it is. */
export const ACCEPTED = shown(z.object({ id: z.string(), state: z.literal('waiting') }), {
  id: '17',
  state: 'waiting',
});

const OUTCOME_FIELDS = z.object({
  change: z.enum(['changed', 'repeated']),
  plan: z.string().nullable(),
  moves: z.number(),
  blocked: z.number().describe('shards that cannot be moved now; the plan says why'),
});
const OUTCOME_EXAMPLE = { change: 'changed', plan: 'p3f9c1a7d2e40', moves: 16, blocked: 0 } as const;
export const OUTCOME = shown(OUTCOME_FIELDS, { ...OUTCOME_EXAMPLE, plan: null, moves: 0 });
export const EVENT_STATE = shown(
  z.object({
    id: z.string(),
    state: z.enum(['waiting', 'planned', 'refused']),
    outcome: OUTCOME_FIELDS.nullable(),
    error: z
      .object({
        message: z.string(),
        code: z.string(),
        type: z.string(),
        link: z.string(),
        next_steps: many(z.string()),
      })
      .nullable()
      .describe('what it was refused with'),
  }),
  { id: '17', state: 'planned', outcome: OUTCOME_EXAMPLE, error: null },
);

export const STREAM = shown(
  z.string(),
  'id: 1800000000000-0\ndata: {"what":"asked","verb":"event send","actor":"key:ci-bot","event":"NodeDraining","node":"n1"}\n\n',
);

export const NEW_INDEX = shown(
  z.strictObject({
    uid: z.string(),
    primaryKey: z.string().default('id'),
    shards: z.number().default(64).describe('fixed for the life of the index'),
    replicationFactor: z.number().default(1).describe('copies within each replica group'),
    groups: many(z.number()).optional().describe('default: every replica group'),
    searchableAttributes: many(z.string()).optional(),
  }),
  { uid: 'cities', primaryKey: 'id', shards: 64, replicationFactor: 1, searchableAttributes: ['name', 'country'] },
);
export const THAW = shown(
  z.strictObject({ shard: z.number().int().min(0).nullable().describe('null: all of the index that are frozen') }),
  { shard: 17 },
);
export const THAWED = shown(z.object({ thawed: z.boolean().describe('false: nothing was frozen') }), { thawed: true });

const LOST = { move: z.string(), index: z.string(), shard: z.number(), target: z.string(), lost: many(z.string()) };
const LOST_EXAMPLE = { move: 'p3f9c1a7d2e40-12-0-1f00ab3c', index: 'cities', shard: 12, target: 'n4', lost: ['n1'] };
export const LOSS = shown(
  z.object({ ...LOST, source: z.string(), documents: z.number(), ids: many(z.string()).describe('at most 1,000') }),
  { ...LOST_EXAMPLE, source: 'n1', documents: 2, ids: ['17', '42'] },
);
export const REVERSAL = shown(
  z.object({
    ...LOST,
    owner: z.string().describe('owns the shard again, alone'),
    since: z.string().describe('what was written later is lost'),
  }),
  { ...LOST_EXAMPLE, owner: 'n1', since: '2027-01-15T08:00:00.000Z' },
);

export const DELETION = shown(
  z.object({
    index: z.string(),
    state: z.enum(['registered', 'deleting']),
    shards: z.number().nullable().describe('null once it is out of the registry'),
    nodes: many(z.string()).describe('that own shards of it; while it is being deleted those that may have it still'),
  }),
  { index: 'cities', state: 'deleting', shards: null, nodes: ['n1', 'n2'] },
);

export const WISHED = shown(z.object({ state: z.literal('waiting') }), { state: 'waiting' });
const PASS = z.object({
  started_at: timeMs,
  completed_at: timeMs.nullable(),
  shards_scanned: z.number(),
  shards_with_drift: z.number(),
  repairs_performed: z.number(),
  errors: z.number(),
  documents_left: z.number(),
  shards_left: z.number(),
});
export const PASSES = shown(z.object({ results: many(PASS) }), {
  results: [
    {
      started_at: 1_800_000_000_000,
      completed_at: 1_800_000_060_000,
      shards_scanned: 64,
      shards_with_drift: 0,
      repairs_performed: 0,
      errors: 0,
      documents_left: 0,
      shards_left: 0,
    },
  ],
});
