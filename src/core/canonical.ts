/**
 * One text per document, whatever order its fields are in and however its strings are escaped, so that equal documents
 * can be compared and hashed as text.
 *
 * Fields are sorted by the UTF-16 code units of their keys, strings are spelled in one way. Numbers: an integer that a
 * node keeps exactly (-2^63 … 2^64-1) counts by its text, every other number by its double with a `d` before it. So 1
 * and 1.0 differ as they do on a node, 1e2 and 100.0 are one, and -0.0 is not 0.0.
 */
import { DEPTH_MAX, decodeString, malformed, scalarEnd, skipSpace, stringEnd } from './json-text.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const DOT = 0x2e;
const LETTER_E = 0x65;
const NINE = 0x39;
const ARRAY = 0x5b;
const ARRAY_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;

const U64_MAX = '18446744073709551615';
const I64_MIN = '-9223372036854775808';
/** Shorter than every integer that a node does not keep. */
const SAFE_DIGITS = 18;

/** Both are integers of the same sign without leading zeros. */
const reaches = (text: string, limit: string): boolean =>
  text.length === limit.length ? text > limit : text.length > limit.length;

function isInteger(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const c = text.charCodeAt(i);
    if (c === DOT || (c | 0x20) === LETTER_E) return false;
  }
  return text !== '-0';
}

function canonicalNumber(text: string): string {
  if (isInteger(text) && (text.length <= SAFE_DIGITS || !reaches(text, text.startsWith('-') ? I64_MIN : U64_MAX))) {
    return text;
  }
  const value = Number(text);
  return Object.is(value, -0) ? 'd-0' : `d${value}`;
}

/** A string with its quotes, in the one spelling that the platform gives it. */
const spell = (text: string): string => JSON.stringify(text);

/** Whether a string's text may stand as it is: no escapes, no halves of surrogate pairs to look at. */
function isPlain(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) {
    const c = text.charCodeAt(i);
    if (c === BACKSLASH || (c >= 0xd800 && c <= 0xdfff)) return false;
  }
  return true;
}

/**
 * What the fields of the last object at some place of a document were. The documents of an index mostly have the same
 * fields in the same order, and then keys are compared with the text instead of being read, spelled and sorted again,
 * which is half of the work. Another order only costs time: the object is then sorted and becomes the new shape.
 */
class Shape {
  /** Each field's key up to its colon, as it stands in the text. */
  readonly heads: readonly string[];
  /** Where the shapes of the fields' own objects are kept. */
  readonly places: readonly Place[];
  /** Field numbers in canonical order; of equal keys only the last. */
  readonly order: readonly number[];
  /** What stands before each value in canonical text, in that order. */
  readonly leads: readonly string[];

  constructor(heads: readonly string[], places: readonly Place[]) {
    this.heads = heads;
    this.places = places;
    const keys = heads.map((head) => decodeString(head, 0, stringEnd(head, 0, head.length)));
    const before = (i: number, j: number): number => (keys[i]! < keys[j]! ? -1 : keys[i]! > keys[j]! ? 1 : i - j);
    this.order = keys
      .map((_, i) => i)
      .sort(before)
      .filter((field, i, sorted) => keys[sorted[i + 1] ?? -1] !== keys[field]);
    this.leads = this.order.map((field, i) => `${i === 0 ? '{' : ','}${spell(keys[field]!)}:`);
  }

  join(values: readonly string[]): string {
    let text = '';
    for (let i = 0; i < this.order.length; i += 1) text += this.leads[i]! + values[this.order[i]!]!;
    return `${text}}`;
  }
}

/** Holds the shape of the objects at one place of a document; the elements of an array are one place. */
export interface Place {
  shape: Shape | undefined;
}

/** Reads values of `text` from `at` on, up to `end`, into canonical text. */
class CanonicalReader {
  readonly #text: string;
  readonly #end: number;
  at: number;

  constructor(text: string, at: number, end: number) {
    this.#text = text;
    this.#end = end;
    this.at = at;
  }

