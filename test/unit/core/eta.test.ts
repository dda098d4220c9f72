// Rate and time left of a plan: by table where there is nothing to say, and against plans that are played to their end.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlanHistory, type RunningMove, type Sample, etaOf, rateOf } from '../../../src/core/eta.ts';

const START = 1_800_000_000_000;
const NONE: PlanHistory = {
  nowMs: START + 10_000,
  startedAtMs: START,
  progressAtMs: START + 9_000,
  planned: null,
  left: 4,
  running: [],
  settled: { moves: 0, documents: 0, lastedMs: 0, copyMs: 0 },
  samples: [],
};
const steady = (count: number, perSample = 200): Sample[] =>
  Array.from({ length: count }, (_, at) => ({ atMs: START + 1_000 + at * 2_000, documents: at * perSample, over: 0 }));
const COPYING: RunningMove = {
  documents: 1_000,
  copied: 800,
  startedAtMs: START,
  copyAtMs: START + 1_000,
  copiedAtMs: null,
};

describe('a plan of small moves and large ones', () => {
  const HALF: RunningMove = { ...COPYING, copied: 500 };
  /** The small ones, empty in fact, are settled first. */
  const mixed: PlanHistory = {
    ...NONE,
    left: 24,
    running: [HALF, HALF, HALF, HALF],
    settled: { moves: 20, documents: 0, lastedMs: 20_000, copyMs: 2_000 },
    samples: steady(5),
  };

  it('counts what has not begun as it was counted when it was planned, and not as those that are through', () => {
    const counted = etaOf({ ...mixed, planned: 20_000 });
    expect(counted.documentsLeft).toBe(4 * 500 + 20 * 800);
    const guessed = etaOf(mixed);
    expect(guessed.documentsLeft).toBeLessThan(6_000);
    expect(counted.etaSeconds).toBeGreaterThan(2.5 * (guessed.etaSeconds ?? Infinity));
  });

  it('whose running moves turn out larger than all that was counted leaves nothing for the others', () => {
    expect(etaOf({ ...mixed, planned: 3_000 }).documentsLeft).toBe(4 * 500);
  });

  it('tells no time while only empty ones are through', () => {
    const waiting = { ...COPYING, copied: 0, copyAtMs: null };
    const { etaSeconds, etaNote } = etaOf({ ...mixed, running: [waiting], planned: 20_000 });
    expect([etaSeconds, etaNote]).toEqual([null, 'no document was copied yet']);
  });
});

describe('a plan of which nothing can be told', () => {
  it.each([
    ['no move has begun', {}, 'no move has counted its documents yet'],
    ['two samples', { running: [COPYING], samples: steady(2) }, 'estimating: fewer than three samples'],
    [
      'samples of one moment',
      { running: [COPYING], samples: steady(3).map((one) => ({ ...one, atMs: START })) },
      /^estim/,
    ],
  ])('%s: no figure, but why', (_name, change, note) => {
    const eta = etaOf({ ...NONE, ...change });
    expect(eta).toMatchObject({ etaSeconds: null, etaLowSeconds: null, etaHighSeconds: null, stalledMs: null });
    expect(eta.etaNote).toMatch(note);
  });

  it('stands still for half a minute: for how long, and no time left', () => {
    const still = { ...NONE, running: [COPYING], samples: steady(5), nowMs: START + 9_000 + 130_000 };
    expect(etaOf(still)).toMatchObject({ stalledMs: 130_000, etaSeconds: null, etaNote: 'stalled' });
    expect(etaOf({ ...still, nowMs: START + 38_999 }).stalledMs).toBeNull();
    expect(etaOf({ ...NONE, progressAtMs: null, nowMs: START + 40_000 }).stalledMs).toBe(40_000);
    expect(etaOf({ ...NONE, startedAtMs: null, nowMs: START + 40_000 }).stalledMs).toBeNull();
  });

  it('is over: nothing is left, however long ago that was', () => {
    expect(etaOf({ ...NONE, left: 0, nowMs: START + 9_000_000 })).toMatchObject({
      documentsLeft: 0,
      etaSeconds: 0,
      stalledMs: null,
    });
  });
});

