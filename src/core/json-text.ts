/**
 * Walks JSON as text. Documents travel from node to node unparsed, since parsing would round numbers beyond 2^53 and
 * lose `1.0`; so all that is read of them is where things begin and end. Every function is linear in what it walks,
 * checks the grammar on its way, and throws `InvalidInputError` with `details.position` where it does not hold.
 */
import { InvalidInputError } from '../errors.ts';

/** A part of a text: `text.slice(start, end)`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A node breaks at about 127 levels, so this is no limit for documents, but it bounds our stack. */
export const DEPTH_MAX = 500;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const ARRAY = 0x5b;
const ARRAY_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const LETTER_E = 0x65;

export function malformed(what: string, position: number): never {
  throw new InvalidInputError(`malformed JSON at ${position}: ${what}`, { details: { position } });
}

/** The first position from `at` that is no white space. */
export function skipSpace(text: string, at: number, end: number): number {
  for (; at < end; at += 1) {
    const c = text.charCodeAt(at);
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
  }
  return at;
}

const ESCAPES = new Set('"\\/bfnrt');
const HEX4 = /^[0-9a-fA-F]{4}$/;

/** The end of an escape whose backslash is at `at`. */
function escapeEnd(text: string, at: number, end: number): number {
  const letter = text[at + 1] ?? '';
  if (at + 1 < end && ESCAPES.has(letter)) return at + 2;
  if (letter === 'u' && at + 6 <= end && HEX4.test(text.slice(at + 2, at + 6))) return at + 6;
  return malformed('a broken escape', at);
}

/** The end of the string that begins at `at`, behind its closing quote. */
export function stringEnd(text: string, at: number, end: number): number {
  if (at >= end || text.charCodeAt(at) !== QUOTE) return malformed('a string is expected', at);
  for (let i = at + 1; i < end;) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) return i + 1;
    if (c === BACKSLASH) i = escapeEnd(text, i, end);
    else if (c < 0x20) return malformed('a control character in a string', i);
    else i += 1;
  }
  return malformed('a string without end', at);
}

const isDigit = (c: number): boolean => c >= 0x30 && c <= 0x39;

/** The first position from `at` that is no digit. */
function digitsEnd(text: string, at: number, end: number): number {
  while (at < end && isDigit(text.charCodeAt(at))) at += 1;
  return at;
}

/** The end of the number at `at`; by hand, since a pattern costs three times as much and pages are full of numbers. */
function numberEnd(text: string, at: number, end: number): number {
  const first = text.charCodeAt(at) === MINUS ? at + 1 : at;
  let i = digitsEnd(text, first, end);
  if (i === first || (i > first + 1 && text.charCodeAt(first) === ZERO)) return malformed('a value is expected', at);
  if (i < end && text.charCodeAt(i) === DOT) {
    const fraction = i + 1;
    i = digitsEnd(text, fraction, end);
    if (i === fraction) return malformed('a digit is expected', i);
  }
  if (i < end && (text.charCodeAt(i) | 0x20) === LETTER_E) {
    const sign = i + 1 < end ? text.charCodeAt(i + 1) : 0;
    const exponent = sign === PLUS || sign === MINUS ? i + 2 : i + 1;
    i = digitsEnd(text, exponent, end);
    if (i === exponent) return malformed('a digit is expected', i);
  }
  return i;
}

/** The end of the number or literal that begins at `at`. */
export function scalarEnd(text: string, at: number, end: number): number {
  const first = at < end ? text.charCodeAt(at) : 0;
  const literal = first === 0x74 ? 'true' : first === 0x66 ? 'false' : first === 0x6e ? 'null' : undefined;
  if (literal === undefined) return numberEnd(text, at, end);
  if (!text.startsWith(literal, at) || at + literal.length > end) return malformed('a value is expected', at);
  return at + literal.length;
}

