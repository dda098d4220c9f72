/** Sends an answer, compressed as the client likes it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, brotliCompressSync, constants, deflate, deflateSync, gzip, gzipSync } from 'node:zlib';
import type { ClientAnswer } from '../routing/api.ts';

type Encoding = 'br' | 'gzip' | 'deflate';

/** The cheapest levels, and a window that fits an answer: setting up a large one costs more than it saves. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: 16 } };
const ZLIB = { level: 1 };
const AT_ONCE: Readonly<Record<Encoding, (text: string) => Buffer>> = {
  br: (text) => brotliCompressSync(text, BROTLI),
  gzip: (text) => gzipSync(text, ZLIB),
  deflate: (text) => deflateSync(text, ZLIB),
};
const ASIDE: Readonly<Record<Encoding, (text: string) => Promise<Buffer>>> = {
  br: (text) => promisify(brotliCompress)(text, BROTLI),
  gzip: (text) => promisify<string, typeof ZLIB, Buffer>(gzip)(text, ZLIB),
  deflate: (text) => promisify<string, typeof ZLIB, Buffer>(deflate)(text, ZLIB),
};
/** Up to here it is done before another thread would have heard of it. */
const AT_ONCE_CHARS = 8_192;

/** Brotli before gzip before deflate, where the client likes them equally; null for none. */
export function encodingFor(header: string | undefined): Encoding | null {
  if (header === undefined || header === '') return null;
  const weights = new Map<string, number>();
  for (const part of header.split(',')) {
    const [name = '', ...parameters] = part.toLowerCase().split(';');
    const weight = parameters.map((text) => /^\s*q=([\d.]+)\s*$/.exec(text)?.[1]).find((text) => text !== undefined);
    weights.set(name.trim(), weight === undefined ? 1 : Number(weight));
  }
  const weightOf = (name: string): number => weights.get(name) ?? weights.get('*') ?? 0;
  const [best] = (['br', 'gzip', 'deflate'] as const).toSorted((a, b) => weightOf(b) - weightOf(a));
  if (best === undefined || weightOf(best) === 0) return null;
  return weightOf(best) >= (weights.get('identity') ?? 0) ? best : null;
}

/** Returns the bytes of the answer before they are compressed. */
export async function send(request: IncomingMessage, response: ServerResponse, answer: ClientAnswer): Promise<number> {
  const { status, headers, body } = answer;
  if (body === '') {
    response.writeHead(status, status === 204 ? headers : { ...headers, 'content-length': 0 }).end();
    return 0;
  }
  const encoding = encodingFor(request.headers['accept-encoding']);
  const bytes =
    encoding === null
      ? Buffer.from(body)
      : body.length <= AT_ONCE_CHARS
        ? AT_ONCE[encoding](body)
        : await ASIDE[encoding](body);
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json',
    ...(encoding === null ? {} : { 'content-encoding': encoding, vary: 'accept-encoding' }),
    'content-length': bytes.length,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
  return body.length;
}