describe('rates', () => {
  it('are those of the last minute', () => {
    const slow = Array.from({ length: 50 }, (_, at) => ({ atMs: START + at * 2_000, documents: at * 20, over: 0 }));
    const last = slow.at(-1)!;
    const fast = Array.from({ length: 40 }, (_, at) => ({
      atMs: last.atMs + (at + 1) * 2_000,
      documents: last.documents + (at + 1) * 400,
      over: 0,
    }));
    const nowMs = fast.at(-1)!.atMs;
    const history = { ...NONE, nowMs, progressAtMs: nowMs, running: [COPYING], samples: [...slow, ...fast] };
    expect(etaOf(history).ratePerSecond).toBe(200);
  });

  it('fall when nothing has come since', () => {
    const samples = steady(4);
    expect(rateOf(samples, START + 7_000)).toBe(100);
    expect(rateOf(samples, START + 61_000)).toBe(10);
    expect(rateOf([], START)).toBeNull();
  });

  it('that jump make a wider range, of three times at most to either side', () => {
    const even = etaOf({
      ...NONE,
      running: [COPYING],
      samples: steady(20),
      nowMs: START + 40_000,
      progressAtMs: START + 39_000,
    });
    expect(even.etaLowSeconds).toBe(even.etaSeconds);
    expect(even.etaHighSeconds).toBe(even.etaSeconds);
    const jumps = steady(20).map((one, at) => ({ ...one, documents: Math.floor(at / 8) * 2_000 }));
    const wide = etaOf({
      ...NONE,
      running: [COPYING],
      samples: jumps,
      nowMs: START + 40_000,
      progressAtMs: START + 39_000,
    });
    expect(wide.etaHighSeconds).toBeCloseTo((wide.etaSeconds ?? 0) * 3, 0);
  });
});

interface Played {
  readonly moves: number;
  readonly lanes: number;
  readonly documents: number;
  /** That the nodes take together: moves that copy at a time share it. */
  readonly documentsPerMs: number;
  readonly beforeMs: number;
  readonly afterMs: number;
}

interface PlayedMove {
  copied: number;
  startedAtMs: number;
  copiedAtMs: number | null;
}

/** Plays a plan in steps; what a look at that share of all documents finds, and how long it really lasted from there. */
function play({ moves, lanes, documents, documentsPerMs, beforeMs, afterMs }: Played, share: number) {
  const stepMs = Math.max(10, (moves * documents) / documentsPerMs / 5_000);
  const all: PlayedMove[] = [];
  const samples: Sample[] = [];
  let history: PlanHistory | null = null;
  let seenAtMs = 0;
  const isSettled = ({ copiedAtMs }: PlayedMove, nowMs: number): boolean =>
    copiedAtMs !== null && copiedAtMs + afterMs <= nowMs;
  for (let nowMs = START; ; nowMs += stepMs) {
    const open = all.filter((move) => !isSettled(move, nowMs));
    if (open.length === 0 && all.length === moves) {
      if (history === null) throw new Error('the share was never reached');
      return { history, leftSeconds: (nowMs - seenAtMs) / 1_000 };
    }
    if (open.length < lanes && all.length < moves) all.push({ copied: 0, startedAtMs: nowMs, copiedAtMs: null });
    const copying = open.filter((move) => move.copiedAtMs === null && nowMs >= move.startedAtMs + beforeMs);
    for (const move of copying) {
      move.copied = Math.min(documents, move.copied + (stepMs * documentsPerMs) / copying.length);
      if (move.copied === documents) move.copiedAtMs = nowMs;
    }
    const total = all.reduce((sum, { copied }) => sum + copied, 0);
    const last = samples.at(-1);
    if (total > (last?.documents ?? 0) && nowMs - (last?.atMs ?? 0) >= (samples.length < 20 ? 100 : 2_000)) {
      samples.push({ atMs: nowMs, documents: total, over: 0 });
    }
    if (history !== null || total < share * moves * documents || samples.length < 3) continue;
    seenAtMs = nowMs;
    const settled = all.filter((move) => isSettled(move, nowMs));
    const running = all.filter((move) => !isSettled(move, nowMs));
    history = {
      nowMs,
      startedAtMs: START,
      progressAtMs: nowMs,
      planned: null,
      left: moves - settled.length,
      running: running.map((move) => ({
        documents,
        copied: move.copied,
        startedAtMs: move.startedAtMs,
        copyAtMs: move.startedAtMs + beforeMs <= nowMs ? move.startedAtMs + beforeMs : null,
        copiedAtMs: move.copiedAtMs,
      })),
      settled: {
        moves: settled.length,
        documents: settled.length * documents,
        lastedMs: settled.reduce(
          (sum, { copiedAtMs, startedAtMs }) => sum + (copiedAtMs ?? 0) + afterMs - startedAtMs,
          0,
        ),
        copyMs: settled.reduce(
          (sum, { copiedAtMs, startedAtMs }) => sum + (copiedAtMs ?? 0) - startedAtMs - beforeMs,
          0,
        ),
      },
      samples: [...samples],
    };
  }
}

