/**
 * The bytes of a body of documents, cut between documents while they come in, so that a large body is never one text:
 * as text it would take its bytes once or twice more. A body of one piece is given as text.
 */
import { isUtf8 } from 'node:buffer';
import type { Collector } from './bodies.ts';
import { Utf8Text } from './utf8.ts';

export type Collected =
  /** Null when the bytes were no UTF-8. */
  | { readonly text: string | null }
  /** Whole documents each; between two pieces a comma, or nothing, was left out. */
  | { readonly pieces: Buffer[] };

/** Small enough for its text to be garbage that goes at once. */
const NOTHING = Buffer.alloc(0);
const PIECE_BYTES = 65_536;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const ARRAY = 0x5b;
const ARRAY_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;
const SPACE = 0x20;

/** Follows brackets and strings, which is enough to find where documents end if the body is well formed. */
export class DocumentBytes implements Collector {
  readonly #isLines: boolean;
  readonly #pieceBytes: number;
  readonly #pieces: Buffer[] = [];
  #block: Buffer;
  #filled = 0;
  /** Where the last whole document of the block ends, and where the next one begins; 0 for none. */
  #end = 0;
  #next = 0;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** Whether the body can be cut: lines, or an array; null until its first character. */
  #isList: boolean | null = null;

  /** `expectedBytes` of the whole body, where it is known. */
  constructor(isLines: boolean, expectedBytes = PIECE_BYTES, pieceBytes = PIECE_BYTES) {
    this.#isLines = isLines;
    this.#pieceBytes = pieceBytes;
    this.#block = Buffer.allocUnsafe(Math.max(1, Math.min(expectedBytes, pieceBytes)));
  }

  push(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#filled === this.#block.length) this.#makeRoom();
      const from = this.#filled;
      const taken = bytes.copy(this.#block, from, at);
      at += taken;
      this.#filled += taken;
      this.#scan(from);
    }
  }

  /** To be called once: keeps nothing of it, since the request keeps whoever has read it. */
  end(): Collected {
    const rest = this.#block.subarray(0, this.#filled);
    const pieces = this.#pieces.splice(0);
    this.#block = NOTHING;
    if (pieces.length > 0) {
      pieces.push(rest);
      return pieces.every((piece) => isUtf8(piece)) ? { pieces } : { text: null };
    }
    const text = new Utf8Text(rest.length);
    text.push(rest);
    return { text: text.end() };
  }

  #makeRoom(): void {
    const isCut = this.#end > 0;
    const from = isCut ? this.#next : 0;
    if (isCut) this.#pieces.push(this.#block.subarray(0, this.#end));
    // One document that fills a block gets twice the room.
    const block = Buffer.allocUnsafe(isCut ? Math.max(this.#pieceBytes, this.#filled - from + 1) : this.#filled * 2);
    this.#filled = this.#block.copy(block, 0, from, this.#filled);
    this.#block = block;
    this.#end = 0;
    this.#next = 0;
  }

  /** Byte by byte: this is where a large body spends its time, so nothing is called in it. */
  #scan(from: number): void {
    const block = this.#block;
    const ends = this.#isLines ? 0 : 1;
    let [depth, isInString, isEscaped] = [this.#depth, this.#isInString, this.#isEscaped];
    for (let at = from; at < this.#filled; at += 1) {
      const byte = block[at]!;
      if (isInString) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) isInString = false;
        continue;
      }
      if (byte <= SPACE) continue;
      this.#isList ??= this.#isLines || byte === ARRAY;
      if (byte === QUOTE) isInString = true;
      else if (byte === OBJECT || byte === ARRAY) depth += 1;
      else if (byte === OBJECT_END || byte === ARRAY_END) {
        depth -= 1;
        if (this.#isLines && depth === 0) this.#end = this.#next = at + 1;
      } else if (byte === COMMA && depth === ends && this.#isList && !this.#isLines) {
        this.#end = at;
        this.#next = at + 1;
      }
    }
    [this.#depth, this.#isInString, this.#isEscaped] = [depth, isInString, isEscaped];
  }
}
