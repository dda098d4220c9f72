/** How fast copies may go, as it is sent and shown. The core checks what is sent. */
import { z } from 'zod';
import { shown, timeMs } from './base.ts';

const LIMITS = {
  documentsPerSecond: z.number().nullable().describe('of all workers together'),
  tasksInFlight: z.number().nullable().describe('windows waiting in nodes at a time, of each worker'),
};
const FIELDS = z.strictObject({ ...LIMITS, nodes: z.record(z.string(), z.strictObject(LIMITS)) });
const EXAMPLE = {
  documentsPerSecond: 2_000,
  tasksInFlight: null,
  nodes: { n4: { documentsPerSecond: 500, tasksInFlight: 2 } },
};
export const NEW_THROTTLE = shown(FIELDS, EXAMPLE);
export const THROTTLE = shown(
  z.object({ throttle: FIELDS, sinceMs: timeMs.nullable(), actor: z.string().nullable() }),
  { throttle: EXAMPLE, sinceMs: 1_800_000_000_000, actor: 'key:ci-bot' },
);
