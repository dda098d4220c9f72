import { expect, it } from 'vitest';
import { hasRoom, smallBatchMs } from '../../../src/core/node-figures.ts';

it('the cost of a small batch is the median of those that were small, ended and held documents', () => {
  const batch = (documents: number, durationMs: number | null) => ({ documents, durationMs });
  expect(smallBatchMs([batch(1, 30), batch(10, 10), batch(5, 20), batch(11, 900), batch(0, 0), batch(1, null)])).toBe(
    20,
  );
  expect(smallBatchMs([batch(500, 40), batch(1, null)])).toBeNull();
});

it('there is room up to 85 % of what a node may have, with what comes on top', () => {
  expect(hasRoom(800, 50, 1_000)).toBe(true);
  expect(hasRoom(800, 51, 1_000)).toBe(false);
});
