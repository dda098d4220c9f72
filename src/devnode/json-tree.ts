import { JsonScanner, NESTING_MAX } from './json-scan.ts';
import { NumberRangeError, numberText } from './number-text.ts';

/** A number with the text it was written with: ids go up to 2^64 and must not pass through a double. */
export class JsonNumber {
  readonly text: string;
  /** Invariant: a text is normalised once only, since a second pass may move a small double again. */
  readonly isStored: boolean;

  constructor(text: string, isStored = false) {
    this.text = text;
    this.isStored = isStored;
  }
}

export type JsonObject = Map<string, JsonTree>;
export type JsonTree = null | boolean | string | JsonNumber | JsonTree[] | JsonObject;

/** A value that a payload may contain but no document can: it fails the batch with `internal`. */
export class ValueTextError extends Error {}

/** Parses a whole text; throws {@link JsonSyntaxError}. Equal keys: the last value counts, at the place of the first. */
export function parseTree(text: string): JsonTree {
  const scanner = new JsonScanner(text);
  scanner.scanValue();
  scanner.skipSpace();
  if (!scanner.isAtEnd()) scanner.fail('trailing characters');
  return new TreeBuilder(text, Number.POSITIVE_INFINITY).build();
}

/** The stored form of one valid JSON value: no white space, characters unescaped, numbers normalised. */
export function storedText(text: string): string {
  return treeText(new TreeBuilder(text, NESTING_MAX).build());
}

/** JSON text of a tree in stored form. */
export function treeText(tree: JsonTree): string {
  if (tree === null || typeof tree === 'boolean') return String(tree);
  if (typeof tree === 'string') return JSON.stringify(tree);
  if (tree instanceof JsonNumber) return tree.isStored ? tree.text : numberText(tree.text);
  if (Array.isArray(tree)) return `[${tree.map(treeText).join(',')}]`;
  return `{${[...tree].map(([key, value]) => `${JSON.stringify(key)}:${treeText(value)}`).join(',')}}`;
}

/** Plain JavaScript values; numbers become doubles, so only for bodies in which numbers are small. */
export function plainValue(tree: JsonTree): unknown {
  if (tree instanceof JsonNumber) return Number(tree.text);
  if (Array.isArray(tree)) return tree.map(plainValue);
  if (tree instanceof Map) return Object.fromEntries([...tree].map(([key, value]) => [key, plainValue(value)]));
  return tree;
}

/** Builds a tree from text that is known to be valid JSON. */
class TreeBuilder {
  private readonly text: string;
  private readonly depthMax: number;
  private pos = 0;
  private depth = 0;

  constructor(text: string, depthMax: number) {
    this.text = text;
    this.depthMax = depthMax;
  }

  build(): JsonTree {
    const c = this.peek();
    if (c === '"') return this.readString();
    if (c === '{' || c === '[') {
      this.depth += 1;
      if (this.depth > this.depthMax) this.fail('recursion limit exceeded', this.pos + 1);
      const tree = c === '{' ? this.readObject() : this.readArray();
      this.depth -= 1;
      return tree;
    }
    const word = /[^\s,\]}]*/y;
    word.lastIndex = this.pos;
    const token = word.exec(this.text)?.[0] ?? '';
    this.pos += token.length;
    if (token === 'null') return null;
    if (token === 'true') return true;
    if (token === 'false') return false;
    return this.readNumber(token);
  }

  private readNumber(token: string): JsonNumber {
    if (this.depthMax === NESTING_MAX) {
      try {
        return new JsonNumber(numberText(token), true);
      } catch (error) {
        if (error instanceof NumberRangeError) this.fail('number out of range', this.pos);
        throw error;
      }
    }
    return new JsonNumber(token);
  }

  private readObject(): JsonObject {
    const object: JsonObject = new Map();
    this.pos += 1;
    while (this.peek() !== '}') {
      const key = this.readString();
      this.peek();
      this.pos += 1;
      object.set(key, this.build());
      if (this.peek() === ',') {
        this.pos += 1;
        this.peek();
      }
    }
    this.pos += 1;
    return object;
  }

  private readArray(): JsonTree[] {
    const array: JsonTree[] = [];
    this.pos += 1;
    while (this.peek() !== ']') {
      array.push(this.build());
      if (this.peek() === ',') this.pos += 1;
    }
    this.pos += 1;
    return array;
  }

  private readString(): string {
    const start = this.pos;
    let end = start + 1;
    while (this.text[end] !== '"') end += this.text[end] === '\\' ? 2 : 1;
    this.pos = end + 1;
    const token = this.text.slice(start, end + 1);
    const value = JSON.parse(token) as string;
    if (token.includes('\\u') && /\p{Surrogate}/u.test(value)) this.failSurrogate(start, token);
    return value;
  }

  private failSurrogate(start: number, token: string): never {
    const escapes = /\\(?:u([0-9a-fA-F]{4})|.)/g;
    for (let match = escapes.exec(token); match; match = escapes.exec(token)) {
      const unit = match[1] === undefined ? 0 : parseInt(match[1], 16);
      if (unit < 0xd800 || unit > 0xdfff) continue;
      const after = match.index + match[0].length;
      if (unit >= 0xdc00) this.fail('lone leading surrogate in hex escape', start + after);
      if (/^\\u[dD][c-fC-F]/.test(token.slice(after))) {
        escapes.lastIndex = after + 6;
        continue;
      }
      this.fail('unexpected end of hex escape', start + after + 1);
    }
    this.fail('lone leading surrogate in hex escape', this.pos);
  }

  private fail(reason: string, column: number): never {
    throw new ValueTextError(`${reason} at line 1 column ${column}`);
  }

  /** Skips white space and returns the next character. */
  private peek(): string {
    let c = this.text[this.pos];
    while (c === ' ' || c === '\n' || c === '\r' || c === '\t') c = this.text[++this.pos];
    return c ?? '';
  }
}
