/** Why something is where it is, over the wire. */
import { z } from 'zod';
import { DECIDERS } from '../../core/deciders.ts';
import { PHASES } from '../../core/move.ts';
import { SHARD_STATES } from '../../core/routing.ts';
import { many, shown, timeMs } from './base.ts';
import { DETAILED_MOVE, DETAILED_MOVE_EXAMPLE, MOVE } from './reads.ts';

const ROUTE = z.object({
  state: z.enum(SHARD_STATES),
  owners: many(z.string()),
  readers: many(z.string()),
  epoch: z.number().describe('at which the route changed last'),
});
const QUEUE = z.object({
  node: z.string(),
  role: z.enum(['source', 'target']),
  unreachable: z.string().nullable().describe('why it could not be asked'),
  oldestTask: z
    .object({ uid: z.number(), type: z.string(), status: z.string(), enqueuedAt: z.string() })
    .nullable()
    .describe('that is not finished, by the node’s own clock'),
  movesOut: z.number(),
  movesIn: z.number(),
});
export const MOVE_EXPLAINED = shown(
  DETAILED_MOVE.extend({
    phases: many(z.object({ phase: z.enum(PHASES), atMs: timeMs.nullable() })),
    route: ROUTE,
    routers: many(
      z.object({ name: z.string(), epoch: z.number().nullable(), isUpToDate: z.boolean() }).describe('a live router'),
    ),
    nodes: many(QUEUE),
    places: z.number().describe('moves in and out that a node may have at a time, each'),
    journalIds: z.number().describe('written meanwhile, and to be carried over'),
    holder: z.string().nullable().describe('process that serves the index'),
  }),
  {
    ...DETAILED_MOVE_EXAMPLE,
    waiting: {
      reason: 'barrier',
      text: 'barrier: router 7f3a, epoch 412 is not acknowledged by all',
      sinceMs: 1_800_000_003_000,
      unblock: 'nothing for 15 s; a router that stays behind is cut off from Redis: look at the one that is named',
    },
    phases: [
      { phase: 'Idle', atMs: 1_800_000_000_000 },
      { phase: 'DualWriteStarted', atMs: null },
    ],
    route: { state: 'tracking', owners: ['n1'], readers: ['n1'], epoch: 412 },
    routers: [{ name: 'host/71 gateway', epoch: 411, isUpToDate: false }],
    nodes: [{ node: 'n1', role: 'source', unreachable: null, oldestTask: null, movesOut: 2, movesIn: 0 }],
    places: 4,
    journalIds: 12,
    holder: 'host/64',
  },
);

const DECISION = z.object({
  node: z.string(),
  group: z.number(),
  decider: z.enum(DECIDERS),
  decision: z.enum(['yes', 'no', 'throttle']).describe('throttle: not now, and by itself later'),
  why: z.string(),
});
export const SHARD_EXPLAINED = shown(
  z.object({
    index: z.string(),
    shard: z.number(),
    route: ROUTE.extend({ move: z.string().nullable(), frozen: z.boolean() }),
    moves: many(MOVE).describe('unfinished ones of the shard'),
    decisions: many(DECISION).describe('best placed nodes first; a failed node is not asked'),
  }),
  {
    index: 'cities',
    shard: 12,
    route: { state: 'stable', owners: ['n1'], readers: ['n1'], epoch: 3, move: null, frozen: false },
    moves: [],
    decisions: [
      { node: 'n1', group: 0, decider: 'placement', decision: 'yes', why: 'rank 1 of 4: the best 1 own it' },
      { node: 'n2', group: 0, decider: 'placement', decision: 'no', why: 'rank 2 of 4: only the best 1 own it' },
    ],
  },
);
