import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RedisTime } from '../../../src/core/redis-time.ts';

/** Redis tells whole microseconds, and so large a double has steps of a quarter of one. */
const ROUNDED_MS = 0.002;

describe('Redis’ time', () => {
  it('is not known before anything was told', () => {
    const time = new RedisTime();
    expect([time.earliest(0), time.latest(0)]).toEqual([-Infinity, Infinity]);
  });

  it('lies between its bounds, whatever answers took and however the clocks drift', () => {
    const answer = fc.record({
      waitMs: fc.integer({ min: 0, max: 2_000 }),
      thereMs: fc.integer({ min: 0, max: 300 }),
      backMs: fc.integer({ min: 0, max: 300 }),
    });
    fc.assert(
      fc.property(
        fc.array(answer, { minLength: 1, maxLength: 20 }),
        fc.double({ min: -1e-4, max: 1e-4, noNaN: true }),
        (answers, drift) => {
          const redisAt = (monotonicMs: number): number => 1_700_000_000_000 + monotonicMs * (1 + drift);
          const time = new RedisTime();
          let nowMs = 0;
          for (const { waitMs, thereMs, backMs } of answers) {
            const askedMs = nowMs + waitMs;
            nowMs = askedMs + thereMs + backMs;
            time.tell(Math.trunc(redisAt(askedMs + thereMs) * 1_000) / 1_000, askedMs, nowMs);
            for (const atMs of [nowMs, nowMs + 500]) {
              expect(time.earliest(atMs)).toBeLessThanOrEqual(redisAt(atMs) + ROUNDED_MS);
              expect(time.latest(atMs)).toBeGreaterThanOrEqual(redisAt(atMs) - ROUNDED_MS);
            }
          }
        },
      ),
    );
  });

  it('is known better after a quick answer than after a slow one, and stays so', () => {
    const time = new RedisTime();
    const width = (atMs: number): number => time.latest(atMs) - time.earliest(atMs);
    time.tell(10_000, 0, 200);
    expect(width(200)).toBeCloseTo(200, 0);
    time.tell(10_301, 300, 302);
    expect(width(302)).toBeLessThan(2.01);
    time.tell(11_400, 1_300, 1_500);
    expect(width(1_500)).toBeLessThan(4);
  });

  it('is what the last answer says when Redis’ clock was set', () => {
    const time = new RedisTime();
    time.tell(10_000, 0, 1);
    time.tell(4_000, 1_000, 1_001);
    expect(time.earliest(1_001)).toBeCloseTo(4_000, 2);
    expect(time.latest(1_001)).toBeCloseTo(4_001, 1);
  });
});
