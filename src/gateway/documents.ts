/** Routes that write and read documents. */
import { fieldSpan, splitArray } from '../core/json-text.ts';
import { InvalidInputError } from '../errors.ts';
import type { ClientAnswer, Router } from '../routing/api.ts';
import { notSupported, refuse } from './answers.ts';
import { BodyTooLarge } from './bodies.ts';
import { type Call, indexOf, malformedJson, METADATA, reading, type Route, writing } from './call.ts';
import { fieldsOf, readJson } from './json-body.ts';
import { count, flag, list, type Parameters, readParameters } from './parameters.ts';
import { documentsArray, elementsOf, FORMATS, malformedDocuments, type MediaType } from './payload.ts';

const MEDIA_TYPES = Object.keys(FORMATS) as MediaType[];

async function writeDocuments(router: Router, call: Call, mode: 'replace' | 'update'): Promise<ClientAnswer> {
  const index = indexOf(call);
  const query = readParameters(call.search, ['primaryKey', 'csvDelimiter', METADATA, 'skipCreation']);
  checkDelimiter(query.get('csvDelimiter'));
  const isSkipping = readSkipCreation(query);
  const type = call.contentType(MEDIA_TYPES);
  const format = FORMATS[type];
  if (query.has('csvDelimiter') && format !== 'csv') {
    const rule = 'The csv delimiter can only be used with the Content-Type `text/csv`.';
    refuse('invalid_content_type', `The Content-Type \`${type}\` does not support the use of a csv delimiter. ${rule}`);
  }
  const payload = await readPayload(call, format === 'ndjson');
  if (payload.bytes === 0) return refuse('missing_payload', `A ${format} payload is missing.`);
  if (format === 'csv') return notSupported('text/csv', 'send the documents as JSON or NDJSON');
  if (isSkipping) return notSupported('skipCreation', 'leave it out, and send documents that exist');
  if ('text' in payload && payload.text === null) throw malformedDocuments(format, 'invalid unicode code point');
  const documents =
    'pieces' in payload ? await elementsOf(payload.pieces, format) : await documentsArray(payload.text ?? '', format);
  const primaryKey = query.get('primaryKey');
  const write = { mode, documents, ...(primaryKey === undefined ? {} : { primaryKey }) };
  return router.writeDocuments(index, write, writing(call, query.get(METADATA)));
}

async function readPayload(call: Call, isLines: boolean): ReturnType<Call['documents']> {
  const maxBytes = call.limits.documentsMaxBytes;
  try {
    return await call.documents(maxBytes, isLines);
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error;
    const limit = `The maximum accepted payload size is ${sizeText(maxBytes)}.`;
    return refuse('payload_too_large', `The provided payload reached the size limit. ${limit}`);
  }
}

/** In decimal units, as a node words its limit: 100 MB. */
function sizeText(bytes: number): string {
  const step = Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1_000 ** step).toFixed(4))} ${['B', 'KB', 'MB', 'GB'][step]}`;
}

function checkDelimiter(text: string | undefined): void {
  if (text === undefined || /^[\0-\x7f]$/.test(text)) return;
  const found = text === '' ? 'an empty string' : `the following string of ${text.length} characters: \`${text}\``;
  const rule = 'expected a string of one character';
  refuse('invalid_document_csv_delimiter', `Invalid value in parameter \`csvDelimiter\`: ${rule}, but found ${found}`);
}

function readSkipCreation(query: Parameters): boolean {
  const text = query.get('skipCreation');
  if (text === undefined || text === 'false' || text === 'true') return text === 'true';
  return refuse('invalid_skip_creation', `skipCreation must be either \`true\` or \`false\`. Found: \`${text}\``);
}

/** What is no id deletes nothing, as on a node; the router sees to that. */
async function deleteBatch(router: Router, call: Call): Promise<ClientAnswer> {
  const index = indexOf(call);
  const query = readParameters(call.search, [METADATA]);
  const { text, value } = await readJson(call);
  if (!Array.isArray(value)) {
    const isObject = typeof value === 'object' && value !== null;
    const name = typeof value === 'number' ? 'integer' : typeof value === 'string' ? 'string' : 'value';
    const found = isObject ? 'map' : `${name} \`${text.trim()}\``;
    const place = `at line 1 column ${isObject ? 0 : text.trim().length}`;
    refuse('bad_request', `Json deserialize error: invalid type: ${found}, expected a sequence ${place}`);
  }
  const ids = walked(() => splitArray(text)).map(({ start, end }) => text.slice(start, end));
  return router.deleteDocuments(index, ids, writing(call, query.get(METADATA)));
}

/** Our walk refuses what the platform's parser takes in one case: nesting without end. */
function walked<T>(walk: () => T): T {
  try {
    return walk();
  } catch (error) {
    if (error instanceof InvalidInputError) throw malformedJson(error.message);
    throw error;
  }
}

