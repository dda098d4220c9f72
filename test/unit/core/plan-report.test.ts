// What became of a plan: durations by phase, sums, predicted against actual, and what is not known.
import { describe, expect, it } from 'vitest';
import { type ReportedMove, reportOf } from '../../../src/core/plan-report.ts';

const START = 1_800_000_000_000;
const MOVE: ReportedMove = {
  id: 'p1-0-0-ab',
  index: 'books',
  shard: 0,
  source: 'n1',
  target: 'n4',
  retires: 'n1',
  reason: 'drain',
  phase: 'OldReplicaDeleted',
  outcome: 'done',
  createdAtMs: START,
  startedAtMs: START + 100,
  switchedAtMs: START + 3_900,
  endedAtMs: START + 9_000,
  phases: {
    DualWriteStarted: START + 600,
    MigrationInProgress: START + 2_600,
    MigrationComplete: START + 3_600,
    DualWriteStopped: START + 4_000,
    OldReplicaDeleted: START + 9_000,
  },
  documents: 50,
  docsMigrated: 50,
  bytes: 9_000,
  windowsVerified: 3,
  windowsRepeated: 1,
  differences: 2,
  holdMs: 40,
  gateRefused: 1,
  lost: 0,
  error: null,
};
const { outcome: _done, ...BEGUN } = MOVE;
const UNFINISHED: ReportedMove = {
  ...BEGUN,
  shard: 1,
  reason: 'balance',
  phase: 'DualWriteStarted',
  endedAtMs: null,
  phases: { DualWriteStarted: START + 600 },
  holdMs: null,
  windowsRepeated: 0,
  gateRefused: 0,
};
const PREDICTED = { atMs: START + 1_000, documents: 90, lowSeconds: 2, seconds: 3, highSeconds: 4 };
const PLAN = { startedAtMs: START, moves: 1, shown: null, predicted: PREDICTED };

describe('the report of a plan', () => {
  it('says of each move how long which phase took, and adds up the rest', () => {
    const { moves, totals, settledSeconds, isSettled } = reportOf(PLAN, [MOVE], START + 99_000);
    expect(moves).toMatchObject([
      {
        settledMs: 3_900,
        phaseMs: {
          DualWriteStarted: 500,
          MigrationInProgress: 2_000,
          MigrationComplete: 1_000,
          DualWriteStopped: 400,
          OldReplicaDeleted: 5_000,
        },
        retries: 2,
        repaired: 2,
        longestWriteWaitMs: 40,
      },
    ]);
    expect(totals).toMatchObject({ moves: 1, settled: 1, byReason: { drain: 1 }, documents: 50, bytes: 9_000 });
    // The grace is none of it.
    expect([settledSeconds, isSettled]).toEqual([4, true]);
  });

  it('holds what was predicted against what came', () => {
    const late = { ...MOVE, phases: { ...MOVE.phases, DualWriteStopped: START + 6_000 } };
    expect(reportOf(PLAN, [MOVE], START).actual).toEqual({ documents: 50, seconds: 3, isWithinRange: true });
    expect(reportOf(PLAN, [late], START).actual).toEqual({ documents: 50, seconds: 5, isWithinRange: false });
  });

  it('holds what was shown before it ran against what came, from its first move on', () => {
    const shown = { madeAtMs: START - 9_000, moves: 1, documents: 48, lowSeconds: 2, highSeconds: 4 };
    const said = { ...PLAN, startedAtMs: START - 60_000, shown };
    expect(reportOf(said, [MOVE], START).shown).toEqual({
      ...shown,
      actual: { documents: 50, seconds: 3.9, isWithinRange: true },
    });
    const untold = { ...said, shown: { ...shown, lowSeconds: null, highSeconds: null } };
    expect(reportOf(untold, [MOVE], START).shown?.actual?.isWithinRange).toBeNull();
    expect(reportOf(said, [UNFINISHED], START).shown?.actual).toBeNull();
    const idle = { ...UNFINISHED, outcome: 'cancelled' as const, startedAtMs: null, endedAtMs: START };
    expect(reportOf(said, [idle], START).shown?.actual).toMatchObject({ seconds: 0, isWithinRange: false });
    expect(reportOf(PLAN, [MOVE], START).shown).toBeNull();
  });

  it('tells of a plan that runs what there is so far', () => {
    const plan = { ...PLAN, moves: 2 };
    const report = reportOf(plan, [MOVE, UNFINISHED], START + 20_000);
    expect(report).toMatchObject({
      isSettled: false,
      settledSeconds: 20,
      actual: null,
      predicted: PREDICTED,
      unknown: [],
    });
    expect(report.totals).toMatchObject({ settled: 1, byReason: { drain: 1, balance: 1 }, longestWriteWaitMs: 40 });
    expect(report.moves[1]).toMatchObject({ outcome: null, settledMs: null, longestWriteWaitMs: null });
    expect(report.moves[1]?.phaseMs).toMatchObject({ DualWriteStarted: 500, MigrationInProgress: null });
    const idle = { ...UNFINISHED, phase: 'Idle' as const, phases: {}, startedAtMs: null };
    expect(reportOf({ ...plan, startedAtMs: null, predicted: null }, [idle], START)).toMatchObject({
      settledSeconds: null,
      unknown: ['1 of 2 moves: their records are not there'],
      totals: { longestWriteWaitMs: null },
    });
  });

  it('counts moves that ended before their switch, and says what older versions did not keep', () => {
    const failed = { ...UNFINISHED, outcome: 'failed' as const, phase: 'Idle' as const, endedAtMs: START + 7_000 };
    const cancelled = { ...failed, outcome: 'cancelled' as const, endedAtMs: START + 5_000 };
    const old = { ...MOVE, phases: {} };
    const report = reportOf({ ...PLAN, moves: 3, predicted: null }, [failed, cancelled, old], START);
    expect(report.totals).toMatchObject({ failed: 1, cancelled: 1, settled: 1 });
    expect([report.settledSeconds, report.actual]).toEqual([7, null]);
    expect(report.unknown).toEqual([
      'the times of the phases of 1 moves: they ran under an older version',
      expect.stringMatching(/^what was predicted/),
    ]);
  });
});
