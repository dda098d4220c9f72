/** The report of a plan, over the wire. */
import { z } from 'zod';
import { MOVE_REASONS, OUTCOMES, PHASES } from '../../core/move.ts';
import { many, shown, timeMs } from './base.ts';
import { BLOCKED, PLAN_STATES, STAGE } from './plans.ts';

const lastedMs = z.number().nullable();
const LINE = z.object({
  id: z.string(),
  index: z.string(),
  shard: z.number(),
  source: z.string(),
  target: z.string(),
  retires: z.string().nullable(),
  reason: z.enum(MOVE_REASONS),
  phase: z.enum(PHASES),
  outcome: z.enum(OUTCOMES).nullable(),
  settledMs: lastedMs.describe('from its start until its shard was settled'),
  phaseMs: z
    .object({
      DualWriteStarted: lastedMs,
      MigrationInProgress: lastedMs,
      MigrationComplete: lastedMs,
      DualWriteStopped: lastedMs,
      OldReplicaDeleted: lastedMs,
    })
    .describe('to each phase from the one before'),
  documents: z.number(),
  bytes: z.number(),
  windowsVerified: z.number(),
  retries: z.number().describe('windows sent again, and times that the gate was closed'),
  repaired: z.number().describe('documents that differed'),
  longestWriteWaitMs: lastedMs.describe('that clients’ writes were held for the switch'),
  lost: z.number(),
  error: z.string().nullable(),
});
export const PLAN_REPORT = shown(
  z.object({
    id: z.string(),
    why: z.string(),
    state: z.enum(PLAN_STATES),
    stage: STAGE,
    topologyVersion: z.number(),
    createdAtMs: timeMs,
    startedAtMs: timeMs.nullable(),
    endedAtMs: timeMs.nullable(),
    blocked: many(BLOCKED),
    totals: z.object({
      moves: z.number(),
      settled: z.number(),
      cancelled: z.number(),
      failed: z.number(),
      byReason: z.partialRecord(z.enum(MOVE_REASONS), z.number()),
      documents: z.number(),
      bytes: z.number(),
      windowsVerified: z.number(),
      retries: z.number(),
      repaired: z.number(),
      longestWriteWaitMs: lastedMs,
      lost: z.number(),
    }),
    settledSeconds: z.number().nullable().describe('until the last shard was settled, or now'),
    isSettled: z.boolean().describe('false: all figures are those so far'),
    shown: z
      .object({
        madeAtMs: timeMs,
        moves: z.number(),
        documents: z.number().nullable(),
        lowSeconds: z.number().nullable(),
        highSeconds: z.number().nullable(),
        actual: z
          .object({ documents: z.number(), seconds: z.number(), isWithinRange: z.boolean().nullable() })
          .nullable()
          .describe('from its first move on; null: it is not over'),
      })
      .nullable()
      .describe('what was said before it ran; null: nobody looked, or it is not kept any more'),
    predicted: z
      .object({
        atMs: timeMs,
        documents: z.number(),
        lowSeconds: z.number(),
        seconds: z.number(),
        highSeconds: z.number(),
      })
      .nullable()
      .describe('the first that could be said while it ran'),
    actual: z
      .object({ documents: z.number(), seconds: z.number(), isWithinRange: z.boolean() })
      .nullable()
      .describe('from when it was predicted'),
    moves: many(LINE),
    unknown: many(z.string()).describe('what is not known, and why'),
  }),
  {
    id: 'p3f9c1a7d2e40',
    why: 'NodeAdded n4',
    state: 'done',
    stage: 'done',
    topologyVersion: 7,
    createdAtMs: 1_800_000_000_000,
    startedAtMs: 1_800_000_000_020,
    endedAtMs: 1_800_000_061_000,
    blocked: [],
    totals: {
      moves: 16,
      settled: 16,
      cancelled: 0,
      failed: 0,
      byReason: { balance: 16 },
      documents: 33_808,
      bytes: 9_100_000,
      windowsVerified: 32,
      retries: 0,
      repaired: 0,
      longestWriteWaitMs: 38,
      lost: 0,
    },
    settledSeconds: 38.4,
    isSettled: true,
    shown: {
      madeAtMs: 1_799_999_950_000,
      moves: 16,
      documents: 33_808,
      lowSeconds: 28,
      highSeconds: 52,
      actual: { documents: 33_808, seconds: 38.2, isWithinRange: true },
    },
    predicted: { atMs: 1_800_000_003_000, documents: 33_600, lowSeconds: 31, seconds: 36.2, highSeconds: 48.9 },
    actual: { documents: 33_808, seconds: 35.4, isWithinRange: true },
    moves: [
      {
        id: 'p3f9c1a7d2e40-12-0-1f00ab3c',
        index: 'cities',
        shard: 12,
        source: 'n1',
        target: 'n4',
        retires: 'n1',
        reason: 'balance',
        phase: 'OldReplicaDeleted',
        outcome: 'done',
        settledMs: 8_200,
        phaseMs: {
          DualWriteStarted: 900,
          MigrationInProgress: 5_900,
          MigrationComplete: 700,
          DualWriteStopped: 700,
          OldReplicaDeleted: 20_300,
        },
        documents: 2_113,
        bytes: 568_000,
        windowsVerified: 2,
        retries: 0,
        repaired: 0,
        longestWriteWaitMs: 38,
        lost: 0,
        error: null,
      },
    ],
    unknown: [],
  },
);
