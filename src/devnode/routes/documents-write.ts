import { csvToLines } from '../csv.ts';
import { documentId } from '../document-text.ts';
import { ApiError } from '../errors.ts';
import { readFilter } from '../filters.ts';
import { BodyTooLarge, checkContentType, readBody, readJsonBody } from '../http-body.ts';
import { expectObject, rejectUnknownKeys } from '../json-body.ts';
import { JsonNumber, plainValue, treeText, type JsonTree } from '../json-tree.ts';
import { countDocuments } from '../payload.ts';
import type { Query } from '../query.ts';
import type { Context, Reply, Route } from '../router.ts';
import { accept, pathUid } from './indexes.ts';

const FORMATS: Readonly<Record<string, string>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'text/csv': 'csv',
};

async function writeDocuments(context: Context, isMerge: boolean): Promise<Reply> {
  const { query, request, access } = context;
  const uid = pathUid(context);
  query.allow(['primaryKey', 'csvDelimiter', 'customMetadata', 'skipCreation']);
  const delimiter = readDelimiter(query);
  const skipCreation = readSkipCreation(query);
  const type = checkContentType(request, Object.keys(FORMATS));
  const format = FORMATS[type] ?? 'json';
  if (delimiter !== null && format !== 'csv') {
    throw new ApiError(
      'invalid_content_type',
      `The Content-Type \`${type}\` does not support the use of a csv delimiter. The csv delimiter can only be used with the Content-Type \`text/csv\`.`,
    );
  }
  const body = await readPayload(context);
  if (body.length === 0) throw new ApiError('missing_payload', `A ${format} payload is missing.`);
  const payload = format === 'csv' ? csvToLines(body, delimiter ?? ',') : body;
  const isLines = format !== 'json';
  const receivedDocuments = await countDocuments(payload, isLines);
  const work = {
    kind: 'import',
    isMerge,
    primaryKey: query.text('primaryKey') ?? null,
    skipCreation,
    mayCreateIndex: access.allowsAction('indexes.create'),
    isLines,
    payload,
  } as const;
  const details = { receivedDocuments, indexedDocuments: null };
  return accept(context, 'documentAdditionOrUpdate', uid, work, details, query.text('customMetadata'));
}

async function readPayload({ request, node }: Context): Promise<Buffer> {
  try {
    return await readBody(request, node.bodyLimit);
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error;
    throw new ApiError(
      'payload_too_large',
      `The provided payload reached the size limit. The maximum accepted payload size is ${sizeText(node.bodyLimit)}.`,
    );
  }
}

/** Bytes in decimal units, as the node words its limit. */
function sizeText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toFixed(4))} ${units[unit] ?? ''}`;
}

function readDelimiter(query: Query): string | null {
  const text = query.text('csvDelimiter');
  if (text === undefined) return null;
  if (text.length === 1 && text.charCodeAt(0) < 0x80) return text;
  const found =
    text === ''
      ? 'but found an empty string'
      : `but found the following string of ${text.length} characters: \`${text}\``;
  throw new ApiError(
    'invalid_document_csv_delimiter',
    `Invalid value in parameter \`csvDelimiter\`: expected a string of one character, ${found}`,
  );
}

function readSkipCreation(query: Query): boolean {
  const text = query.text('skipCreation');
  if (text === undefined || text === 'false') return false;
  if (text === 'true') return true;
  throw new ApiError('invalid_skip_creation', `skipCreation must be either \`true\` or \`false\`. Found: \`${text}\``);
}

function acceptDeletion(context: Context, values: readonly JsonTree[]): Reply {
  // Values that cannot be ids are accepted and delete nothing.
  const ids = values.flatMap((value) => documentId(value instanceof JsonNumber ? value.text : treeText(value)) ?? []);
  const details = { providedIds: values.length, deletedDocuments: null, originalFilter: null };
  const work = { kind: 'deleteIds', ids } as const;
  return accept(context, 'documentDeletion', pathUid(context), work, details, context.query.text('customMetadata'));
}

async function deleteBatch(context: Context): Promise<Reply> {
  pathUid(context);
  context.query.allow(['customMetadata']);
  const body = await readJsonBody(context.request, context.node.bodyLimit);
  if (Array.isArray(body)) return acceptDeletion(context, body);
  const isObject = body instanceof Map;
  const text = treeText(body);
  const kind = body instanceof JsonNumber ? 'integer' : typeof body === 'string' ? 'string' : 'value';
  const found = isObject ? 'map' : `${kind} \`${text}\``;
  throw new ApiError(
    'bad_request',
    `Json deserialize error: invalid type: ${found}, expected a sequence at line 1 column ${isObject ? 0 : text.length}`,
  );
}

async function deleteByFilter(context: Context): Promise<Reply> {
  const { query, request, node } = context;
  const uid = pathUid(context);
  query.allow(['customMetadata']);
  const place = { path: '', code: 'bad_request' };
  const object = expectObject(await readJsonBody(request, node.bodyLimit), place);
  rejectUnknownKeys(object, ['filter'], place);
  const tree = object.get('filter');
  if (tree === undefined) throw new ApiError('missing_document_filter', 'Missing field `filter`');
  const filter = plainValue(tree);
  if (!readFilter(filter, node.state.features, 'invalid_document_filter')) {
    throw new ApiError('invalid_document_filter', 'Sending an empty filter is forbidden.');
  }
  const details = { providedIds: 0, deletedDocuments: null, originalFilter: JSON.stringify(filter) };
  const work = { kind: 'deleteFilter', filter } as const;
  return accept(context, 'documentDeletion', uid, work, details, query.text('customMetadata'));
}

function deleteAll(context: Context): Reply {
  const { query } = context;
  const uid = pathUid(context);
  query.allow(['customMetadata']);
  return accept(
    context,
    'documentDeletion',
    uid,
    { kind: 'clear' },
    { deletedDocuments: null },
    query.text('customMetadata'),
  );
}

function deleteOne(context: Context): Reply {
  pathUid(context);
  context.query.allow(['customMetadata']);
  return acceptDeletion(context, [context.params['id'] ?? '']);
}

export const documentWriteRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/indexes/:uid/documents',
    action: 'documents.add',
    handler: (context) => writeDocuments(context, false),
  },
  {
    method: 'PUT',
    path: '/indexes/:uid/documents',
    action: 'documents.add',
    handler: (context) => writeDocuments(context, true),
  },
  { method: 'DELETE', path: '/indexes/:uid/documents', action: 'documents.delete', handler: deleteAll },
  { method: 'POST', path: '/indexes/:uid/documents/delete-batch', action: 'documents.delete', handler: deleteBatch },
  { method: 'POST', path: '/indexes/:uid/documents/delete', action: 'documents.delete', handler: deleteByFilter },
  { method: 'DELETE', path: '/indexes/:uid/documents/:id', action: 'documents.delete', handler: deleteOne },
];
