import { describe, expect, it } from 'vitest';
import { NodeEnd } from '../../../src/phases/node-end.ts';

const batch = (uid: number, durationMs: number | null) => ({
  uid,
  durationMs,
  finishedAt: null,
  tasks: 1,
  documents: 1,
  indexes: ['books'],
});

describe('a node as an end of copies', () => {
  it('is looked at once in two seconds, by whoever comes first', () => {
    const end = new NodeEnd();
    expect([0, 1_999, 2_000, 2_001, 4_000].map((nowMs) => end.wantsLook(nowMs))).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
  });

  it('complains until it is found well, or nobody has looked for six seconds', () => {
    const end = new NodeEnd();
    end.wantsLook(1_000);
    end.found('slow');
    expect([end.looks, end.complaint(7_000), end.complaint(7_001)]).toEqual([1, 'slow', null]);
    end.found(null);
    expect([end.looks, end.complaint(2_000)]).toEqual([2, null]);
  });

  it('tells new batches and refusals from those of before the first look', () => {
    const end = new NodeEnd();
    expect(end.longestNewBatch([batch(7, 9_000), batch(6, 10)])).toBeNull();
    expect(end.longestNewBatch([batch(9, null), batch(8, 40), batch(7, 9_000)])).toBe(40);
    expect(end.longestNewBatch([batch(9, 70), batch(8, 40)])).toBe(70);
    expect(end.longestNewBatch([])).toBeNull();
    expect([5, 5, 7].map((total) => end.newRefusals(total))).toEqual([0, 0, 2]);
  });

  it('knows since when a client’s task is the oldest, and the slowest page since the last look', () => {
    const end = new NodeEnd();
    expect([end.clientWaitsSinceMs(3, 10), end.clientWaitsSinceMs(3, 20), end.clientWaitsSinceMs(4, 30)]).toEqual([
      10, 10, 30,
    ]);
    expect([end.clientWaitsSinceMs(null, 40), end.clientWaitsSinceMs(4, 50)]).toEqual([40, 50]);
    for (const ms of [5, 9, 7]) end.learnRead(ms);
    expect([end.takeSlowestRead(), end.takeSlowestRead()]).toEqual([9, null]);
  });
});
