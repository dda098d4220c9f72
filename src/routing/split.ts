/**
 * Splits documents by shard and stamps them, as text: nothing is parsed and written again, so numbers, key order and
 * Unicode arrive at the node as the client wrote them.
 */
import { locateKey } from '../core/hashing.ts';
import { fieldSpan, scalarText, splitKeyed } from '../core/json-text.ts';
import type { Keyed, Span } from '../core/json-text.ts';
import type { IndexEntry } from '../core/routing.ts';
import { InvalidInputError } from '../errors.ts';
import type { Clock } from '../ports.ts';
import { MIROIR_FIELDS, SHARD_FIELD, SLOT_FIELD, UPDATED_AT_FIELD } from './fields.ts';
import { harmIn } from './harmless.ts';

/** The documents of one shard, in the order in which they came. */
export interface ShardDocuments {
  readonly shard: number;
  /** Stamped documents, each a JSON text. */
  readonly documents: string[];
  /** Primary keys as text, in the same order: `1` and `"1"` are the same document. */
  readonly ids: string[];
}

const ID_TEXT = /^[A-Za-z0-9_-]{1,511}$/;
const ID_RULE =
  'A document identifier can be of type integer or string, only composed of alphanumeric characters ' +
  '(a-z A-Z 0-9), hyphens (-) and underscores (_), and can not be more than 511 bytes.';
const INTEGER = /^(?:0|-?[1-9]\d{0,19})$/;
const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 64n - 1n;
/** Without either of these a document cannot have one of our fields, however it spells it. */
const MAYBE_RESERVED = /_miroir_|\\u/;

/**
 * The documents of a JSON array's text by shard, each with `_miroir_shard`, `_miroir_slot` and `_miroir_updated_at`
 * (one reading of the clock for all). Throws `InvalidInputError` that names the document (`details.document`, counted
 * from 0, and `details.position` in the text); then nothing is split.
 */
export function splitDocuments(
  text: string,
  entry: Pick<IndexEntry, 'shards' | 'primaryKey'>,
  clock: Pick<Clock, 'now'>,
): Map<number, ShardDocuments> {
  const parts = new Map<number, ShardDocuments>();
  const updatedAt = Math.trunc(clock.now());
  eachDocument(text, entry, 0, ({ span, id, shard, slot }) => {
    const part = parts.get(shard) ?? { shard, documents: [], ids: [] };
    part.documents.push(`${text.slice(span.start, span.end - 1)}${stampOf(shard, slot, updatedAt)}`);
    part.ids.push(id);
    parts.set(shard, part);
  });
  return parts;
}

/** A time has thirteen digits until the year 2286, so what a document takes does not depend on when it is sent. */
export const ANY_TIME_MS = 1_700_000_000_000;
const TIME_AND_BRACE = `${ANY_TIME_MS}}`.length;

/** A stamped document with another time. */
export const stampedAt = (document: string, updatedAtMs: number): string =>
  `${document.slice(0, -TIME_AND_BRACE)}${updatedAtMs}}`;

/** What takes the place of a document's last brace. A document has at least its primary key, so a comma always fits. */
export const stampOf = (shard: number, slot: number, updatedAtMs: number): string =>
  `,"${SHARD_FIELD}":${shard},"${SLOT_FIELD}":${slot},"${UPDATED_AT_FIELD}":${updatedAtMs}}`;

export interface FoundDocument {
  readonly span: Span;
  /** Of the primary key's value, with its quotes. */
  readonly idSpan: Span;
  readonly id: string;
  readonly shard: number;
  readonly slot: number;
}

/** How a node refuses what it cannot take for documents. */
const malformedWords = (reason: string) => ({
  nodeCode: 'malformed_payload',
  nodeMessage: `The \`json\` payload provided is malformed. \`Couldn't serialize document value: ${reason}\`.`,
});

export const malformedDocuments = (reason: string, details: Readonly<Record<string, unknown>>): InvalidInputError =>
  new InvalidInputError(reason, { field: 'documents', details: { ...details, ...malformedWords(reason) } });

function elementsOf(text: string, primaryKey: string): Keyed[] {
  try {
    return splitKeyed(text, primaryKey);
  } catch (error) {
    throw error instanceof InvalidInputError ? malformedDocuments(error.message, error.details) : error;
  }
}

