/** What is shown over the wire, as zod has it: answers are cut to it, /openapi.json shows it. */
import { z } from 'zod';
import { GROUP_STATES } from '../../core/groups.ts';
import { LACKS } from '../../core/lacking.ts';
import { MOVE_REASONS, OUTCOMES, PHASES } from '../../core/move.ts';
import { SHARD_STATES } from '../../core/routing.ts';
import { NODE_STATES } from '../../core/topology.ts';
import { WAIT_REASONS } from '../../errors.ts';
import { GROUP_SHARDS, many, page, shown, timeMs } from './base.ts';

const NODE = z.object({
  id: z.string(),
  group: z.number(),
  groupState: z.enum(GROUP_STATES),
  state: z.enum(NODE_STATES),
  failedAtMs: timeMs.nullable(),
  repairAtMs: timeMs.nullable().describe('until then its copies wait for it, and are not restored elsewhere'),
  drainWished: z.boolean().describe('it failed while it was drained, and goes on with that when it is back'),
  drained: z.boolean().describe('nothing is left on it, and no move needs it: it may be removed'),
  lost: z.string().nullable(),
  url: z.string(),
  shards: z.number().describe('copies of shards over all indexes'),
  movesIn: z.number(),
  movesOut: z.number(),
  inGrace: z.number(),
  note: z.string().nullable(),
});
const NODE_EXAMPLE: z.input<typeof NODE> = {
  id: 'n1',
  group: 0,
  groupState: 'active',
  state: 'active',
  failedAtMs: null,
  repairAtMs: null,
  drainWished: false,
  drained: false,
  lost: null,
  url: 'http://10.0.0.1:7700',
  shards: 16,
  movesIn: 0,
  movesOut: 2,
  inGrace: 1,
  note: null,
};
export const NODES = page(NODE, NODE_EXAMPLE);

const ENTRY = z.object({
  uid: z.string(),
  primaryKey: z.string(),
  shards: z.number(),
  replicationFactor: z.number(),
  groups: many(z.number()),
});
const ENTRY_EXAMPLE = { uid: 'cities', primaryKey: 'id', shards: 64, replicationFactor: 1, groups: [0] };
export const INDEX_ENTRY = shown(ENTRY, ENTRY_EXAMPLE);
const INDEX = ENTRY.extend({
  epoch: z.number().describe('of its routing table'),
  moving: z.number().describe('shards in a move, the grace after it included'),
  copies: z.record(z.string(), z.number()).describe('copies of shards by owner'),
});
const INDEX_EXAMPLE = { ...ENTRY_EXAMPLE, epoch: 412, moving: 2, copies: { n1: 32, n2: 32 } };
export const INDEXES = page(INDEX, INDEX_EXAMPLE);

const ROUTE = z.object({
  shard: z.number(),
  state: z.enum(SHARD_STATES),
  owners: many(z.string()),
  readers: many(z.string()),
  epoch: z.number(),
  moveId: z.string().optional(),
  frozen: z.boolean().optional(),
});
export const INDEX_ROUTES = shown(INDEX.extend({ routes: many(ROUTE) }), {
  ...INDEX_EXAMPLE,
  routes: [{ shard: 0, state: 'stable', owners: ['n1'], readers: ['n1'], epoch: 3 }],
});

