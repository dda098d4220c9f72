/**
 * The documents of a large write, kept as the bytes in which they came: per document only where it lies, so that a body
 * of 100 MB costs little more than itself. Stamps and ids are made when they are needed.
 */
import { isAscii } from 'node:buffer';
import type { IndexEntry } from '../core/routing.ts';
import { ANY_TIME_MS, eachDocument, type FoundDocument, malformedDocuments, stampOf } from './split.ts';

/** One piece of the body, and where its documents lie in it. */
interface Piece {
  readonly bytes: Buffer;
  /** Four numbers a document: where it begins and ends, and where the text of its id does. */
  readonly places: Uint32Array;
  readonly slots: Uint16Array;
  /** Ids that are written with escapes, by the document's place in the piece. */
  readonly escaped: ReadonlyMap<number, string>;
}

/** A document is known by a number: its piece and its place there. */
const PER_PIECE = 2 ** 20;
const NUMBERS = 4;
const QUOTE = 0x22;
const EMPTY_ARRAY_TEXT = 2;
/** Arrays are made in steps of this size, so that one fits where another was. */
const ROOM_BYTES = 1_000_000;

export class DocumentStore {
  readonly #entry: Pick<IndexEntry, 'shards' | 'primaryKey'>;
  readonly #pieces: Piece[] = [];
  readonly #byShard = new Map<number, { readonly documents: number[]; bytes: number }>();
  readonly #spare: Buffer[] = [];
  #count = 0;

  constructor(entry: Pick<IndexEntry, 'shards' | 'primaryKey'>) {
    this.#entry = entry;
  }

  get count(): number {
    return this.#count;
  }

  /** Shard → its documents in order, and their bytes as they are sent. */
  get shards(): ReadonlyMap<number, { readonly documents: readonly number[]; readonly bytes: number }> {
    return this.#byShard;
  }

  /** Elements of a JSON array, one at least, with commas between them. Throws `InvalidInputError`. */
  add(bytes: Buffer): void {
    const text = `[${bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8')}]`;
    const found: FoundDocument[] = [];
    eachDocument(text, this.#entry, this.#count, (document) => found.push(document));
    // A comma too many would else be lost between two pieces.
    if (found.length === 0) throw malformedDocuments('malformed JSON at 0: a document is expected', { position: 0 });
    const offsetOf = byteOffsets(text, bytes.length + EMPTY_ARRAY_TEXT);
    const places = new Uint32Array(found.length * NUMBERS);
    const slots = new Uint16Array(found.length);
    const escaped = new Map<number, string>();
    found.forEach(({ span, idSpan, id, shard, slot }, at) => {
      const isQuoted = text.charCodeAt(idSpan.start) === QUOTE ? 1 : 0;
      const start = offsetOf(span.start);
      const idStart = offsetOf(idSpan.start) + isQuoted;
      const idEnd = offsetOf(idSpan.end) - isQuoted;
      const end = offsetOf(span.end);
      places[at * NUMBERS] = start;
      places[at * NUMBERS + 1] = end;
      places[at * NUMBERS + 2] = idStart;
      places[at * NUMBERS + 3] = idEnd;
      slots[at] = slot;
      if (idEnd - idStart !== id.length) escaped.set(at, id);
      const own = this.#byShard.get(shard) ?? { documents: [], bytes: 0 };
      own.documents.push(this.#pieces.length * PER_PIECE + at);
      own.bytes += end - start + stampOf(shard, slot, ANY_TIME_MS).length;
      this.#byShard.set(shard, own);
    });
    this.#pieces.push({ bytes, places, slots, escaped });
    this.#count += found.length;
  }

  idOf(document: number): string {
    const { piece, at } = this.#find(document);
    const known = piece.escaped.get(at);
    return known ?? piece.bytes.toString('latin1', piece.places[at * NUMBERS + 2], piece.places[at * NUMBERS + 3]);
  }

  /** Bytes of the document as it is sent, with a comma. */
  sizeOf(document: number, shard: number): number {
    const { start, end, stamp } = this.#stamped(document, shard, ANY_TIME_MS);
    return end - start + stamp.length;
  }

  /** The documents with this stamp as a JSON array; `giveBack` it where nobody needs it any more. */
  arrayOf(
    parts: readonly { readonly shard: number; readonly documents: readonly number[] }[],
    updatedAtMs: number,
  ): Buffer {
    let size = 1;
    for (const { shard, documents } of parts) for (const document of documents) size += this.sizeOf(document, shard);
    const array = this.#room(Math.max(EMPTY_ARRAY_TEXT, size));
    let at = 0;
    for (const { shard, documents } of parts) {
      for (const document of documents) {
        const { bytes, start, end, stamp } = this.#stamped(document, shard, updatedAtMs);
        at += array.write(at === 0 ? '[' : ',', at, 'latin1');
        at += bytes.copy(array, at, start, end - 1);
        at += array.write(stamp, at, 'latin1');
      }
    }
    array.write(']', at, 'latin1');
    return array;
  }

  /** Its bytes are used again: garbage of this size would wait for long, and be as much as the write itself. */
  giveBack(array: Buffer): void {
    this.#spare.push(Buffer.from(array.buffer));
  }

  /** The smallest that fits: a small array in a large one's place would have the next large one made anew. */
  #room(size: number): Buffer {
    let best = -1;
    for (const [at, { length }] of this.#spare.entries())
      if (length >= size && length < (this.#spare[best]?.length ?? Number.POSITIVE_INFINITY)) best = at;
    const [spare = Buffer.allocUnsafeSlow(Math.ceil(size / ROOM_BYTES) * ROOM_BYTES)] =
      best < 0 ? [] : this.#spare.splice(best, 1);
    return spare.subarray(0, size);
  }

  #find(document: number): { readonly piece: Piece; readonly at: number } {
    return { piece: this.#pieces[Math.floor(document / PER_PIECE)]!, at: document % PER_PIECE };
  }

  #stamped(document: number, shard: number, updatedAtMs: number) {
    const { piece, at } = this.#find(document);
    return {
      bytes: piece.bytes,
      start: piece.places[at * NUMBERS]!,
      end: piece.places[at * NUMBERS + 1]!,
      stamp: stampOf(shard, piece.slots[at]!, updatedAtMs),
    };
  }
}

/** From places in the text to places in the bytes, which have no bracket before them; asked for in ascending order. */
function byteOffsets(text: string, textBytes: number): (place: number) => number {
  if (textBytes === text.length) return (place) => place - 1;
  let [known, offset] = [1, 0];
  return (place) => {
    offset += Buffer.byteLength(text.slice(known, place));
    known = place;
    return offset;
  };
}
