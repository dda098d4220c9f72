/**
 * Slot windows: the ranges in which a shard is read, sent, checked and resumed. A window is meant to fit one page; how
 * many slots that takes is guessed from the shard's size, learnt from every page, and cut in two when it was too much.
 */
import { InvariantError } from '../errors.ts';

/** A slot is the top 16 bits of a key's hash, so documents spread evenly over them. */
export const SLOTS = 65_536;

/** Slots `from` to `to`, both ends included, as a node's `TO` has them. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/**
 * How full a page should be. Spread evenly, 850 of 1,000 documents vary by 29, so a cut is needed once in ten million
 * windows; aiming higher saves a page in ten and costs cuts.
 */
const FULLNESS = 0.85;
/** One page that happens to be empty says little, so a width grows by this factor at most. */
const GROWTH_MAX = 2;

const clampWidth = (width: number): number => Math.min(SLOTS, Math.max(1, Math.floor(width)));

/** Slots per window for a shard of `total` documents and pages of `limit`. */
export const firstWidth = (total: number, limit: number): number =>
  total <= limit * FULLNESS ? SLOTS : clampWidth((SLOTS * FULLNESS * limit) / total);

/** The window of `width` slots that begins at `offset`, shorter at the end; null when all slots are behind. */
export const nextWindow = (offset: number, width: number): Window | null =>
  offset >= SLOTS ? null : { from: offset, to: Math.min(offset + clampWidth(width), SLOTS) - 1 };

/** Both halves; null for a single slot, which can only be read with a larger limit. */
export function cut({ from, to }: Window): [Window, Window] | null {
  if (from === to) return null;
  const middle = (from + to) >>> 1;
  return [
    { from, to: middle },
    { from: middle + 1, to },
  ];
}

/** The next width after a window of `width` slots that held this many documents and bytes. */
export function adaptWidth(
  width: number,
  seenTotal: number,
  seenBytes: number,
  limitDocs: number,
  limitBytes: number,
): number {
  const fullness = Math.max(seenTotal / limitDocs, seenBytes / limitBytes);
  const factor = fullness === 0 ? GROWTH_MAX : Math.min(GROWTH_MAX, FULLNESS / fullness);
  return clampWidth(width * factor);
}

/** A finished window and the documents it held. */
export interface FinishedWindow extends Window {
  readonly docs: number;
}

export interface ProgressSnapshot {
  /** The next slot: all below it are done. */
  readonly lastOffset: number;
  /** Documents in the slots below `lastOffset`, so that a resumed move counts none twice. */
  readonly docsMigrated: number;
}

/**
 * How far a move has come when its windows finish out of order. Only the run of finished slots from 0 counts as
 * progress, since that is all that the record can say; windows beyond it count when the gap before them closes.
 */
export class Progress {
  #lastOffset: number;
  #docsMigrated: number;
  /** Finished windows beyond `lastOffset`, ascending, apart from each other. */
  #beyond: FinishedWindow[] = [];

  /** @param beyond windows that a predecessor finished behind a gap, as found by their tags. */
  constructor(from: ProgressSnapshot = { lastOffset: 0, docsMigrated: 0 }, beyond: readonly FinishedWindow[] = []) {
    this.#lastOffset = from.lastOffset;
    this.#docsMigrated = from.docsMigrated;
    for (const window of beyond) this.done(window, window.docs);
  }

  get lastOffset(): number {
    return this.#lastOffset;
  }

  get docsMigrated(): number {
    return this.#docsMigrated;
  }

  get isComplete(): boolean {
    return this.#lastOffset >= SLOTS;
  }

  /**
   * Takes a window as finished and returns by how many documents `docsMigrated` rose. A window that is done already is
   * ignored. Throws `InvariantError` when it covers a part of what is done: its documents could not be counted.
   */
  done({ from, to }: Window, docs: number): number {
    if (to < this.#lastOffset || this.#beyond.some((each) => each.from === from && each.to === to)) return 0;
    if (from < this.#lastOffset || this.#beyond.some((each) => from <= each.to && each.from <= to)) {
      throw new InvariantError(`window ${from}–${to} overlaps finished ones`, {
        details: { from, to, lastOffset: this.#lastOffset },
      });
    }
    this.#beyond.push({ from, to, docs });
    this.#beyond.sort((a, b) => a.from - b.from);
    const before = this.#docsMigrated;
    while (this.#beyond[0]?.from === this.#lastOffset) {
      const next = this.#beyond.shift()!;
      this.#lastOffset = next.to + 1;
      this.#docsMigrated += next.docs;
    }
    return this.#docsMigrated - before;
  }

  /** The next window of up to `width` slots from `offset` on that is not finished; null when there is none. */
  next(offset: number, width: number): Window | null {
    let from = Math.max(offset, this.#lastOffset);
    for (const each of this.#beyond) {
      if (each.from > from) {
        const window = nextWindow(from, width);
        return window && { from, to: Math.min(window.to, each.from - 1) };
      }
      from = Math.max(from, each.to + 1);
    }
    return nextWindow(from, width);
  }

  snapshot(): ProgressSnapshot {
    return { lastOffset: this.#lastOffset, docsMigrated: this.#docsMigrated };
  }

  /** Finished windows that the snapshot does not cover. */
  beyond(): readonly FinishedWindow[] {
    return [...this.#beyond];
  }
}
