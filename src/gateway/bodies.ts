/**
 * Reads the body of a request as text: decompressed, bounded in bytes after that, bounded in time, and never more of
 * it read than there is room for, so that a fast client waits in its own socket.
 */
import type { IncomingMessage } from 'node:http';
import {
  type BrotliDecompress,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  type Gunzip,
  type Inflate,
} from 'node:zlib';
import { nodeError, Refusal, refuse } from './answers.ts';
import type { GatewayTimings } from './limits.ts';
import type { Rooms, Share } from './room.ts';

/** More bytes than allowed; the routes word it differently. `announced` null: it was seen only while reading. */
export class BodyTooLarge extends Error {
  readonly announced: number | null;

  constructor(announced: number | null) {
    super('the body is too large');
    this.announced = announced;
  }
}

export interface BodyOptions {
  readonly maxBytes: number;
  readonly rooms: Rooms;
  readonly timings: Pick<GatewayTimings, 'stallMs' | 'roomMs'>;
  readonly signal: AbortSignal;
  /** The room is the caller's from then on, whatever becomes of the body. */
  readonly onShare: (share: Share) => void;
}

/** What a body is collected into. */
export interface Collector {
  /** Keeps no reference to the bytes. */
  push(bytes: Buffer): void;
}

export interface Body {
  /** Null when it is no UTF-8. */
  readonly text: string | null;
  readonly bytes: number;
}

type Expander = Gunzip | Inflate | BrotliDecompress;

/** Larger pieces than zlib's 16 KB halve what a bulk load costs. */
const EXPAND_OPTIONS = { chunkSize: 65_536 };
const EXPANDERS: Readonly<Record<string, () => Expander>> = {
  gzip: () => createGunzip(EXPAND_OPTIONS),
  deflate: () => createInflate(EXPAND_OPTIONS),
  br: () => createBrotliDecompress(EXPAND_OPTIONS),
};

/** An encoding that is not known is no error: the bytes are read as they are, as a node does. */
function expanderOf(request: IncomingMessage): Expander | null {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? '';
  return Object.hasOwn(EXPANDERS, encoding) ? (EXPANDERS[encoding]?.() ?? null) : null;
}

/** `collector` is told how many bytes will come, where that is known. */
export async function readBody<T extends Collector>(
  request: IncomingMessage,
  options: BodyOptions,
  collector: (expectedBytes: number | undefined) => T,
): Promise<{ readonly collected: T; readonly bytes: number }> {
  const header = request.headers['content-length'];
  const announced = header === undefined ? null : Number(header);
  const expander = expanderOf(request);
  // What is compressed grows; only of the rest is the length known beforehand.
  const expected = expander === null ? announced : null;
  if (expected !== null && expected > options.maxBytes) throw new BodyTooLarge(expected);
  const share = await options.rooms.enter(expected, options.timings.roomMs, options.signal);
  options.onShare(share);
  const collected = collector(expected ?? undefined);
  let bytes = 0;
  await eachPiece(request, expander, options, (piece) => {
    bytes += piece.length;
    if (bytes > options.maxBytes) throw new BodyTooLarge(null);
    share.grow(bytes);
    collected.push(piece);
  });
  return { collected, bytes };
}

/** Hands on every piece; what `take` throws ends the reading, and leaves the request to be discarded. */
function eachPiece(
  request: IncomingMessage,
  expander: Expander | null,
  { timings, signal }: Pick<BodyOptions, 'timings' | 'signal'>,
  take: (piece: Buffer) => void,
): Promise<void> {
  const source = expander ?? request;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      finish(new Refusal({ ...nodeError('bad_request', 'The body stopped coming in.'), status: 408 }));
    }, timings.stallMs);
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      source.off('data', onData).off('end', onEnd);
      request.off('data', onRaw).off('end', onRawEnd).off('close', onClose);
      if (expander !== null) {
        request.unpipe(expander);
        expander.destroy();
      }
      request.pause();
      if (error === undefined) resolve();
      else reject(error);
    };
    const onRaw = (): void => void timer.refresh();
    // All has come in; what is left is our own work.
    const onRawEnd = (): void => clearTimeout(timer);
    const onData = (piece: Buffer): void => {
      try {
        take(piece);
        // Time that we took for it is not the client's.
        timer.refresh();
      } catch (error) {
        finish(error as Error);
      }
    };
    const onEnd = (): void => finish();
    const onAbort = (): void => finish(signal.reason as Error);
    // Before the end: the client is gone, and mostly nobody reads what is answered.
    const onClose = (): void => {
      if (!request.complete) finish(new Refusal(nodeError('bad_request', 'The body broke off.')));
    };
    // These stay: a stream may report more than one error, and one that nobody takes ends the process.
    request.on('error', onClose);
    expander?.on('error', (error) => {
      finish(new Refusal(nodeError('bad_request', `Could not decompress the payload: ${error.message}.`)));
    });
    source.on('end', onEnd);
    request.on('close', onClose);
    signal.addEventListener('abort', onAbort);
    source.on('data', onData);
    request.on('data', onRaw).on('end', onRawEnd);
    if (expander !== null) request.pipe(expander);
  });
}

/** The media type of the request; refused in a node's words when it is none of these. */
export function contentType<T extends string>(request: IncomingMessage, accepted: readonly T[]): T {
  const header = request.headers['content-type'];
  const type = header?.split(/[;+]/, 1)[0]?.trim().toLowerCase() ?? '';
  const known = accepted.find((name) => name === type);
  if (known !== undefined) return known;
  const hint = `Accepted values for the Content-Type header are: ${accepted.map((name) => `\`${name}\``).join(', ')}`;
  if (type === '') return refuse('missing_content_type', `A Content-Type header is missing. ${hint}`);
  return refuse('invalid_content_type', `The Content-Type \`${type}\` is invalid. ${hint}`);
}
