import { describe, expect, it } from 'vitest';
import { Progress, SLOTS, adaptWidth, cut, firstWidth, nextWindow } from '../../../src/core/windows.ts';

describe('widths', () => {
  it('a shard that fits a page is one window', () => {
    expect(firstWidth(0, 1000)).toBe(SLOTS);
    expect(firstWidth(850, 1000)).toBe(SLOTS);
  });

  it('a larger one is cut so that a page is 85 % full', () => {
    expect(firstWidth(8500, 1000)).toBe(Math.floor(SLOTS / 10));
    expect(firstWidth(1e9, 1000)).toBe(1);
  });

  it.each([
    ['as it should be', 1000, 850, 100, 1000],
    ['too full', 1000, 1700, 100, 500],
    ['too many bytes', 1000, 100, 17_000, 500],
    ['half empty', 1000, 425, 100, 2000],
    ['nearly empty: no more than twice', 1000, 1, 1, 2000],
    ['empty', 1000, 0, 0, 2000],
    ['never below one slot', 1, 100_000, 100, 1],
    ['never above all slots', SLOTS, 10, 10, SLOTS],
  ])('the next is as wide as the last page asks for: %s', (_, width, docs, bytes, next) => {
    expect(adaptWidth(width, docs, bytes, 1000, 10_000)).toBe(next);
  });

  it('the next window begins where asked, and the last one ends with the slots', () => {
    expect(nextWindow(0, 10)).toEqual({ from: 0, to: 9 });
    expect(nextWindow(SLOTS - 5, 10)).toEqual({ from: SLOTS - 5, to: SLOTS - 1 });
    expect(nextWindow(0, 0.5)).toEqual({ from: 0, to: 0 });
    expect(nextWindow(SLOTS, 10)).toBeNull();
  });

  it('a window is cut into halves, one slot is not', () => {
    expect(cut({ from: 0, to: 9 })).toEqual([
      { from: 0, to: 4 },
      { from: 5, to: 9 },
    ]);
    expect(cut({ from: 3, to: 4 })).toEqual([
      { from: 3, to: 3 },
      { from: 4, to: 4 },
    ]);
    expect(cut({ from: 3, to: 3 })).toBeNull();
  });
});

describe('progress', () => {
  it('counts what is done without a gap from the first slot', () => {
    const progress = new Progress();
    expect(progress.done({ from: 10, to: 19 }, 7)).toBe(0);
    expect(progress.snapshot()).toEqual({ lastOffset: 0, docsMigrated: 0 });
    expect(progress.beyond()).toEqual([{ from: 10, to: 19, docs: 7 }]);
    expect(progress.done({ from: 0, to: 9 }, 5)).toBe(12);
    expect(progress.snapshot()).toEqual({ lastOffset: 20, docsMigrated: 12 });
    expect([progress.lastOffset, progress.docsMigrated, progress.isComplete]).toEqual([20, 12, false]);
    expect(progress.done({ from: 20, to: SLOTS - 1 }, 1)).toBe(1);
    expect(progress.isComplete).toBe(true);
  });

  it('a window that is done already counts once', () => {
    const progress = new Progress();
    progress.done({ from: 0, to: 9 }, 5);
    progress.done({ from: 20, to: 29 }, 5);
    expect(progress.done({ from: 0, to: 9 }, 5)).toBe(0);
    expect(progress.done({ from: 20, to: 29 }, 5)).toBe(0);
    expect(progress.docsMigrated).toBe(5);
  });

  it('a window that is done in part is a defect', () => {
    const progress = new Progress({ lastOffset: 10, docsMigrated: 5 }, [{ from: 20, to: 29, docs: 3 }]);
    for (const window of [
      { from: 5, to: 15 },
      { from: 15, to: 20 },
      { from: 29, to: 40 },
      { from: 22, to: 25 },
    ]) {
      expect(() => progress.done(window, 1)).toThrow(expect.objectContaining({ code: 'miroir_invariant' }));
    }
  });

  it('a persisted job at docs 5000 goes on where it stood, around the windows that were finished beyond', () => {
    const progress = new Progress({ lastOffset: 5000, docsMigrated: 5000 }, [
      { from: 6000, to: 6999, docs: 900 },
      { from: 5500, to: 5999, docs: 400 },
    ]);
    expect(progress.next(0, 1000)).toEqual({ from: 5000, to: 5499 });
    expect(progress.next(5500, 1000)).toEqual({ from: 7000, to: 7999 });
    expect(progress.next(5200, 100)).toEqual({ from: 5200, to: 5299 });
    expect(progress.next(SLOTS, 100)).toBeNull();
    expect(progress.done({ from: 5000, to: 5499 }, 100)).toBe(1400);
    expect(progress.snapshot()).toEqual({ lastOffset: 7000, docsMigrated: 6400 });
  });

  it('has no next window when all that is left is done', () => {
    const progress = new Progress(undefined, [{ from: 100, to: SLOTS - 1, docs: 1 }]);
    expect(progress.next(0, SLOTS)).toEqual({ from: 0, to: 99 });
    expect(progress.next(100, 10)).toBeNull();
  });
});