/** A text without words, or lists with nothing else in them. */
const isEmptyFilter = (filter: unknown): boolean =>
  typeof filter === 'string' ? filter.trim() === '' : Array.isArray(filter) && filter.every(isEmptyFilter);

async function deleteByFilter(router: Router, call: Call): Promise<ClientAnswer> {
  const index = indexOf(call);
  const query = readParameters(call.search, [METADATA]);
  const { text, value } = await readJson(call);
  const fields = fieldsOf(value, ['filter']);
  const filter = fields.get('filter');
  if (filter === undefined) return refuse('missing_document_filter', 'Missing field `filter`');
  if (typeof filter !== 'string' && !Array.isArray(filter)) {
    const found = `expected String, Array, found: ${JSON.stringify(filter)}`;
    return refuse('invalid_document_filter', `Invalid syntax for the filter parameter: \`${found}\`.`);
  }
  if (isEmptyFilter(filter)) return refuse('invalid_document_filter', 'Sending an empty filter is forbidden.');
  const span = walked(() => fieldSpan(text, 0, text.length, 'filter'));
  if (span === undefined) return refuse('missing_document_filter', 'Missing field `filter`');
  return router.deleteByFilter(index, text.slice(span.start, span.end), writing(call, query.get(METADATA)));
}

const LIST_PARAMETERS = [
  'offset',
  'limit',
  'fields',
  'retrieveVectors',
  'ids',
  'filter',
  'sort',
  'useNetwork',
] as const;

/** The same question as a body of `fetch`, so that the router has one way to be asked. */
async function listDocuments(router: Router, call: Call): Promise<ClientAnswer> {
  const index = indexOf(call);
  const query = readParameters(call.search, LIST_PARAMETERS);
  const fields = list(query, 'fields');
  const filter = query.get('filter');
  const question = {
    offset: count(query, 'offset', 'invalid_document_offset'),
    limit: count(query, 'limit', 'invalid_document_limit'),
    // Only here a star stands for every field; in a body it is a name.
    fields: fields?.includes('*') === true ? undefined : fields,
    retrieveVectors: flag(query, 'retrieveVectors', 'invalid_document_retrieve_vectors'),
    ids: list(query, 'ids'),
    filter: filter === undefined ? undefined : filterOf(filter),
    sort: query.get('sort')?.split(','),
    useNetwork: flag(query, 'useNetwork', 'invalid_document_use_network'),
  };
  return router.fetchDocuments(index, JSON.stringify(question), reading(call));
}

/** A filter in a query string may be JSON; anything else is the expression itself. */
export function filterOf(text: string): unknown {
  if (!/^\s*["[]/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

async function fetchDocuments(router: Router, call: Call): Promise<ClientAnswer> {
  const index = indexOf(call);
  const { text, value } = await readJson(call);
  fieldsOf(value, LIST_PARAMETERS);
  return router.fetchDocuments(index, text, reading(call));
}

const ONE_PARAMETERS = ['fields', 'retrieveVectors', 'useNetwork'] as const;

function oneDocument(router: Router, call: Call): Promise<ClientAnswer> {
  const index = indexOf(call);
  flag(readParameters(call.search, ONE_PARAMETERS), 'retrieveVectors', 'invalid_document_retrieve_vectors');
  return router.document(index, call.params['id'] ?? '', call.search, reading(call));
}

const metadataOf = (call: Call): string | undefined => readParameters(call.search, [METADATA]).get(METADATA);

const PATH = '/indexes/:uid/documents';

export const documentRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: PATH,
    action: 'documents.add',
    handle: (router, call) => writeDocuments(router, call, 'replace'),
  },
  {
    method: 'PUT',
    path: PATH,
    action: 'documents.add',
    handle: (router, call) => writeDocuments(router, call, 'update'),
  },
  {
    method: 'DELETE',
    path: PATH,
    action: 'documents.delete',
    handle: async (router, call) => router.deleteByFilter(indexOf(call), null, writing(call, metadataOf(call))),
  },
  {
    method: 'DELETE',
    path: `${PATH}/:id`,
    action: 'documents.delete',
    // As JSON text, so that the router cannot take a bare id for a number or a literal.
    handle: async (router, call) =>
      router.deleteDocuments(indexOf(call), [JSON.stringify(call.params['id'] ?? '')], writing(call, metadataOf(call))),
  },
  { method: 'POST', path: `${PATH}/delete-batch`, action: 'documents.delete', handle: deleteBatch },
  { method: 'POST', path: `${PATH}/delete`, action: 'documents.delete', handle: deleteByFilter },
  { method: 'GET', path: PATH, action: 'documents.get', handle: listDocuments },
  { method: 'POST', path: `${PATH}/fetch`, action: 'documents.get', handle: fetchDocuments },
  {
    method: 'GET',
    path: `${PATH}/:id`,
    action: 'documents.get',
    handle: async (router, call) => oneDocument(router, call),
  },
];
