/**
 * Bytes to text. A body whose length is announced is one block: turned into text at once, it costs its bytes and its
 * text. Any other goes block by block, so one that comes in single bytes costs no more than one in large pieces.
 */
import { isAscii, isUtf8 } from 'node:buffer';

const BLOCK_BYTES = 65_536;
/** Room for the part of a character that a block ends with, and more. */
const BLOCK_MIN_BYTES = 16;

/** Where the last character begins if it is incomplete; else the length. */
function completeEnd(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return bytes.length;
    if (byte < 0xc0) continue; // within a character
    const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return needs > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

export class Utf8Text {
  readonly #block: Buffer;
  readonly #parts: string[] = [];
  #filled = 0;
  #isValid = true;

  /** `expectedBytes` of the whole text, where it is known. */
  constructor(expectedBytes: number = BLOCK_BYTES) {
    this.#block = Buffer.allocUnsafe(Math.max(BLOCK_MIN_BYTES, expectedBytes));
  }

  /** Keeps no reference to the piece. */
  push(piece: Buffer): void {
    for (let at = 0; at < piece.length && this.#isValid;) {
      const taken = piece.copy(this.#block, this.#filled, at);
      at += taken;
      this.#filled += taken;
      if (this.#filled === this.#block.length) this.#flush();
    }
  }

  /** The whole text; null when the bytes were no UTF-8. */
  end(): string | null {
    this.#flush();
    if (!this.#isValid || this.#filled > 0) return null;
    const [only = ''] = this.#parts;
    return this.#parts.length > 1 ? this.#parts.join('') : only;
  }

  #flush(): void {
    const bytes = this.#block.subarray(0, this.#filled);
    const end = completeEnd(bytes);
    const whole = bytes.subarray(0, end);
    this.#isValid &&= isUtf8(whole);
    // Latin-1 for what is ASCII: faster to make, and kept with one byte a character.
    if (this.#isValid && end > 0) this.#parts.push(whole.toString(isAscii(whole) ? 'latin1' : 'utf8'));
    this.#block.copyWithin(0, end, this.#filled);
    this.#filled -= end;
  }
}