const WAIT = z.object({
  reason: z.enum(WAIT_REASONS),
  text: z.string().describe('the reason, and what it is about'),
  sinceMs: timeMs,
  unblock: z.string().describe('what ends it, for people'),
});
export const MOVE = z.object({
  id: z.string(),
  plan: z.string(),
  index: z.string(),
  shard: z.number(),
  source: z.string(),
  target: z.string(),
  reason: z.enum(MOVE_REASONS),
  phase: z.enum(PHASES),
  level: z.boolean().describe('the target had a copy that is brought level'),
  outcome: z.enum(OUTCOMES).nullable(),
  docsMigrated: z.number(),
  documents: z.number().nullable().describe('on the source when the copy began'),
  lastOffset: z.number().describe('next slot to copy, of 65,536'),
  differences: z.number(),
  lost: z.number(),
  lostIds: many(z.string()),
  note: z.string().nullable().describe('why it waits, or what it failed with'),
  waiting: WAIT.nullable().describe('why it does not get on'),
});
const MOVE_EXAMPLE: z.input<typeof MOVE> = {
  id: 'p3f9c1a7d2e40-12-0-1f00ab3c',
  plan: 'p3f9c1a7d2e40',
  index: 'cities',
  shard: 12,
  source: 'n1',
  target: 'n4',
  reason: 'balance',
  phase: 'MigrationInProgress',
  level: false,
  outcome: null,
  docsMigrated: 1_200,
  documents: 2_113,
  lastOffset: 37_000,
  differences: 0,
  lost: 0,
  lostIds: [],
  note: null,
  waiting: null,
};
export const MOVES = page(MOVE, MOVE_EXAMPLE);
export const DETAILED_MOVE = MOVE.extend({
  createdAtMs: timeMs,
  startedAtMs: timeMs.nullable(),
  switchedAtMs: timeMs.nullable(),
  endedAtMs: timeMs.nullable(),
  windowsVerified: z.number(),
});
export const DETAILED_MOVE_EXAMPLE: z.input<typeof DETAILED_MOVE> = {
  ...MOVE_EXAMPLE,
  createdAtMs: 1_800_000_000_000,
  startedAtMs: 1_800_000_001_000,
  switchedAtMs: null,
  endedAtMs: null,
  windowsVerified: 0,
};
export const MOVE_DETAILS = shown(DETAILED_MOVE, DETAILED_MOVE_EXAMPLE);

export const THROUGHPUT = shown(
  z.object({
    bucketMs: z.number(),
    results: many(
      z.object({
        atMs: timeMs.describe('when the bucket begins; one in which nothing was copied or held is left out'),
        documents: z.number(),
        longestWriteWaitMs: z.number().describe('that clients’ writes of a shard were held for its switch'),
      }),
    ),
  }),
  { bucketMs: 5_000, results: [{ atMs: 1_800_000_005_000, documents: 4_100, longestWriteWaitMs: 38 }] },
);

const GROUP = z.object({
  group: z.number(),
  phase: z.enum(GROUP_STATES),
  nodes: many(z.string()),
  progressPercent: z.number(),
  shards: GROUP_SHARDS,
  compared: z.number(),
  owned: z.number(),
  startedAtMs: timeMs.nullable(),
  sinceMs: timeMs.nullable(),
  why: z.string().nullable(),
});
const GROUP_EXAMPLE: z.input<typeof GROUP> = {
  group: 0,
  phase: 'active',
  nodes: ['n1'],
  progressPercent: 100,
  shards: { total: 64, pending: 0, syncing: 0, complete: 64, failed: 0 },
  compared: 64,
  owned: 64,
  startedAtMs: null,
  sinceMs: null,
  why: null,
};
export const GROUPS = page(GROUP, GROUP_EXAMPLE);
export const GROUP_SHOWN = shown(GROUP, GROUP_EXAMPLE);
const LACKING = z.object({
  index: z.string(),
  lack: z.enum(LACKS).describe('every_copy: nobody can read or write these shards; a_copy: they have too few'),
  count: z.number().describe('shards; one whose copy a move restores is not counted'),
  shards: many(z.number()).describe('the first thousand'),
  nodes: many(z.string()).describe('failed nodes whose copies are missed'),
});
export const TOPOLOGY = shown(
  z.object({
    version: z.number(),
    nodes: many(NODE),
    groups: many(GROUP),
    covered: z.boolean().describe('every shard has a node that it is read from'),
    lacking: many(LACKING).describe('what failed nodes have left behind'),
  }),
  {
    version: 7,
    covered: true,
    nodes: [NODE_EXAMPLE],
    groups: [GROUP_EXAMPLE],
    lacking: [],
  },
);

export const FINDING = z.object({
  level: z.enum(['ok', 'warn', 'fail']),
  subject: z.string(),
  found: z.string(),
  remedy: z.string().nullable(),
});
export const FINDINGS = shown(
  z.object({
    results: many(FINDING),
  }),
  { results: [{ level: 'ok', subject: 'node n1', found: 'answers, version 1.31.0', remedy: null }] },
);
