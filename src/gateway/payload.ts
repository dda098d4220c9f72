/**
 * Documents as a client sends them, as the text of a JSON array. They are walked where that is needed and never parsed
 * and written again, so numbers, key order and Unicode stay as sent, and no key of theirs becomes one of our objects.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { skipSpace, valueEnd } from '../core/json-text.ts';
import { InvalidInputError } from '../errors.ts';
import { nodeError, Refusal, refuse } from './answers.ts';

export const FORMATS = { 'application/json': 'json', 'application/x-ndjson': 'ndjson', 'text/csv': 'csv' } as const;
export type MediaType = keyof typeof FORMATS;
export type Format = (typeof FORMATS)[MediaType];

/** After so many characters other requests get their turn. */
const TURN_CHARS = 1_000_000;

export function malformedDocuments(format: Format, reason: string): Refusal {
  const message = `The \`${format}\` payload provided is malformed. \`Couldn't serialize document value: ${reason}\`.`;
  return new Refusal(nodeError('malformed_payload', message));
}

/** The documents' text as an array. Of an array nothing is checked here: the router walks it anyway. */
export async function documentsArray(text: string, format: Exclude<Format, 'csv'>): Promise<string> {
  try {
    return format === 'ndjson' ? await ofLines(text) : ofJson(text);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw malformedDocuments(format, error.message);
  }
}

/** The documents of a large body as elements of an array, piece by piece. Changes the list, which keeps one copy of all. */
export async function elementsOf(pieces: Buffer[], format: Exclude<Format, 'csv'>): Promise<readonly Buffer[]> {
  if (format === 'json') return withoutBrackets(pieces);
  for (const [at, piece] of pieces.entries()) {
    const array = await documentsArray(piece.toString('utf8'), format);
    pieces[at] = Buffer.from(array.slice(1, -1));
    await nextTurn();
  }
  return pieces.filter((piece) => piece.length > 0);
}

/** Of the array that the first piece begins and the last one has to end. */
function withoutBrackets(pieces: readonly Buffer[]): readonly Buffer[] {
  const last = pieces.at(-1)?.toString('utf8').trimEnd() ?? '';
  if (!last.endsWith(']')) throw malformedDocuments('json', 'EOF while parsing a list');
  return pieces.map((piece, at) => {
    const start = at === 0 ? piece.indexOf('[') + 1 : 0;
    return piece.subarray(start, at === pieces.length - 1 ? piece.lastIndexOf(']') : piece.length);
  });
}

function ofJson(text: string): string {
  const at = skipSpace(text, 0, text.length);
  if (text[at] === '[') return text;
  const behind = valueEnd(text, at, text.length);
  if (skipSpace(text, behind, text.length) < text.length) {
    throw new InvalidInputError(`trailing characters at ${behind}`);
  }
  if (text[at] !== '{') throw new InvalidInputError('data are neither an object nor a list of objects');
  return `[${text.slice(at, behind)}]`;
}

/** One object after the other; a node does not even ask for line breaks between them. */
async function ofLines(text: string): Promise<string> {
  const documents: string[] = [];
  let turnAt = TURN_CHARS;
  for (let at = skipSpace(text, 0, text.length); at < text.length;) {
    const end = valueEnd(text, at, text.length);
    if (text[at] !== '{') refuse('internal', 'invalid type: sequence, expected a map at line 1 column 0');
    documents.push(text.slice(at, end));
    at = skipSpace(text, end, text.length);
    if (at < turnAt) continue;
    turnAt = at + TURN_CHARS;
    await nextTurn();
  }
  return `[${documents.join(',')}]`;
}
