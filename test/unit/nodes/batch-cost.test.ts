import { describe, expect, it } from 'vitest';
import { smallBatchMs } from '../../../src/nodes/batch-cost.ts';
import { parseDurationMs } from '../../../src/nodes/shapes.ts';

const batch = (durationMs: number | null, documents: number) => ({
  uid: 1,
  durationMs,
  finishedAt: null,
  tasks: 1,
  documents,
  indexes: ['cities'],
});

describe('smallBatchMs', () => {
  it('is the median of finished batches with 1 to 10 documents', () => {
    expect(smallBatchMs([batch(700, 1), batch(5_000, 1_000), batch(300, 10), batch(2, 0), batch(600, 3)])).toBe(600);
    expect(smallBatchMs([batch(100, 1), batch(200, 1)])).toBe(150);
  });

  it('is null when nothing tells', () => {
    expect(smallBatchMs([])).toBeNull();
    expect(smallBatchMs([batch(null, 5), batch(1, 0), batch(900, 11)])).toBeNull();
  });
});

describe('parseDurationMs', () => {
  it.each([
    ['PT0.746424299S', 746.424],
    ['PT1M2.5S', 62_500],
    ['PT1H', 3_600_000],
    ['P1DT1S', 86_401_000],
    ['soon', null],
  ])('%s -> %s', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });
});
