import { documentText, readSort, sortDocuments, type FieldSelection } from '../document-select.ts';
import { documentId } from '../document-text.ts';
import { ApiError, DOCUMENT_ID_RULE } from '../errors.ts';
import { evaluateFilter, readFilter, type ParsedFilter } from '../filters.ts';
import { readJsonBody } from '../http-body.ts';
import type { IndexStore } from '../index-store.ts';
import {
  expectArray,
  expectBoolean,
  expectCount,
  expectObject,
  expectStrings,
  given,
  rejectUnknownKeys,
} from '../json-body.ts';
import { JsonNumber, plainValue, treeText, type JsonTree } from '../json-tree.ts';
import type { Context, Reply, Route } from '../router.ts';
import { pathUid, requireIndex } from './indexes.ts';

const PARAMETERS = ['offset', 'limit', 'fields', 'retrieveVectors', 'ids', 'filter', 'sort', 'useNetwork'];

/** What a read of documents asks for. */
interface DocumentQuery {
  readonly offset: number;
  readonly limit: number;
  readonly fields: FieldSelection;
  readonly withVectors: boolean;
  readonly ids: readonly string[] | null;
  readonly filter: ParsedFilter | null;
  readonly sort: readonly string[];
}

/** Unknown ids are left out; the order is the internal one, whatever the order of the ids. */
function select(index: IndexStore, query: DocumentQuery): { page: readonly number[]; total: number } {
  const { offset, limit, ids, filter } = query;
  const sort = readSort(index, query.sort, 'invalid_document_sort');
  if (!ids && !filter && sort.length === 0) return { page: index.page(offset, limit), total: index.size };
  let found: readonly number[];
  if (filter) found = evaluateFilter(index, filter, 'invalid_document_filter');
  else found = ids ? [] : index.page(0, Number.POSITIVE_INFINITY);
  if (ids) {
    const asked = new Set(ids.flatMap((id) => index.internalOf(id) ?? []));
    found = filter ? found.filter((internal) => asked.has(internal)) : [...asked].sort((a, b) => a - b);
  }
  if (sort.length > 0) found = sortDocuments(index, found, sort);
  return { page: found.slice(offset, offset + limit), total: found.length };
}

/** Why pieces of text: a page is hundreds of kilobytes, and turning it into objects and back would cost the core. */
function reply(index: IndexStore, query: DocumentQuery): Reply {
  const { page, total } = select(index, query);
  const texts = page.map((internal) => documentText(index, internal, query.fields, query.withVectors));
  const tail = `"offset":${query.offset},"limit":${query.limit},"total":${total}`;
  return { status: 200, body: `{"results":[${texts.join(',')}],${tail}}` };
}

function listDocuments(context: Context): Reply {
  const { query, node } = context;
  pathUid(context);
  query.allow(PARAMETERS);
  const filterText = query.text('filter');
  const ids = query.list('ids');
  const read: DocumentQuery = {
    offset: query.count('offset', 'invalid_document_offset') ?? 0,
    limit: query.count('limit', 'invalid_document_limit') ?? 20,
    fields: starredFields(query.list('fields')),
    withVectors: query.flag('retrieveVectors', 'invalid_document_retrieve_vectors') ?? false,
    ids: ids ? ids.map((id, i) => checkId(JSON.stringify(id), i)) : null,
    filter:
      filterText === undefined
        ? null
        : readFilter(jsonOrText(filterText), node.state.features, 'invalid_document_filter'),
    sort: query.text('sort')?.split(',') ?? [],
  };
  return reply(requireIndex(context), read);
}

/** A filter in a query string may be JSON; anything else is the expression itself. */
function jsonOrText(text: string): unknown {
  if (!text.startsWith('[') && !text.startsWith('"')) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function starredFields(list: string[] | undefined): FieldSelection {
  return !list || list.includes('*') ? null : list;
}

function checkId(valueText: string, position: number): string {
  const id = documentId(valueText);
  if (id !== null) return id;
  throw new ApiError(
    'invalid_document_ids',
    `In \`.ids[${position}]\`: Document identifier \`${valueText}\` is invalid. ${DOCUMENT_ID_RULE}`,
  );
}

async function fetchDocuments(context: Context): Promise<Reply> {
  const { node, request } = context;
  pathUid(context);
  const body = await readJsonBody(request, node.bodyLimit);
  const object = expectObject(body, { path: '', code: 'bad_request' });
  rejectUnknownKeys(object, PARAMETERS, { path: '', code: 'bad_request' });
  const place = (key: string, code = key): { path: string; code: string } => ({
    path: `.${key}`,
    code: `invalid_document_${code}`,
  });
  const [offset, limit, fields, vectors, ids, filter, sort] = [
    given(object, 'offset'),
    given(object, 'limit'),
    given(object, 'fields'),
    given(object, 'retrieveVectors'),
    given(object, 'ids'),
    given(object, 'filter'),
    given(object, 'sort'),
  ];
  const read: DocumentQuery = {
    offset: offset === undefined ? 0 : expectCount(offset, place('offset')),
    limit: limit === undefined ? 20 : expectCount(limit, place('limit')),
    fields: fields === undefined ? null : expectStrings(fields, place('fields')),
    withVectors: vectors !== undefined && expectBoolean(vectors, place('retrieveVectors', 'retrieve_vectors')),
    ids: ids === undefined ? null : expectArray(ids, place('ids')).map(idOf),
    filter:
      filter === undefined ? null : readFilter(plainValue(filter), node.state.features, 'invalid_document_filter'),
    sort: sort === undefined ? [] : expectStrings(sort, place('sort')),
  };
  return reply(requireIndex(context), read);
}

function idOf(tree: JsonTree, position: number): string {
  return checkId(tree instanceof JsonNumber ? tree.text : treeText(tree), position);
}

function getDocument(context: Context): Reply {
  const { query, params } = context;
  pathUid(context);
  query.allow(['fields', 'retrieveVectors', 'useNetwork']);
  const fields = starredFields(query.list('fields'));
  const withVectors = query.flag('retrieveVectors', 'invalid_document_retrieve_vectors') ?? false;
  const index = requireIndex(context);
  const id = params['id'] ?? '';
  const internal = index.internalOf(id);
  if (internal === undefined) throw new ApiError('document_not_found', `Document \`${id}\` not found.`);
  return { status: 200, body: documentText(index, internal, fields, withVectors) };
}

export const documentReadRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/indexes/:uid/documents/fetch',
    action: 'documents.get',
    isQueued: true,
    handler: fetchDocuments,
  },
  { method: 'GET', path: '/indexes/:uid/documents', action: 'documents.get', isQueued: true, handler: listDocuments },
  { method: 'GET', path: '/indexes/:uid/documents/:id', action: 'documents.get', handler: getDocument },
];
