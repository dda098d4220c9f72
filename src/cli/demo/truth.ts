/**
 * What must be there: the package's documents, and what acknowledged writes of the demo's clients made of them. Each
 * document has one client that writes it, one write after the other, so the last one that was acknowledged is known.
 */
import type { City } from './cities.ts';

export type Fields = Readonly<Record<string, unknown>>;
/** A document, or null where there must be none. */
export type State = Fields | null;

export interface Write {
  readonly kind: 'put' | 'update' | 'delete';
  /** Each with its id; those of a delete with nothing else. */
  readonly documents: readonly Fields[];
}

export const ID = 'cityId';

export const idOf = (document: Fields): number => Number(document[ID]);

export class Truth {
  readonly #cities: ReadonlyMap<number, City>;
  readonly #written = new Map<number, readonly State[]>();

  constructor(cities: readonly City[]) {
    this.#cities = new Map(cities.map((city) => [city.cityId, city]));
  }

  /** Whether the document was ever there. */
  knows(id: number): boolean {
    return this.#cities.has(id) || this.#written.has(id);
  }

  /** More than one where nobody knows whether a write was accepted. */
  statesOf(id: number): readonly State[] {
    return this.#written.get(id) ?? [this.#cities.get(id) ?? null];
  }

  /** Documents that were ever there. */
  *ids(): Generator<number> {
    yield* this.#cities.keys();
    for (const id of this.#written.keys()) if (!this.#cities.has(id)) yield id;
  }

  acknowledged(write: Write): void {
    this.#apply(write, (states, change) => states.map(change));
  }

  /** Not answered: what was before, or what it made of it. The same write may be acknowledged later. */
  unanswered(write: Write): void {
    this.#apply(write, (states, change) => [...states, ...states.map(change)]);
  }

  #apply(write: Write, next: (states: readonly State[], change: (state: State) => State) => State[]): void {
    for (const document of write.documents) {
      const id = idOf(document);
      const states = next(this.statesOf(id), (state) => after(write.kind, state, document));
      this.#written.set(id, [...new Map(states.map((state) => [JSON.stringify(state), state])).values()]);
    }
  }
}

function after(kind: Write['kind'], state: State, document: Fields): State {
  if (kind === 'delete') return null;
  return kind === 'put' ? document : { ...state, ...document };
}

/** Fields that a router or the loader stamps; everything else must be as it was written. */
const isOurs = (name: string): boolean => name.startsWith('_miroir_');

/** Whether a document that was read is the one that was written. */
function isSame(written: Fields, read: Fields, tolerance: number): boolean {
  // Through JSON once, so that what JSON leaves out is left out here, too.
  const sent = JSON.parse(JSON.stringify(written)) as Fields;
  return sameValue(sent, Object.fromEntries(Object.entries(read).filter(([name]) => !isOurs(name))), tolerance);
}

function sameValue(a: unknown, b: unknown, tolerance: number): boolean {
  if (a === b) return true;
  if (typeof a === 'number' && typeof b === 'number') {
    if (Number.isInteger(a) && Number.isInteger(b)) return false;
    return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => name in b && sameValue((a as Fields)[name], (b as Fields)[name], tolerance));
}

/**
 * What is wrong with one copy of a document, if anything. `tolerance`: how far a number that is no integer may be off,
 * relative to its size; 0 for development nodes. A real node reads doubles with an error in the last place.
 */
export function faultOf(states: readonly State[], read: State, tolerance: number): Fault | null {
  if (read === null) return states.includes(null) ? null : 'lost';
  const written = states.filter((state) => state !== null);
  if (written.some((state) => isSame(state, read, tolerance))) return null;
  return written.length === 0 ? 'resurrected' : 'stale';
}

/** Gone although written; older than, or other than, what was written last; there twice; there although deleted. */
export const FAULTS = ['lost', 'stale', 'doubled', 'resurrected'] as const;
export type Fault = (typeof FAULTS)[number];

const EXAMPLES_MAX = 100;

/** Counts faults, and keeps a sentence about each of the first hundred. */
export class Tally {
  readonly counts: Record<Fault, number> = { lost: 0, stale: 0, doubled: 0, resurrected: 0 };
  readonly examples: string[] = [];
  problems = 0;

  found(fault: Fault | null, problem: string): void {
    this.problems += 1;
    if (fault !== null) this.counts[fault] += 1;
    if (this.examples.length < EXAMPLES_MAX) this.examples.push(problem);
  }
}
