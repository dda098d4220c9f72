/** What one observer has seen of nodes: the outcome of its last looks, how many in a row, and since when. */

/** `refused`: it answers, and does not take our key. `unasked`: this process may not speak to it, and knows nothing. */
export type Seen = 'answers' | 'silent' | 'refused' | 'unasked';

export interface Sight {
  readonly what: Seen;
  /** For how long (ms) all looks have ended like this. */
  readonly forMs: number;
  /** How many. */
  readonly looks: number;
}

export interface SightsOptions {
  /** Between two looks at a node that gives no cause for more. */
  readonly intervalMs: number;
  /** After this long without the look that was due nobody knows what was in between, and the time begins anew. */
  readonly gapMs: number;
}

interface Memory {
  readonly what: Seen;
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly looks: number;
}

export class Sights {
  readonly #options: SightsOptions;
  readonly #seen = new Map<string, Memory>();

  constructor(options: SightsOptions) {
    this.#options = options;
  }

  /** A look that began at `nowMs` (monotonic) ended so. */
  note(id: string, what: Seen, nowMs: number): void {
    const { intervalMs, gapMs } = this.#options;
    const known = this.#seen.get(id);
    // Who is silent is asked again at once, so a pause there means that this process stood still.
    const mayPauseMs = what === 'silent' ? gapMs : gapMs + intervalMs;
    const goesOn = known?.what === what && nowMs - known.lastMs <= mayPauseMs;
    this.#seen.set(id, {
      what,
      sinceMs: goesOn ? known.sinceMs : nowMs,
      lastMs: nowMs,
      looks: goesOn ? known.looks + 1 : 1,
    });
  }

  /** Whether to look now: the interval is over, or the node is `urgent`. */
  isDue(id: string, nowMs: number, urgent: boolean): boolean {
    const lastMs = this.#seen.get(id)?.lastMs;
    return urgent || lastMs === undefined || nowMs - lastMs >= this.#options.intervalMs;
  }

  what(id: string): Seen | undefined {
    return this.#seen.get(id)?.what;
  }

  /** Nodes that did not simply answer. */
  troubled(): string[] {
    return [...this.#seen].filter(([, { what }]) => what !== 'answers').map(([id]) => id);
  }

  /** Forgets every other node. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id);
  }

  /** What is to be reported: all trouble, and that a node answers where somebody waits for that. */
  told(nowMs: number, isAwaited: (id: string) => boolean): Map<string, Sight> {
    return new Map(
      [...this.#seen]
        .filter(([id, { what }]) => what !== 'answers' || isAwaited(id))
        .map(([id, { what, sinceMs, looks }]) => [id, { what, looks, forMs: nowMs - sinceMs }]),
    );
  }
}