/**
 * Called for each member of an array (`keyStart` is -1) or object: where its value and its key, with quotes, begin and end.
 * Numbers and no spans: a large write has a million members, and only few of them are kept.
 */
type Visit = (start: number, end: number, keyStart: number, keyEnd: number) => void;

/** Asked for each member of an object: who is to see the members of its value; before the member itself is seen. */
type Into = (keyStart: number, keyEnd: number) => Visit | undefined;

/** Walks the array or object at `at` and returns the position behind it. */
function walkMembers(text: string, at: number, end: number, depth: number, visit?: Visit, into?: Into): number {
  if (depth > DEPTH_MAX) return malformed(`nested deeper than ${DEPTH_MAX}`, at);
  const isObject = text.charCodeAt(at) === OBJECT;
  const close = isObject ? OBJECT_END : ARRAY_END;
  let i = skipSpace(text, at + 1, end);
  if (i < end && text.charCodeAt(i) === close) return i + 1;
  for (;;) {
    let keyStart = -1;
    let keyEnd = -1;
    if (isObject) {
      keyStart = i;
      keyEnd = stringEnd(text, i, end);
      i = skipSpace(text, keyEnd, end);
      if (i >= end || text.charCodeAt(i) !== COLON) return malformed('a colon is expected', i);
      i = skipSpace(text, i + 1, end);
    }
    const valueAt = i;
    i = valueEnd(text, valueAt, end, depth, into?.(keyStart, keyEnd));
    if (visit !== undefined) visit(valueAt, i, keyStart, keyEnd);
    i = skipSpace(text, i, end);
    const c = i < end ? text.charCodeAt(i) : 0;
    if (c === close) return i + 1;
    if (c !== COMMA) return malformed('a comma or the end is expected', i);
    i = skipSpace(text, i + 1, end);
  }
}

/** The end of the value that begins at `at` (no white space before it). `depth` counts the levels around it. */
export function valueEnd(text: string, at: number, end: number, depth = 0, visit?: Visit): number {
  const c = at < end ? text.charCodeAt(at) : 0;
  if (c === QUOTE) return stringEnd(text, at, end);
  if (c === OBJECT || c === ARRAY) return walkMembers(text, at, end, depth + 1, visit);
  return scalarEnd(text, at, end);
}

/** Walks the one value that the span holds, which has to open with `open`. */
function walkOnly(text: string, start: number, end: number, open: number, visit: Visit, into?: Into): void {
  const at = skipSpace(text, start, end);
  if (at >= end || text.charCodeAt(at) !== open) malformed(`${String.fromCharCode(open)} is expected`, at);
  const behind = skipSpace(text, walkMembers(text, at, end, 1, visit, into), end);
  if (behind < end) malformed('nothing more is expected', behind);
}

/** The elements of the array that the text (or the part of it) holds. */
export function splitArray(text: string, start = 0, end = text.length): Span[] {
  const elements: Span[] = [];
  walkOnly(text, start, end, ARRAY, (from, to) => elements.push({ start: from, end: to }));
  return elements;
}

/** The string that a span with quotes holds. Decoding alone may be left to the platform: no numbers are in it. */
export function decodeString(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1);
  return raw.includes('\\') ? (JSON.parse(text.slice(start, end)) as string) : raw;
}

/** One member of an object, as spans of its key (with quotes) and its value. */
export interface Member {
  readonly name: string;
  readonly key: Span;
  readonly value: Span;
}

const collecting =
  (text: string, members: Member[]): Visit =>
  (from, to, keyStart, keyEnd) => {
    const name = decodeString(text, keyStart, keyEnd);
    members.push({ name, key: { start: keyStart, end: keyEnd }, value: { start: from, end: to } });
  };

/** The members of the object that the text (or the part of it) holds, in order; a name may come twice. */
export function splitObject(text: string, start = 0, end = text.length): Member[] {
  const members: Member[] = [];
  walkOnly(text, start, end, OBJECT, collecting(text, members));
  return members;
}

