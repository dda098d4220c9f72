/** The parts of one write that are not over, in an order that keeps the pieces of a part one after the other. */
import { cut } from './payload.ts';
import type { Part } from './payload.ts';
import type { LinePlace } from './prepare.ts';
import type { WaitWhy } from './waits.ts';

/** A part that is not over. */
export interface Pending {
  readonly part: Part;
  /** False while it waits. */
  isDue: boolean;
  wait: { readonly why: WaitWhy; readonly sinceMs: number; looks: number } | null;
  /** When it waits no more, whatever for; known from its first wait on. */
  overMs: number | null;
  place: LinePlace | null;
  /** Whether it has waited because the mover asks for slower writes. */
  isDelayed: boolean;
  /** How often it was sent and did not count (R8). */
  sends: number;
  /** Owners that it was sent to. */
  readonly sentTo: Set<string>;
  /** What its owners said last. */
  problem: string;
}

const pendingOf = (part: Part): Pending => ({
  part,
  isDue: true,
  wait: null,
  overMs: null,
  place: null,
  isDelayed: false,
  sends: 0,
  sentTo: new Set(),
  problem: '',
});

/** A tag names the shards of its request, and stands in its address. */
const SHARDS_PER_REQUEST = 512;

export class PartQueue {
  #pending: Pending[];
  /** Shards with a piece under way. */
  readonly #busy = new Set<number>();

  constructor(parts: readonly Part[]) {
    this.#pending = parts.map((part) => pendingOf(part));
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0;
  }

  all(): readonly Pending[] {
    return this.#pending;
  }

  /** Takes out as many parts that are due as one request may hold; one that is too large is cut. */
  take(maxBytes: number): Pending[] {
    const seen = new Set<number>();
    const taken = new Set<Pending>();
    const rests: Pending[] = [];
    const replaced: Pending[] = [];
    let left = maxBytes;
    for (const pending of this.#pending) {
      const { shard, bytes } = pending.part;
      const isFirst = !seen.has(shard) && !this.#busy.has(shard);
      seen.add(shard);
      if (!isFirst || !pending.isDue) continue;
      if (replaced.length === SHARDS_PER_REQUEST || (replaced.length > 0 && bytes > left)) break;
      const [first, rest] = cut(pending.part, left);
      taken.add(pending);
      replaced.push(rest === null ? pending : { ...pending, part: first });
      if (rest !== null) rests.push(pendingOf(rest));
      left -= first.bytes;
    }
    for (const { part } of replaced) this.#busy.add(part.shard);
    // A rest comes before later pieces of its part.
    if (taken.size > 0) this.#pending = [...rests, ...this.#pending.filter((pending) => !taken.has(pending))];
    return replaced;
  }

  /** Back to where it came from, before the rest of its part. */
  putBack(pending: Pending): void {
    this.#busy.delete(pending.part.shard);
    this.#pending.unshift(pending);
  }

  done(pending: Pending): void {
    this.#busy.delete(pending.part.shard);
  }
}
