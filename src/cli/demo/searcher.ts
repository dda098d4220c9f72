/** One client that searches, as people do: first letters of a name. Nothing may be twice in an answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { City } from './cities.ts';
import type { Line } from './gateways.ts';
import { type Tally, idOf } from './truth.ts';

/** Before the first move, while shards move, and after the last one. */
export type Era = 'before' | 'during' | 'after';

const PAUSE_MS = 250;
const LIMIT = 20;
const LETTERS = 5;

/** How long searches took, retries included (ms). */
export class Durations {
  readonly #ms: Record<Era, number[]> = { before: [], during: [], after: [] };
  era: Era = 'before';

  add(era: Era, tookMs: number): void {
    this.#ms[era].push(tookMs);
  }

  get count(): number {
    return Object.values(this.#ms).reduce((sum, { length }) => sum + length, 0);
  }

  /** Null where there was none. */
  p95(era: Era): number | null {
    const sorted = [...this.#ms[era]].sort((a, b) => a - b);
    return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? null;
  }
}

export async function runSearcher(input: {
  readonly line: Line;
  readonly cities: readonly City[];
  readonly durations: Durations;
  readonly tally: Tally;
  readonly end: AbortSignal;
}): Promise<void> {
  const { line, cities, durations, tally, end } = input;
  while (!end.aborted) {
    const city = cities[Math.floor(Math.random() * cities.length)];
    const { era } = durations;
    const startedMs = performance.now();
    const hits = await line.search(city?.name.slice(0, LETTERS) ?? '', LIMIT);
    durations.add(era, performance.now() - startedMs);
    const ids = hits.map(idOf);
    if (new Set(ids).size < ids.length) {
      tally.found('doubled', `a search for ${city?.name} gave a document twice: ${ids.join()}`);
    }
    await sleep(PAUSE_MS);
  }
}
