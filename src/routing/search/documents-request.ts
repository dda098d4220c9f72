/** A client's list of documents (POST documents/fetch), and what is sent to nodes in its place. */
import { hash64, locateKey } from '../../core/hashing.ts';
import { scalarText, splitArray } from '../../core/json-text.ts';
import type { IndexEntry } from '../../core/routing.ts';
import { InvalidInputError, NotMergeableError } from '../../errors.ts';
import { filterFor } from './filter.ts';
import type { WithheldSlots } from './filter.ts';
import { countOf, given, objectText, objectTextsOrNull } from './json-object.ts';
import type { ObjectTexts } from './json-object.ts';

export interface SortKey {
  /** A field, or a path into objects with dots. */
  readonly path: string;
  readonly isAscending: boolean;
}

export interface DocumentsRequest {
  readonly offset: number;
  readonly limit: number;
  readonly sort: readonly SortKey[];
  /** Fields that only sorting needs; they are asked for and taken out again. */
  readonly helperFields: readonly string[];
  /** Where the ids that are asked for live; null for all shards. */
  readonly shards: readonly number[] | null;
  /** The same for all pages of the same list, so that they come from the same copies. */
  readonly seed: number;
  readonly members: ObjectTexts;
}

/** The end of the last page of a sorted list: each node has to give all documents up to it. */
const SORTED_END_MAX = 10_000;

const SORT_KEY = /^([^(]*):(asc|desc)$/;

/** Null for what a node refuses, as far as it is read here. Throws `NotMergeableError`. */
export function readDocumentsRequest(body: string, entry: Pick<IndexEntry, 'shards'>): DocumentsRequest | null {
  const members = objectTextsOrNull(body);
  if (members === null) return null;
  const offset = countOf(members, 'offset', 0);
  const limit = countOf(members, 'limit', 20);
  const sortTexts = stringsOf(given(members, 'sort'));
  const fields = stringsOf(given(members, 'fields'));
  if (offset === undefined || limit === undefined || sortTexts === undefined || fields === undefined) return null;
  const useNetwork = given(members, 'useNetwork');
  if (useNetwork !== null && useNetwork !== 'false') {
    throw new NotMergeableError('useNetwork: this fleet is not the network of its nodes', { remedy: 'leave it out' });
  }
  const sort = (sortTexts ?? []).map(sortKey);
  if (sort.some((key) => key === null)) return null;
  const keys = sort as SortKey[];
  if (keys.length > 0 && offset + limit > SORTED_END_MAX) {
    throw new NotMergeableError(`a sorted list is served up to document ${SORTED_END_MAX}`, {
      remedy: 'ask for less, filter on the sorted field, or leave out sort',
    });
  }
  const identity = objectText([...members].filter(([name]) => name !== 'offset' && name !== 'limit'));
  return {
    offset,
    limit,
    sort: keys,
    helperFields: fields === null ? [] : helperFields(keys, fields),
    shards: shardsOf(given(members, 'ids'), entry),
    seed: Number(hash64(identity) % 65_536n),
    members,
  };
}

/** JSON text of one node's page. Null when the client's filter is of a type that no node takes. */
export function documentsFor(
  { members, helperFields: helpers }: DocumentsRequest,
  shards: readonly number[],
  page: { readonly offset: number; readonly limit: number },
  withheld: readonly WithheldSlots[] = [],
): string | null {
  const filter = filterFor(given(members, 'filter'), shards, withheld);
  if (filter === null) return null;
  const fields = given(members, 'fields');
  const asked = new Map([
    ...members,
    ['offset', String(page.offset)],
    ['limit', String(page.limit)],
    ['filter', filter],
  ]);
  if (fields !== null && helpers.length > 0) {
    const own = stringsOf(fields) ?? [];
    asked.set('fields', JSON.stringify([...own, ...helpers]));
  }
  return objectText(asked);
}

/** Null for none, undefined for what is no array of texts. */
function stringsOf(text: string | null): string[] | null | undefined {
  if (text === null) return null;
  const value: unknown = JSON.parse(text);
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}

/** Null for what a node refuses. */
function sortKey(text: string): SortKey | null {
  if (text.startsWith('_geo')) {
    throw new NotMergeableError('a list sorted by distance cannot be merged from several nodes', {
      remedy: 'search with this sort instead',
    });
  }
  const [, path, direction] = SORT_KEY.exec(text) ?? [];
  return path === undefined ? null : { path, isAscending: direction === 'asc' };
}

function helperFields(sort: readonly SortKey[], fields: readonly string[]): string[] {
  const top = (path: string): string => path.split('.')[0] ?? path;
  const missing = sort
    .map(({ path }) => path)
    .filter((path) => !fields.some((field) => path === field || path.startsWith(`${field}.`)));
  const mixed = missing.find((path) => fields.some((field) => top(field) === top(path)));
  if (mixed !== undefined) {
    throw new NotMergeableError(`sorting by ${mixed} needs it in fields, where only other parts of ${top(mixed)} are`, {
      remedy: `add ${mixed} to fields`,
    });
  }
  return missing.map(top);
}

/** Ids that no document can have are left to the node, which names them. */
function shardsOf(ids: string | null, entry: Pick<IndexEntry, 'shards'>): number[] | null {
  if (ids?.startsWith('[') !== true) return null;
  try {
    const shards = splitArray(ids).map(({ start, end }) => locateKey(scalarText(ids, start, end), entry.shards).shard);
    return shards.length === 0 ? null : [...new Set(shards)].sort((a, b) => a - b);
  } catch (error) {
    if (error instanceof InvalidInputError) return null;
    throw error;
  }
}
