/** A JSON object's text taken apart and put together again, every value as it was written. */
import { splitObject } from '../../core/json-text.ts';
import type { Member } from '../../core/json-text.ts';
import { InvalidInputError } from '../../errors.ts';

/** Name → JSON text of the value; of a name that comes twice the last value counts, as for a node. */
export type ObjectTexts = ReadonlyMap<string, string>;

export const textsOf = (text: string, members: readonly Member[]): ObjectTexts =>
  new Map(members.map(({ name, value }) => [name, text.slice(value.start, value.end)]));

export const objectTexts = (text: string, start = 0, end = text.length): ObjectTexts =>
  textsOf(text, splitObject(text, start, end));

/** Null for what is no JSON object. */
export function objectTextsOrNull(text: string): ObjectTexts | null {
  try {
    return objectTexts(text);
  } catch (error) {
    if (error instanceof InvalidInputError) return null;
    throw error;
  }
}

/** `null` counts as absent, as for a node. */
export function given(object: ObjectTexts, name: string): string | null {
  const text = object.get(name);
  return text === undefined || text === 'null' ? null : text;
}

export const objectText = (members: Iterable<readonly [string, string]>): string =>
  `{${Array.from(members, ([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;

const COUNT = /^(?:0|[1-9]\d*)$/;

/** A count with its default; undefined for what a node refuses. */
export function countOf(object: ObjectTexts, name: string, fallback: number): number | undefined {
  const text = given(object, name);
  if (text === null) return fallback;
  return COUNT.test(text) ? Math.min(Number(text), Number.MAX_SAFE_INTEGER) : undefined;
}

/** A flag that is false by default; undefined for what a node refuses. */
export function flagOf(object: ObjectTexts, name: string): boolean | undefined {
  const text = given(object, name);
  if (text === null || text === 'false') return false;
  return text === 'true' ? true : undefined;
}
