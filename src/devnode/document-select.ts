import { ApiError } from './errors.ts';
import { valuesAt } from './facet-distribution.ts';
import { storedFields } from './document-text.ts';
import type { IndexStore } from './index-store.ts';
import { FieldSpans, JsonScanner } from './json-scan.ts';

/** Which fields of documents are given out; null stands for all. */
export type FieldSelection = readonly string[] | null;

const spans = new FieldSpans();

/**
 * The text of a document with some fields only, in stored order.
 * Cost: one walk over the stored text; values are never built unless a path points into an object.
 */
function selectFields(text: string, fields: FieldSelection): string {
  if (fields === null) return text;
  if (fields.length === 0) return '{}';
  if (fields.some((field) => field.includes('.'))) return selectPaths(text, fields);
  new JsonScanner(text).scanObject(spans);
  let selected = '';
  for (let i = 0; i < spans.count; i += 1) {
    const key = text.slice(spans.keyStart[i], spans.keyEnd[i]);
    const name = key.includes('\\') ? (JSON.parse(`"${key}"`) as string) : key;
    if (!fields.includes(name)) continue;
    const piece = text.slice((spans.keyStart[i] as number) - 1, spans.valueEnd[i]);
    selected = selected === '' ? piece : `${selected},${piece}`;
  }
  return `{${selected}}`;
}

function selectPaths(text: string, fields: readonly string[]): string {
  const pieces: string[] = [];
  for (const [name, value] of storedFields(text)) {
    const below = fields.filter((field) => field.startsWith(`${name}.`)).map((field) => field.slice(name.length + 1));
    if (fields.includes(name)) pieces.push(`${JSON.stringify(name)}:${value}`);
    else if (below.length > 0 && value.startsWith('{')) {
      pieces.push(`${JSON.stringify(name)}:${selectFields(value, below)}`);
    }
  }
  return `{${pieces.join(',')}}`;
}

/** The text of one document as a read gives it out. */
export function documentText(
  index: IndexStore,
  internal: number,
  fields: FieldSelection,
  withVectors: boolean,
): string {
  const text = selectFields(index.textAt(internal) ?? '{}', fields);
  if (!withVectors) return text;
  const vectors = `"_vectors":${index.vectorsAt(internal)?.text ?? '{}'}`;
  return text === '{}' ? `{${vectors}}` : `${text.slice(0, -1)},${vectors}}`;
}

export interface SortKey {
  readonly field: string;
  readonly isDescending: boolean;
}

/** Checks `sort` expressions; the error names the attributes that may be sorted by. */
export function readSort(index: IndexStore, expressions: readonly string[], code: string, prefix = ''): SortKey[] {
  return expressions.map((expression) => {
    const [, field, order] = /^(.*):(asc|desc)$/.exec(expression) ?? [];
    if (field === undefined) {
      throw new ApiError(
        code,
        `Invalid syntax for the sort parameter: expected expression ending by \`:asc\` or \`:desc\`, found \`${expression}\`.`,
      );
    }
    const { sortableAttributes } = index.settings;
    if (!sortableAttributes.includes(field)) {
      const known =
        sortableAttributes.length === 0
          ? 'This index does not have configured sortable attributes.'
          : `Available sortable attributes are: ${sortableAttributes.map((name) => `\`${name}\``).join(', ')}.`;
      throw new ApiError(code, `${prefix}Attribute \`${field}\` is not sortable. ${known}`);
    }
    return { field, isDescending: order === 'desc' };
  });
}

/** Orders documents by fields: numbers, then strings, then those without; equal ones stay in internal order. */
export function sortDocuments(index: IndexStore, internals: readonly number[], keys: readonly SortKey[]): number[] {
  const rows = internals.map((internal) => {
    const fields = storedFields(index.textAt(internal) ?? '{}');
    return { internal, values: keys.map((key) => sortable(sortValue(fields, key))) };
  });
  rows.sort((a, b) => {
    for (const [i, { isDescending }] of keys.entries()) {
      const order = compareValues(a.values[i], b.values[i], isDescending);
      if (order !== 0) return order;
    }
    return a.internal - b.internal;
  });
  return rows.map(({ internal }) => internal);
}

/** Of several values the one that comes first in this direction, as it is written in the document. */
export function sortValue(
  fields: ReadonlyMap<string, string>,
  { field, isDescending }: SortKey,
): number | string | undefined {
  const values = [...valuesAt(fields, field)];
  return values.sort((a, b) => compareValues(sortable(a), sortable(b), isDescending))[0];
}

/** What is compared of a value. */
export const sortable = (value: number | string | undefined): number | string | undefined =>
  typeof value === 'string' ? value.toLowerCase() : value;

/** Numbers, then strings, then nothing, in both directions. */
export function compareValues(
  a: number | string | undefined,
  b: number | string | undefined,
  isDescending: boolean,
): number {
  const rank = (value: number | string | undefined): number =>
    typeof value === 'number' ? 0 : value === undefined ? 2 : 1;
  if (rank(a) !== rank(b) || a === undefined || b === undefined) return rank(a) - rank(b);
  const order = a < b ? -1 : a > b ? 1 : 0;
  return isDescending ? -order : order;
}
