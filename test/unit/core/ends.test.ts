import { describe, expect, it } from 'vitest';
import { complaintOf } from '../../../src/core/ends.ts';

const LIMITS = { clientTaskMs: 3_000, batchMs: 5_000, ownBatchMs: 1_000 };
const WELL = { clientTaskMs: 900, batchMs: 800, refusals: 0, readMs: 200 };

describe('an end of a copy', () => {
  it.each([
    ['nothing that is long', WELL],
    ['nothing at all', { clientTaskMs: null, batchMs: null, refusals: 0, readMs: null }],
    ['just what is allowed', { clientTaskMs: 3_000, batchMs: 5_000, refusals: 0, readMs: 3_000 }],
  ])('with %s is well', (_, signs) => {
    expect(complaintOf(signs, LIMITS)).toBeNull();
  });

  it.each([
    ['2 requests were refused or not answered', { ...WELL, refusals: 2 }],
    ["a client's task waits for 3001 ms", { ...WELL, clientTaskMs: 3_001 }],
    ['a batch took 5001 ms', { ...WELL, batchMs: 5_001 }],
    ['a page took 3001 ms to read', { ...WELL, readMs: 3_001 }],
  ])('says why not: %s', (why, signs) => {
    expect(complaintOf(signs, LIMITS)).toBe(why);
  });

  it('whose batches are slow by themselves may keep a task for two of them', () => {
    const slow = { ...LIMITS, ownBatchMs: 2_100 };
    expect(complaintOf({ ...WELL, clientTaskMs: 4_200 }, slow)).toBeNull();
    expect(complaintOf({ ...WELL, clientTaskMs: 4_201 }, slow)).not.toBeNull();
  });
});
