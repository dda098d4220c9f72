/**
 * How long a plan will take, as a range. A move costs a fixed time (barriers, verifying, the switch) and one that grows
 * with its documents; each node takes part in a bounded number of moves at once, so the busiest node decides. Grace and
 * cleaning up are not in it: the new owners serve by then.
 */
import { mean, quantile } from './statistics.ts';
import type { Throttle } from './throttle.ts';

/** A move that has settled. */
export interface MoveSample {
  readonly documents: number;
  readonly seconds: number;
}

export interface MovePace {
  readonly fixedSeconds: number;
  readonly secondsPerDocument: number;
  /** What the 20th and the 80th percentile of the moves took, as a factor of what the two figures above say. */
  readonly low: number;
  readonly high: number;
}

export interface PlannedLoad {
  readonly source: string;
  readonly target: string;
  readonly documents: number;
}

export interface SecondsRange {
  readonly low: number;
  readonly high: number;
}

/** Fewer say nothing of the next ones. */
const SAMPLES_MIN = 3;
/** A move is never free: barriers alone take some tenths. */
const FIXED_SECONDS_MIN = 0.2;
/**
 * Where no move has settled yet: between 500 and 10,000 documents a second were measured, by what documents are like and
 * what a batch costs the node, and 0.5 to 4 s around them.
 */
export const UNKNOWN_PACE: MovePace = { fixedSeconds: 1.5, secondsPerDocument: 1 / 2_000, low: 0.25, high: 3.5 };

/** The line of least squares through moves that have settled; null while there are too few. */
export function learnMovePace(samples: readonly MoveSample[]): MovePace | null {
  if (samples.length < SAMPLES_MIN) return null;
  const meanOf = (of: (sample: MoveSample) => number): number => mean(samples.map(of));
  const documents = meanOf((one) => one.documents);
  const seconds = meanOf((one) => one.seconds);
  const spread = meanOf((one) => (one.documents - documents) ** 2);
  const together = meanOf((one) => (one.documents - documents) * (one.seconds - seconds));
  // Shards of about one size do not tell what is fixed and what is not; then all of it grows with the documents.
  const slope = spread > (documents * 0.1) ** 2 ? together / spread : 0;
  const isLine = slope > 0 && seconds - slope * documents >= FIXED_SECONDS_MIN;
  const fixedSeconds = isLine ? seconds - slope * documents : Math.min(FIXED_SECONDS_MIN, seconds);
  const secondsPerDocument = documents === 0 ? 0 : (seconds - fixedSeconds) / documents;
  const factors = samples
    .map((one) => one.seconds / Math.max(1e-3, fixedSeconds + secondsPerDocument * one.documents))
    .sort((a, b) => a - b);
  return { fixedSeconds, secondsPerDocument, low: quantile(factors, 0.2), high: quantile(factors, 0.8) };
}

/**
 * Seconds until every move has settled. Low: the busiest node never waits. High: at its end one move runs alone, since
 * with `places` at a time no order of moves takes longer than that.
 */
export function estimateSeconds(
  moves: readonly PlannedLoad[],
  { fixedSeconds, secondsPerDocument, low, high }: MovePace,
  places: number,
): SecondsRange {
  const work = new Map<string, { seconds: number; moves: number }>();
  let longest = 0;
  for (const { source, target, documents } of moves) {
    const seconds = fixedSeconds + secondsPerDocument * documents;
    longest = Math.max(longest, seconds);
    // Places for moves out of a node and into it are counted apart.
    for (const side of [`out ${source}`, `in ${target}`]) {
      const known = work.get(side) ?? { seconds: 0, moves: 0 };
      work.set(side, { seconds: known.seconds + seconds, moves: known.moves + 1 });
    }
  }
  const busiest = Math.max(0, ...[...work.values()].map((one) => one.seconds / Math.min(places, one.moves)));
  return { low: busiest * low, high: Math.max(busiest, longest) * high + (moves.length > places ? longest * high : 0) };
}

/** Seconds that copying lasts at least under the documents per second that an operator allows, in all and into single nodes. */
export function throttledSeconds(moves: readonly PlannedLoad[], throttle: Throttle): number {
  const into = new Map<string, number>();
  for (const { target, documents } of moves) into.set(target, (into.get(target) ?? 0) + documents);
  const total = [...into.values()].reduce((sum, documents) => sum + documents, 0);
  const at = (documents: number, rate: number | null | undefined): number => (rate == null ? 0 : documents / rate);
  return Math.max(
    at(total, throttle.documentsPerSecond),
    ...[...into].map(([node, documents]) => at(documents, throttle.nodes[node]?.documentsPerSecond)),
  );
}

/** The range where copying lasts at least so long: what it was without that comes on top of it at most. */
export const atLeast = ({ low, high }: SecondsRange, seconds: number): SecondsRange =>
  seconds <= low ? { low, high } : { low: seconds, high: seconds + high };
