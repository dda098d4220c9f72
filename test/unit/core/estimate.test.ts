import { describe, expect, it } from 'vitest';
import {
  atLeast,
  estimateSeconds,
  learnMovePace,
  throttledSeconds,
  UNKNOWN_PACE,
  type MovePace,
} from '../../../src/core/estimate.ts';

const EXACT: MovePace = { fixedSeconds: 1, secondsPerDocument: 0.001, low: 1, high: 1 };
const move = (source: string, target: string, documents = 1_000) => ({ source, target, documents });

describe('what moves take', () => {
  it('is not known of fewer than three', () => {
    expect(
      learnMovePace([
        { documents: 10, seconds: 1 },
        { documents: 20, seconds: 2 },
      ]),
    ).toBeNull();
  });

  it('is a line through those that differ in size: a fixed part, and one for each document', () => {
    const pace = learnMovePace(
      [1_000, 2_000, 3_000, 8_000].map((documents) => ({ documents, seconds: 2 + documents / 500 })),
    );
    expect(pace?.fixedSeconds).toBeCloseTo(2);
    expect(pace?.secondsPerDocument).toBeCloseTo(1 / 500);
    expect([pace?.low, pace?.high]).toEqual([expect.closeTo(1), expect.closeTo(1)]);
  });

  it('of one size grows with the documents, and the range is that of the moves', () => {
    const pace = learnMovePace([4, 5, 5, 5, 6].map((seconds) => ({ documents: 1_000, seconds })))!;
    expect(pace.fixedSeconds + 1_000 * pace.secondsPerDocument).toBeCloseTo(5);
    expect([pace.low, pace.high]).toEqual([expect.closeTo(0.96), expect.closeTo(1.04)]);
  });

  it('of empty shards is all fixed, and a line that falls is none', () => {
    expect(learnMovePace([1, 1, 1].map((seconds) => ({ documents: 0, seconds })))?.secondsPerDocument).toBe(0);
    const falling = learnMovePace([
      { documents: 100, seconds: 9 },
      { documents: 1_000, seconds: 5 },
      { documents: 3_000, seconds: 1 },
    ])!;
    expect(falling.secondsPerDocument).toBeGreaterThan(0);
  });
});

describe('how long a plan takes', () => {
  it('nothing takes nothing', () => {
    expect(estimateSeconds([], EXACT, 4)).toEqual({ low: 0, high: 0 });
  });

  it('is what the busiest node has to do, by its places', () => {
    const out = Array.from({ length: 8 }, (_, at) => move('n1', `m${at}`));
    expect(estimateSeconds(out, EXACT, 4).low).toBeCloseTo(4);
    expect(estimateSeconds(out, EXACT, 8).low).toBeCloseTo(2);
    expect(
      estimateSeconds(
        out.map(({ target }) => move(target, 'n9')),
        EXACT,
        4,
      ).low,
    ).toBeCloseTo(4);
  });

  it('into a node and out of it at the same time do not wait for each other', () => {
    expect(estimateSeconds([move('a', 'b'), move('b', 'a')], EXACT, 1)).toEqual({
      low: 2,
      high: expect.any(Number) as number,
    });
  });

  it('is a range: at worst the longest runs alone at the end, and nothing is known of the first moves', () => {
    const moves = [...Array.from({ length: 4 }, () => move('a', 'b')), move('a', 'b', 9_000)];
    const { low, high } = estimateSeconds(moves, EXACT, 1);
    expect(low).toBeCloseTo(18);
    expect(high).toBeGreaterThanOrEqual(28);
    const unknown = estimateSeconds(moves, UNKNOWN_PACE, 4);
    expect(unknown.high / unknown.low).toBeGreaterThan(5);
  });
});

describe('an estimate under a throttle', () => {
  const load = (target: string, documents: number) => ({ source: 's', target, documents });
  const moves = [load('a', 600), load('a', 400), load('b', 200)];
  const rate = (documentsPerSecond: number | null) => ({ documentsPerSecond, tasksInFlight: null });

  it('is no shorter than the rate allows, in all and into the slowest node', () => {
    expect(throttledSeconds(moves, { ...rate(null), nodes: {} })).toBe(0);
    expect(throttledSeconds(moves, { ...rate(100), nodes: {} })).toBe(12);
    expect(throttledSeconds(moves, { ...rate(100), nodes: { b: rate(4), c: rate(1), a: rate(null) } })).toBe(50);
    expect(throttledSeconds([], { ...rate(100), nodes: { a: rate(1) } })).toBe(0);
  });

  it('is the same where the rate is not what holds copies back', () => {
    expect(atLeast({ low: 3, high: 9 }, 2)).toEqual({ low: 3, high: 9 });
    expect(atLeast({ low: 3, high: 9 }, 12)).toEqual({ low: 12, high: 21 });
  });
});
