/** What is said of plans as a whole, and how it is answered. */
import { z } from 'zod';
import { many, shown } from './base.ts';
import { HOLD } from './plans.ts';

const HOLD_EXAMPLE = { by: 'operator', sinceMs: 1_800_000_000_000, actor: 'key:ci-bot' } as const;

export const PLAN_HELD = shown(
  z.object({
    plan: z.string(),
    held: HOLD.nullable().describe('what keeps its moves from beginning'),
    paused: HOLD.nullable().describe('the pause of all plans'),
  }),
  { plan: 'p3f9c1a7d2e40', held: HOLD_EXAMPLE, paused: null },
);
export const CANCEL = shown(
  z.object({
    plan: z.string(),
    why: z.string(),
    cancelled: z.boolean(),
    unbegun: z.number().describe('moves that have not begun: they end'),
    undone: z.number().describe('moves that have begun: undone, and what they brought is deleted'),
    switched: z.number().describe('moves past their switch: they go on to their end'),
    reverse: many(z.string()).describe('one command: a plan that takes back all that was asked for, to be applied'),
    standing: z.string().nullable().describe('what stands until that is applied'),
  }),
  {
    plan: 'p3f9c1a7d2e40',
    why: 'NodeAdded n4',
    cancelled: true,
    unbegun: 9,
    undone: 4,
    switched: 3,
    reverse: ['miroir plan --drain n4'],
    standing: 'n4 stays added: any event plans for that again until a plan that takes it back is applied',
  },
);
export const PAUSE = shown(z.object({ paused: HOLD.nullable().describe('who has paused all plans, and since when') }), {
  paused: HOLD_EXAMPLE,
});
export const NEW_PAUSE = shown(
  z.strictObject({ paused: z.boolean().describe('true: no move of any plan begins, also of plans to come') }),
  { paused: true },
);
