/** How often an index is planned anew because its moves were out of date. */
import type { PlanningParts } from './parts.ts';

/** An index is planned again this often within the time below when its moves keep being out of date. */
const REPLANS = 5;
const REPLANS_WITHIN_MS = 600_000;

export class Again {
  readonly #parts: Pick<PlanningParts, 'clock' | 'logger'>;
  readonly #replans = new Map<string, number[]>();

  constructor(parts: Pick<PlanningParts, 'clock' | 'logger'>) {
    this.#parts = parts;
  }

  may(index: string): boolean {
    const nowMs = this.#parts.clock.monotonic();
    const recent = (this.#replans.get(index) ?? []).filter((atMs) => nowMs - atMs < REPLANS_WITHIN_MS);
    const may = recent.length < REPLANS;
    if (may) recent.push(nowMs);
    else this.#parts.logger.warn({ index }, 'planned again too often; the next topology event plans it');
    this.#replans.set(index, recent);
    return may;
  }
}
