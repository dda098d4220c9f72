/** The settings of an index that merging goes by, as a node has them; read again when they are older than a second. */
import { z } from 'zod';
import type { Clock } from '../../ports.ts';

export interface SearchSettings {
  readonly distinctAttribute: string | null;
  readonly maxTotalHits: number;
  readonly maxValuesPerFacet: number;
  readonly sortFacetValuesBy: Readonly<Record<string, string>>;
}

const shape = z
  .object({
    distinctAttribute: z.string().nullish(),
    pagination: z.object({ maxTotalHits: z.number().nullish() }).nullish(),
    faceting: z
      .object({
        maxValuesPerFacet: z.number().nullish(),
        sortFacetValuesBy: z.record(z.string(), z.string()).nullish(),
      })
      .nullish(),
  })
  .transform(({ distinctAttribute, pagination, faceting }): SearchSettings => ({
    distinctAttribute: distinctAttribute ?? null,
    maxTotalHits: pagination?.maxTotalHits ?? 1_000,
    maxValuesPerFacet: faceting?.maxValuesPerFacet ?? 100,
    sortFacetValuesBy: faceting?.sortFacetValuesBy ?? { '*': 'alpha' },
  }));

export const readSettings = (text: string): SearchSettings => shape.parse(JSON.parse(text));

/** A change of settings is an indexing task, so nobody can tell within this time whether it has happened. */
const KEPT_MS = 1_000;
/** Indexes that are kept; a fleet has some hundred. */
const INDEXES_MAX = 1_000;

export class SettingsCache {
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly readAtMs: number; readonly settings: Promise<SearchSettings> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One reading for all who ask meanwhile; a failed one is not kept. */
  of(index: string, read: () => Promise<SearchSettings>): Promise<SearchSettings> {
    const kept = this.#kept.get(index);
    const nowMs = this.#clock.monotonic();
    if (kept !== undefined && nowMs - kept.readAtMs < KEPT_MS) return kept.settings;
    if (this.#kept.size >= INDEXES_MAX) this.#kept.clear();
    const entry = { readAtMs: nowMs, settings: read() };
    this.#kept.set(index, entry);
    entry.settings.catch(() => {
      if (this.#kept.get(index) === entry) this.#kept.delete(index);
    });
    return entry.settings;
  }
}
