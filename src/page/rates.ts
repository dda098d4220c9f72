/**
 * Documents a second, of each move and of all, from what two readings say. Smoothed, since a move counts up by whole
 * windows.
 */
import type { MoveAnswer, ThroughputSample } from './answers.ts';

interface Seen {
  readonly documents: number;
  readonly perSecond: number;
}
export interface Rates {
  readonly atMs: number;
  readonly moves: ReadonlyMap<string, Seen>;
  /** Of all moves, oldest first. */
  readonly samples: readonly ThroughputSample[];
}

export const NO_RATES: Rates = { atMs: 0, moves: new Map(), samples: [] };

/** How much of a new reading counts. */
const WEIGHT = 0.4;
/** A quarter of an hour, at two seconds each. */
const SAMPLES_MAX = 450;

/** Moves that the readings do not hold any more are forgotten. */
export function nextRates(before: Rates, moves: readonly MoveAnswer[], nowMs: number): Rates {
  const seconds = (nowMs - before.atMs) / 1_000;
  if (before.atMs !== 0 && seconds <= 0) return before;
  const seen = new Map<string, Seen>();
  let added = 0;
  for (const { id, docsMigrated, outcome } of moves) {
    const last = before.moves.get(id);
    const grown = last === undefined ? 0 : Math.max(0, docsMigrated - last.documents);
    added += grown;
    const perSecond = last === undefined ? 0 : last.perSecond * (1 - WEIGHT) + (grown / seconds) * WEIGHT;
    seen.set(id, { documents: docsMigrated, perSecond: outcome === null && perSecond >= 0.5 ? perSecond : 0 });
  }
  const samples = before.atMs === 0 ? [] : [...before.samples, { atMs: nowMs, documents: added / seconds }];
  return { atMs: nowMs, moves: seen, samples: samples.slice(-SAMPLES_MAX) };
}

export const rateOf = ({ moves }: Rates, ids: readonly string[]): number =>
  ids.reduce((sum, id) => sum + (moves.get(id)?.perSecond ?? 0), 0);

/** How many readings the rate of all together is the mean of. */
const TOGETHER = 4;

/** Of all together; null before two readings. */
export function totalRate({ samples }: Rates): number | null {
  const last = samples.slice(-TOGETHER);
  return last.length === 0 ? null : last.reduce((sum, { documents }) => sum + documents, 0) / last.length;
}