  /** Skips white space and returns the character code there, 0 at the end. */
  peek(): number {
    this.at = skipSpace(this.#text, this.at, this.#end);
    return this.at < this.#end ? this.#text.charCodeAt(this.at) : 0;
  }

  /** Steps over a comma (false) or the closing bracket (true). */
  #closes(close: number): boolean {
    const c = this.peek();
    if (c !== close && c !== COMMA) return malformed('a comma or the end is expected', this.at);
    this.at += 1;
    return c === close;
  }

  value(depth: number, place: Place): string {
    const c = this.peek();
    const start = this.at;
    if (c === QUOTE) {
      this.at = stringEnd(this.#text, start, this.#end);
      if (isPlain(this.#text, start + 1, this.at - 1)) return this.#text.slice(start, this.at);
      return spell(decodeString(this.#text, start, this.at));
    }
    if (c === OBJECT) return this.#object(depth + 1, place);
    if (c === ARRAY) {
      const elements: string[] = [];
      this.each(depth + 1, place, (element) => elements.push(element));
      return `[${elements.join()}]`;
    }
    this.at = scalarEnd(this.#text, start, this.#end);
    const token = this.#text.slice(start, this.at);
    return c <= NINE ? canonicalNumber(token) : token;
  }

  /** Reads the array that begins here element by element. */
  each(depth: number, place: Place, visit: (element: string) => void): void {
    if (depth > DEPTH_MAX) malformed(`nested deeper than ${DEPTH_MAX}`, this.at);
    if (this.peek() !== ARRAY) malformed('[ is expected', this.at);
    this.at += 1;
    if (this.peek() === ARRAY_END) {
      this.at += 1;
      return;
    }
    do visit(this.value(depth, place));
    while (!this.#closes(ARRAY_END));
  }

  /** The key that begins here, up to its colon, as it stands in the text. */
  #head(): string {
    this.peek();
    const start = this.at;
    this.at = stringEnd(this.#text, start, this.#end);
    if (this.peek() !== COLON) malformed('a colon is expected', this.at);
    this.at += 1;
    return this.#text.slice(start, this.at);
  }

  #object(depth: number, place: Place): string {
    if (depth > DEPTH_MAX) malformed(`nested deeper than ${DEPTH_MAX}`, this.at);
    this.at += 1;
    if (this.peek() === OBJECT_END) {
      this.at += 1;
      return '{}';
    }
    const { shape } = place;
    const values: string[] = [];
    let known = 0;
    const knownHeads = shape?.heads ?? [];
    while (known < knownHeads.length && this.#text.startsWith(knownHeads[known]!, this.at)) {
      this.at += knownHeads[known]!.length;
      values.push(this.value(depth, shape!.places[known]!));
      known += 1;
      if (!this.#closes(OBJECT_END)) continue;
      if (known === knownHeads.length) return shape!.join(values);
      return this.#newShape(place, knownHeads.slice(0, known), shape!.places.slice(0, known)).join(values);
    }
    const heads = knownHeads.slice(0, known);
    const places = shape?.places.slice(0, known) ?? [];
    do {
      heads.push(this.#head());
      places.push({ shape: undefined });
      values.push(this.value(depth, places[places.length - 1]!));
    } while (!this.#closes(OBJECT_END));
    return this.#newShape(place, heads, places).join(values);
  }

  #newShape(place: Place, heads: readonly string[], places: readonly Place[]): Shape {
    place.shape = new Shape(heads, places);
    return place.shape;
  }
}

/** The same with a place that the caller keeps: for many documents of a kind, one after the other. */
export function readCanonical(text: string, start: number, end: number, place: Place): string {
  const reader = new CanonicalReader(text, start, end);
  const canonical = reader.value(0, place);
  if (reader.peek() !== 0) malformed('nothing more is expected', reader.at);
  return canonical;
}

/** The canonical text of the one JSON value in the span. Throws `InvalidInputError` with the position otherwise. */
export const canonicalDocument = (text: string, start = 0, end = text.length): string =>
  readCanonical(text, start, end, { shape: undefined });

/** Calls `visit` with the canonical text of each element of the array that the text holds. */
export function readCanonicalArray(text: string, place: Place, visit: (element: string) => void): void {
  const reader = new CanonicalReader(text, 0, text.length);
  reader.each(1, place, visit);
  if (reader.peek() !== 0) malformed('nothing more is expected', reader.at);
}
