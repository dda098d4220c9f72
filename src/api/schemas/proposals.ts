/** Plans that are looked at before they run, over the wire. */
import { z } from 'zod';
import { PLAN_STAGES } from '../../core/plan-stage.ts';
import { NODE_STATES } from '../../core/topology.ts';
import { many, shown, timeMs } from './base.ts';
import { NEW_NODE } from './changes.ts';
import { BLOCKED, PLAN_DETAILS, PLAN_DETAILS_EXAMPLE } from './plans.ts';
import { FINDING } from './reads.ts';

export const PLAN_WISH = shown(
  z.strictObject({
    add: many(NEW_NODE.omit({ index_uid: true }))
      .default([])
      .describe('nodes to bring in'),
    drain: many(z.string()).default([]).describe('ids of nodes to drain'),
  }),
  { add: [{ node_id: 'n4', url: 'http://10.0.0.4:7700', api_key_ref: 'fleet' }], drain: ['n1'] },
);

const HELD = z.object({
  shards: z.number(),
  documents: z.number().nullable().describe('null where the node does not tell'),
  bytes: z.number().nullable(),
});
const FORECAST = z.object({
  added: many(
    z.object({
      id: z.string(),
      url: z.string().nullable().describe('where documents will go; null: at the one it has'),
      group: z.number().nullable().describe('null: the one it is in, or the only one'),
      apiKeyRef: z.string().nullable().describe('name of its key; null: none, or the one it has'),
    }),
  ).describe('what it adds: with another url, group or key it is another plan'),
  version: z.number().describe('of the topology that it was made from'),
  madeAtMs: timeMs,
  moves: z.number(),
  minimum: z.number().describe('least number of moves that leads there'),
  withdrawn: z.number().describe('moves of other plans that it withdraws'),
  documents: z.number().nullable(),
  bytes: z.number().nullable(),
  nodes: many(z.object({ id: z.string(), state: z.enum(NODE_STATES), before: HELD, after: HELD })),
  spreadBefore: z.number().describe('most shards on a node by the mean'),
  spreadAfter: z.number(),
  secondsLow: z.number().nullable().describe('until every shard is served by its new owners'),
  secondsHigh: z.number().nullable(),
  learnedFrom: z.number().describe('settled moves that the time was learned from; 0: a wide guess'),
  blocked: many(BLOCKED),
  checks: many(FINDING),
});
export const PROPOSED = shown(
  FORECAST.extend({
    id: z.string().describe('the same question has the same id, as long as the answer is the same'),
    why: z.string(),
    state: z.literal('proposed'),
    stage: z.literal('proposed'),
    isStale: z.boolean().describe('the topology has changed since: it cannot be applied any more'),
    next_steps: many(z.string()),
  }),
  {
    id: 'p3f9c1a7d2e40',
    why: 'NodeDraining n1',
    state: 'proposed',
    stage: 'proposed',
    isStale: false,
    added: [],
    version: 7,
    madeAtMs: 1_800_000_000_000,
    moves: 16,
    minimum: 16,
    withdrawn: 0,
    documents: 302_000,
    bytes: 1_500_000_000,
    nodes: [
      {
        id: 'n1',
        state: 'draining',
        before: { shards: 16, documents: 302_000, bytes: 1_500_000_000 },
        after: { shards: 0, documents: 0, bytes: 0 },
      },
    ],
    spreadBefore: 1,
    spreadAfter: 1.03,
    secondsLow: 170,
    secondsHigh: 250,
    learnedFrom: 200,
    blocked: [],
    checks: [{ level: 'ok', subject: 'node n1', found: 'answers, draining, version 1.31.0', remedy: null }],
    next_steps: ['miroir plan apply p3f9c1a7d2e40 --wait'],
  },
);
const PLAN_SHOWN = PLAN_DETAILS.extend({
  forecast: FORECAST.nullable().describe('what it would do, while it awaits approval; counted anew after 30 s'),
});
/** One example: of two the document would name neither. */
export const PLAN_LOOKED_AT = z
  .union([PLAN_SHOWN, PROPOSED])
  .meta({ examples: [{ ...PLAN_DETAILS_EXAMPLE, forecast: null }] });
export const APPLIED = shown(
  z.object({
    id: z.string(),
    state: z
      .enum(['waiting', ...PLAN_STAGES])
      .describe('`waiting`: the planner has it to do; else the stage of the plan, which was there already'),
  }),
  { id: 'p3f9c1a7d2e40', state: 'waiting' },
);