/** How many documents a JSON array's text has, whatever is in them. Throws `InvalidInputError` for what is no array. */
export const countDocuments = (text: string): number => elementsOf(text, '').length;

/** Each document of a JSON array's text, checked, in order. `before`: how many came before the array, for messages. */
export function eachDocument(
  text: string,
  entry: Pick<IndexEntry, 'shards' | 'primaryKey'>,
  before: number,
  visit: (found: FoundDocument) => void,
): void {
  elementsOf(text, entry.primaryKey).forEach((keyed, at) => {
    const { span } = keyed;
    const { id, idSpan } = documentId(text, keyed, entry.primaryKey, before + at);
    checkContent(text, span, before + at);
    visit({ span, idSpan, id, ...locateKey(id, entry.shards) });
  });
}

function documentId(
  text: string,
  { span: { start, end }, field }: Keyed,
  primaryKey: string,
  index: number,
): { readonly id: string; readonly idSpan: Span } {
  if (text[start] !== '{') {
    const words = malformedWords(`document ${index} is no object`);
    return refuse('it is no object', 'send an array of objects', index, start, words);
  }
  if (field === undefined) {
    return refuse(`it has no field ${primaryKey}`, `give every document its primary key ${primaryKey}`, index, start, {
      nodeCode: 'missing_document_id',
      nodeMessage: `Document doesn't have a \`${primaryKey}\` attribute: \`${quoted(text, start, end)}\`.`,
    });
  }
  const remedy = 'use an integer (64 bits), or 1 to 511 of A-Z a-z 0-9 - _';
  const node = {
    nodeCode: 'invalid_document_id',
    nodeMessage: `Document identifier \`${quoted(text, field.start, field.end)}\` is invalid. ${ID_RULE}`,
  };
  const first = text[field.start] ?? '';
  if (first !== '"' && !/[-\d]/.test(first)) {
    return refuse(`its ${primaryKey} is neither a string nor a number`, remedy, index, field.start, node);
  }
  const id = scalarText(text, field.start, field.end);
  const isGood = first === '"' ? ID_TEXT.test(id) : isInteger(id);
  if (!isGood) refuse(`its ${primaryKey} is not allowed: ${id.slice(0, 60)}`, remedy, index, field.start, node);
  return { id, idSpan: field };
}

/** The id that a JSON text (or a bare word of a path) stands for; null for what can be none, which a node ignores. */
export function idOf(text: string): string | null {
  const word = text.trim();
  if (!word.startsWith('"')) return ID_TEXT.test(word) || isInteger(word) ? word : null;
  try {
    const id: unknown = JSON.parse(word);
    return typeof id === 'string' && ID_TEXT.test(id) ? id : null;
  } catch {
    return null; // no string either
  }
}

/** What a node keeps as an integer; beyond that it is a double, and `1.0` or `1e2` are doubles from the start. */
const isInteger = (text: string): boolean =>
  INTEGER.test(text) && BigInt(text) >= INTEGER_MIN && BigInt(text) <= INTEGER_MAX;

function checkContent(text: string, { start, end }: Span, index: number): void {
  const document = text.slice(start, end);
  if (MAYBE_RESERVED.test(document)) {
    const reserved = MIROIR_FIELDS.find((name) => fieldSpan(text, start, end, name) !== undefined);
    if (reserved !== undefined) {
      refuse(`it has the reserved field ${reserved}`, 'leave out fields that begin with _miroir_', index, start);
    }
  }
  const harm = harmIn(document);
  if (harm !== null) refuse(`${harm}, which a node cannot index`, 'correct or leave out the value', index, start);
}

/** A document may be large; what is wrong with it shows at its beginning. */
const quoted = (text: string, start: number, end: number): string => text.slice(start, Math.min(end, start + 1_000));

/** `node`: how a node says it, where it has a word for it. */
function refuse(
  what: string,
  remedy: string,
  document: number,
  position: number,
  node: { readonly nodeCode?: string; readonly nodeMessage?: string } = {},
): never {
  throw new InvalidInputError(`document ${document} (at character ${position}): ${what}`, {
    field: 'documents',
    remedy,
    details: { document, position, ...node },
  });
}
