/** What the charts draw: what the API keeps, or else what the page itself has seen. */
import type { ThroughputAnswer, ThroughputSample } from './answers.ts';

export interface Chart {
  readonly seconds: readonly number[];
  readonly perSecond: readonly (number | null)[];
  readonly waitMs: readonly (number | null)[];
  /** Whether the API keeps it, so that it is there also before the page was. */
  readonly isStored: boolean;
  readonly hasWaits: boolean;
}

const SPAN_MS = 900_000;

export function chartOf(stored: ThroughputAnswer | null, seen: readonly ThroughputSample[], nowMs: number): Chart {
  const perSample = stored === null ? 1 : stored.bucketMs / 1_000;
  const recent = (stored === null ? seen : whole(stored, nowMs)).filter(({ atMs }) => nowMs - atMs <= SPAN_MS);
  // Both ends of the quarter of an hour are there, whatever was measured.
  return {
    seconds: [(nowMs - SPAN_MS) / 1_000, ...recent.map(({ atMs }) => atMs / 1_000), nowMs / 1_000],
    perSecond: [null, ...recent.map(({ documents }) => documents / perSample), null],
    waitMs: [null, ...recent.map(({ longestWriteWaitMs }) => longestWriteWaitMs ?? null), null],
    isStored: stored !== null,
    hasWaits: stored !== null,
  };
}

/** A bucket in which nothing happened is left out of the answer: here it is zero. The one that is not over is no measure. */
function whole({ bucketMs, results }: ThroughputAnswer, nowMs: number): readonly ThroughputSample[] {
  const known = new Map(results.map((sample) => [sample.atMs, sample]));
  const last = Math.floor(nowMs / bucketMs - 1) * bucketMs;
  const count = Math.floor(SPAN_MS / bucketMs);
  return Array.from({ length: count }, (_, at) => {
    const atMs = last - (count - 1 - at) * bucketMs;
    return known.get(atMs) ?? { atMs, documents: 0, longestWriteWaitMs: 0 };
  });
}
