/**
 * Contents of a document, small enough for a byte, and the question that decides everything: is there an order of the
 * clients' operations that explains a content?
 */
import { at, idsOf, type World } from './world.ts';

/** 0: no document. Else bit 7, which operation wrote it whole (bits 4–6, 7: it was there before), which were merged. */
export type Content = number;

export const ABSENT: Content = 0;
const PRESENT = 0x80;
const BEFORE = 7;

export function initialContent(present: boolean): Content {
  return present ? PRESENT | (BEFORE << 4) : ABSENT;
}

/** What an operation makes of a document. */
export function applied(world: World, operation: number, content: Content): Content {
  switch (at(world.operations, operation).kind) {
    case 'upsert':
      return PRESENT | ((operation + 1) << 4);
    case 'merge':
      return PRESENT | content | (1 << operation);
    case 'delete':
    case 'deleteAll':
      return ABSENT;
  }
}

export function contentText(content: Content): string {
  if (content === ABSENT) return '–';
  const base = (content >> 4) & 7;
  const merged = [0, 1, 2, 3].filter((operation) => (content & (1 << operation)) !== 0);
  const first = base === BEFORE ? 'old' : base === 0 ? '{}' : `w${base - 1}`;
  return [first, ...merged.map((operation) => `w${operation}`)].join('+');
}

/** Operations as sets of bits. */
export interface Known {
  /** Must have taken effect. */
  readonly must: number;
  /** May have taken effect. */
  readonly may: number;
  /** Failed on a node: may be left out although acknowledged. */
  readonly failed: number;
  /** For every operation: which were acknowledged before it began. */
  readonly earlier: readonly number[];
}

/** Answers are kept: one scenario asks the same few questions again and again. */
export class Explainer {
  readonly #world: World;
  readonly #answers = new Map<string, boolean>();
  readonly #touching: readonly number[];

  constructor(world: World) {
    this.#world = world;
    this.#touching = world.initial.map((_, id) =>
      world.operations.reduce((set, _each, k) => (idsOf(world, k).includes(id) ? set | (1 << k) : set), 0),
    );
  }

  /** Is there an order of `must` and some of `may` that keeps real time and ends in this content? */
  explains(id: number, content: Content, known: Known): boolean {
    const touching = at(this.#touching, id);
    const must = known.must & touching;
    const may = (known.may & touching) | must;
    const key = `${id}.${content}.${must}.${may}.${known.failed}.${known.earlier.join('.')}`;
    const kept = this.#answers.get(key);
    if (kept !== undefined) return kept;
    const before = initialContent(at(this.#world.initial, id));
    const answer = this.#search(before, 0, content, must, may, touching, known);
    this.#answers.set(key, answer);
    return answer;
  }

  #search(
    now: Content,
    used: number,
    goal: Content,
    must: number,
    may: number,
    touching: number,
    known: Known,
  ): boolean {
    if (now === goal && (must & ~used) === 0) return true;
    for (let next = 0; next < this.#world.operations.length; next += 1) {
      const bit = 1 << next;
      if ((may & bit) === 0 || (used & bit) !== 0) continue;
      const needs = at(known.earlier, next) & ~known.failed & touching;
      if ((needs & ~used) !== 0 || this.#tooLate(bit, used, known)) continue;
      const after = applied(this.#world, next, now);
      if (this.#search(after, used | bit, goal, must, may, touching, known)) return true;
    }
    return false;
  }

  /** Something that began after this one was acknowledged is placed already. */
  #tooLate(bit: number, used: number, known: Known): boolean {
    return known.earlier.some((set, later) => (used & (1 << later)) !== 0 && (set & bit) !== 0);
  }
}
