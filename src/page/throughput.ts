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
  const samples = stored?.results ?? seen;
  const perSample = stored === null ? 1 : stored.bucketMs / 1_000;
  const recent = samples.filter(({ atMs }) => nowMs - atMs <= SPAN_MS);
  const chart = {
    seconds: recent.map(({ atMs }) => atMs / 1_000),
    perSecond: recent.map(({ documents }): number | null => documents / perSample),
    waitMs: recent.map(({ longestWriteWaitMs }) => longestWriteWaitMs ?? null),
    isStored: stored !== null,
    hasWaits: stored !== null,
  };
  // Both ends of the quarter of an hour are there, whatever was measured.
  return {
    ...chart,
    seconds: [(nowMs - SPAN_MS) / 1_000, ...chart.seconds, nowMs / 1_000],
    perSecond: [null, ...chart.perSecond, null],
    waitMs: [null, ...chart.waitMs, null],
  };
}