/**
 * As `splitObject`, and the elements of the array that the member of this name holds (the last one counts), in one walk:
 * an answer is mostly its list.
 */
export function splitObjectAround(
  text: string,
  name: string,
): { readonly members: readonly Member[]; readonly elements: readonly Span[] } {
  const members: Member[] = [];
  let elements: Span[] = [];
  const into: Into = (keyStart, keyEnd) => {
    if (!isNamed(text, keyStart, keyEnd, name)) return undefined;
    elements = [];
    return (from, to, innerKey) => void (innerKey < 0 && elements.push({ start: from, end: to }));
  };
  walkOnly(text, 0, text.length, OBJECT, collecting(text, members), into);
  return { members, elements };
}

/** The value of a field of the object that the span holds, not looked for in deeper ones; the last one counts. */
export function fieldSpan(text: string, start: number, end: number, name: string): Span | undefined {
  let found: Span | undefined;
  walkOnly(text, start, end, OBJECT, (from, to, keyStart, keyEnd) => {
    if (isNamed(text, keyStart, keyEnd, name)) found = { start: from, end: to };
  });
  return found;
}

/** Whether a key, with its quotes, is this name; made without the key's own text unless it is written with escapes. */
function isNamed(text: string, keyStart: number, keyEnd: number, name: string): boolean {
  for (let at = keyStart + 1; at < keyEnd - 1; at += 1) {
    if (text.charCodeAt(at) === BACKSLASH) return decodeString(text, keyStart, keyEnd) === name;
  }
  return keyEnd - keyStart - 2 === name.length && text.startsWith(name, keyStart + 1);
}

/** An element of an array: where it lies, and where the value of the field asked for does, if it is an object with one. */
export interface Keyed {
  readonly span: Span;
  readonly field: Span | undefined;
}

/** As `splitArray`, and of every object among the elements the field of this name (the last one counts), in one walk. */
export function splitKeyed(text: string, name: string): Keyed[] {
  const elements: Keyed[] = [];
  const end = text.length;
  const open = skipSpace(text, 0, end);
  if (open >= end || text.charCodeAt(open) !== ARRAY) return malformed('[ is expected', open);
  let field: Span | undefined;
  const see: Visit = (from, to, keyStart, keyEnd) => {
    if (keyStart >= 0 && isNamed(text, keyStart, keyEnd, name)) field = { start: from, end: to };
  };
  let i = skipSpace(text, open + 1, end);
  const isEmpty = i < end && text.charCodeAt(i) === ARRAY_END;
  for (let c = isEmpty ? ARRAY_END : COMMA; c !== ARRAY_END;) {
    field = undefined;
    const start = i;
    const isObject = i < end && text.charCodeAt(i) === OBJECT;
    i = isObject ? walkMembers(text, i, end, 2, see) : valueEnd(text, i, end, 1);
    elements.push({ span: { start, end: i }, field });
    i = skipSpace(text, i, end);
    c = i < end ? text.charCodeAt(i) : 0;
    if (c === COMMA) i = skipSpace(text, i + 1, end);
    else if (c !== ARRAY_END) return malformed('a comma or the end is expected', i);
  }
  const behind = skipSpace(text, i + 1, end);
  if (behind < end) return malformed('nothing more is expected', behind);
  return elements;
}

/**
 * The text of a primary key: a string decoded, a number as it stands. Throws `InvalidInputError` for anything else,
 * since nothing else can be a primary key.
 */
export function scalarText(text: string, start: number, end: number): string {
  const first = text.charCodeAt(start);
  const close = valueEnd(text, start, end);
  if (close !== end) return malformed('nothing more is expected', close);
  if (first === QUOTE) return decodeString(text, start, end);
  if (first === 0x2d || (first >= 0x30 && first <= 0x39)) return text.slice(start, end);
  throw new InvalidInputError('a primary key is a string or a number', { details: { position: start } });
}