describe('the time left', () => {
  const plan: Played = { moves: 32, lanes: 4, documents: 4_000, documentsPerMs: 2, beforeMs: 900, afterMs: 1_200 };

  it.each([0.1, 0.25, 0.5])('is within a fifth of the truth after %d of the copy', (share) => {
    const { history, leftSeconds } = play(plan, share);
    const { etaSeconds, documentsLeft } = etaOf(history);
    expect((etaSeconds ?? 0) / leftSeconds).toBeGreaterThan(0.8);
    expect((etaSeconds ?? 0) / leftSeconds).toBeLessThan(1.2);
    expect(documentsLeft).toBeGreaterThan(0.9 * (1 - share) * 128_000);
  });

  it('of any plan is a range around what is left, and within a fifth of it once a wave of moves is over', () => {
    const whole = (min: number, max: number) => fc.integer({ min, max });
    const any = fc.record({
      moves: whole(16, 200),
      lanes: whole(1, 4),
      documents: whole(500, 20_000),
      documentsPerMs: whole(1, 8),
      beforeMs: whole(50, 2_000),
      afterMs: whole(50, 2_000),
    });
    fc.assert(
      fc.property(any, fc.double({ min: 0.3, max: 0.6, noNaN: true }), (played, share) => {
        const { history, leftSeconds } = play(played, share);
        const { etaSeconds, etaLowSeconds, etaHighSeconds } = etaOf(history);
        expect(etaLowSeconds).toBeLessThanOrEqual(etaSeconds ?? 0);
        expect(etaHighSeconds).toBeGreaterThanOrEqual(etaSeconds ?? 0);
        expect(Math.abs((etaSeconds ?? 0) / leftSeconds - 1)).toBeLessThan(0.2);
      }),
      { numRuns: 60 },
    );
  });

  it('goes by the flow of documents while no move has settled, whatever is on its way in windows of those that just began', () => {
    const running = [COPYING, COPYING, { ...COPYING, copied: 0 }, { ...COPYING, copied: 0 }];
    const samples = steady(5).map((one) => ({ ...one, documents: one.documents * 2 }));
    const { etaSeconds, documentsLeft } = etaOf({ ...NONE, left: 14, running, planned: 14_000, samples });
    // 200 documents a second flow, and what stands beside the copies of ten moves comes in quarters of a quarter.
    expect(documentsLeft).toBe(12_400);
    expect(etaSeconds).toBeCloseTo(12_400 / 200 + (10 * 2) / 16 + 1, 0);
  });

  it('follows the last minute where that was slower than the time before', () => {
    const { history } = play({ ...plan, moves: 400 }, 0.2);
    const later = history.samples.map((one) => ({ ...one, atMs: one.atMs - 60_000 }));
    const last = later.at(-1)!;
    const slow = Array.from({ length: 31 }, (_, at) => ({
      atMs: last.atMs + at * 2_000,
      documents: last.documents + at * 100,
      over: 0,
    }));
    const slowed = etaOf({ ...history, samples: [...later, ...slow] });
    expect(slowed.etaSeconds).toBeGreaterThan(2 * (etaOf(history).etaSeconds ?? Infinity));
  });
});
