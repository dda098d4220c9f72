/**
 * Reading nodes without being felt: over all processes few requests to a node at a time, and after each a rest of the
 * node in proportion to what it took.
 */
import type { Clock, ReadingPlaces } from '../ports.ts';

export interface PacedReadsOptions {
  readonly places: ReadingPlaces;
  readonly clock: Clock;
  /** Of a node's time that may be taken, places together. */
  readonly percent: number;
  /** Places at one node. */
  readonly most: number;
  /** A place whose holder died is free after this; longer than a request lasts. */
  readonly keepMs: number;
}

/** The original's: between two pages, however fast the node is. */
const REST_MS_MIN = 10;
/** A place that is used may be given back at any moment, and rests then; one that rests has its time. */
const ASK_MS = 25;
const ASK_MS_MAX = 1_000;

export class PacedReads {
  readonly #options: PacedReadsOptions;

  constructor(options: PacedReadsOptions) {
    this.#options = options;
  }

  /** Does the read when the node has a place for it. */
  async read<T>(node: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    const { places, clock, keepMs } = this.#options;
    let answer = await places.take(node, keepMs);
    while (!('place' in answer)) {
      await clock.sleep(Math.min(ASK_MS_MAX, Math.max(1, answer.waitMs ?? ASK_MS)), signal);
      answer = await places.take(node, keepMs);
    }
    const startedMs = clock.monotonic();
    try {
      return await act();
    } finally {
      await places.give(node, answer.place, this.#restMs(clock.monotonic() - startedMs));
    }
  }

  /** For the node, not only for this reader: its place stays taken. */
  #restMs(tookMs: number): number {
    const { percent, most } = this.#options;
    return Math.max(REST_MS_MIN, tookMs * ((100 * most) / percent - 1));
  }
}
