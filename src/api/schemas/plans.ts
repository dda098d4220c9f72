/** Plans as they are shown over the wire. */
import { z } from 'zod';
import { HOLDERS } from '../../core/plan-hold.ts';
import { PLAN_STAGES } from '../../core/plan-stage.ts';
import { many, page, timeMs } from './base.ts';

export const HOLD = z.object({
  by: z.enum(HOLDERS),
  sinceMs: timeMs,
  actor: z.string(),
  isOfAll: z.literal(true).optional().describe('the pause of all plans; one of its own has none'),
});
export const PLAN_STATES = ['opening', 'running', 'done'] as const;
export const STAGE = z.enum(PLAN_STAGES).describe('how it stands');
export const BLOCKED = z.object({ index: z.string(), shard: z.number(), reason: z.string() });
const PLAN = z.object({
  id: z.string(),
  why: z.string(),
  topologyVersion: z.number(),
  state: z.enum(PLAN_STATES).describe('as it is kept; `stage` says more'),
  stage: STAGE,
  moves: z.number(),
  left: z.number().describe('moves that have not ended'),
  blocked: many(BLOCKED).describe('shards that could not be planned, the first hundred'),
  createdAtMs: timeMs,
  startedAtMs: timeMs.nullable(),
  endedAtMs: timeMs.nullable(),
  held: HOLD.nullable().describe('what keeps its moves from beginning'),
  cancelled: z.object({ sinceMs: timeMs, actor: z.string() }).nullable().describe('its moves are being undone'),
});
const PLAN_EXAMPLE: z.input<typeof PLAN> = {
  id: 'p3f9c1a7d2e40',
  why: 'NodeAdded n4',
  topologyVersion: 7,
  state: 'running',
  stage: 'running',
  moves: 16,
  left: 9,
  blocked: [],
  createdAtMs: 1_800_000_000_000,
  startedAtMs: 1_800_000_000_020,
  endedAtMs: null,
  held: null,
  cancelled: null,
};
export const PLANS = page(PLAN, PLAN_EXAMPLE);
const seconds = z.number().nullable();
const ETA = z.object({
  ratePerSecond: z.number().nullable().describe('documents, over the last minute'),
  documentsLeft: z.number().nullable().describe('to be copied; moves that have not begun count like those that have'),
  etaSeconds: seconds.describe('until every shard is settled; no grace is in it'),
  etaLowSeconds: seconds,
  etaHighSeconds: seconds,
  etaNote: z.string().nullable().describe('why there is no estimate'),
  stalledMs: z.number().nullable().describe('how long nothing has got on, from half a minute on'),
  reason: z.string().nullable().describe('why it stands still'),
  unblock: z.string().nullable(),
});
const PROGRESS = ETA.extend({
  moves: z.number(),
  settled: z.number(),
  cleaned: z.number(),
  cancelled: z.number(),
  failed: z.number(),
  running: z.number(),
  docsMigrated: z.number(),
  documents: z.number(),
  differences: z.number(),
  windowsVerified: z.number(),
});
export const PLAN_DETAILS = PLAN.extend({ progress: PROGRESS });
export const PLAN_DETAILS_EXAMPLE: z.input<typeof PLAN_DETAILS> = {
  ...PLAN_EXAMPLE,
  progress: {
    moves: 16,
    settled: 7,
    cleaned: 3,
    cancelled: 0,
    failed: 0,
    running: 4,
    docsMigrated: 18_200,
    documents: 22_900,
    differences: 0,
    windowsVerified: 9,
    ratePerSecond: 812.5,
    documentsLeft: 28_400,
    etaSeconds: 36.2,
    etaLowSeconds: 31,
    etaHighSeconds: 48.9,
    etaNote: null,
    stalledMs: null,
    reason: null,
    unblock: null,
  },
};
