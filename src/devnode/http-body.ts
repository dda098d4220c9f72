import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

import { ApiError } from './errors.ts';
import { JsonSyntaxError } from './json-syntax-error.ts';
import { parseTree, type JsonTree } from './json-tree.ts';

/** A body over the limit; routes word it differently. `bytes` null when the length was not announced. */
export class BodyTooLarge extends Error {
  readonly bytes: number | null;

  constructor(bytes: number | null) {
    super('body too large');
    this.bytes = bytes;
  }
}

const ENCODINGS = ['gzip', 'deflate', 'br'];

/**
 * The whole body, decompressed.
 * Limit: the bytes are counted after decompression, so a small body that grows is stopped too.
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? '';
  const announced = Number(request.headers['content-length'] ?? Number.NaN);
  const isCompressed = ENCODINGS.includes(encoding);
  if (!isCompressed && announced > limit) {
    request.resume();
    throw new BodyTooLarge(announced);
  }
  const source = isCompressed ? decompress(request, encoding) : request;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) {
        request.resume();
        throw new BodyTooLarge(null);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof BodyTooLarge || !isCompressed) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ApiError('bad_request', `Could not decompress the payload: ${reason}.`);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
}

function decompress(request: IncomingMessage, encoding: string): Readable {
  const expander =
    encoding === 'gzip' ? createGunzip() : encoding === 'deflate' ? createInflate() : createBrotliDecompress();
  request.on('error', (error) => expander.destroy(error));
  return request.pipe(expander);
}

/** The media type without its parameters, or null when there is no header. */
function contentType(request: IncomingMessage): string | null {
  const header = request.headers['content-type'];
  return header === undefined ? null : (header.split(/[;+]/)[0] as string).trim().toLowerCase();
}

export function checkContentType(request: IncomingMessage, accepted: readonly string[]): string {
  const type = contentType(request);
  const list = accepted.map((name) => `\`${name}\``).join(', ');
  const hint = `Accepted values for the Content-Type header are: ${list}`;
  if (type === null || type === '') {
    throw new ApiError('missing_content_type', `A Content-Type header is missing. ${hint}`);
  }
  if (accepted.includes(type)) return type;
  throw new ApiError('invalid_content_type', `The Content-Type \`${type}\` is invalid. ${hint}`);
}

/** A JSON body of a route other than the document writes. */
export async function readJsonBody(request: IncomingMessage, limit: number): Promise<JsonTree> {
  checkContentType(request, ['application/json']);
  let bytes: Buffer;
  try {
    bytes = await readBody(request, limit);
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error;
    const message =
      error.bytes === null
        ? `JSON payload has exceeded limit (${limit} bytes).`
        : `JSON payload (${error.bytes} bytes) is larger than allowed (limit: ${limit} bytes).`;
    throw new ApiError('internal', message);
  }
  if (bytes.length === 0) throw new ApiError('missing_payload', 'A json payload is missing.');
  const text = bytes.toString('utf8');
  try {
    return parseTree(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new ApiError('malformed_payload', `The json payload provided is malformed. \`${error.locate(text)}\`.`);
  }
}
