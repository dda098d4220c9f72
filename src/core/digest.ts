/**
 * Whether two nodes hold the same documents. A window's digest is the count of its documents and the sum of the hashes
 * of their canonical texts, so neither the order of documents nor the cut into pages matters. Where digests differ,
 * `sameDocument` tells a difference from what a node's own reading does to doubles.
 */
import { readCanonical, readCanonicalArray, type Place } from './canonical.ts';
import { hash64 } from './hashing.ts';

export { canonicalDocument } from './canonical.ts';
export { sameDocument } from './same-document.ts';

/** Unsigned 64 bits of a canonical document. */
export const documentDigest = (canonical: string): bigint => hash64(canonical);

/** What a node holds of a window, free of order: equal windows are equal whatever pages they were read in. */
export class WindowDigest {
  #count = 0;
  #sum = 0n;
  readonly #place: Place = { shape: undefined };

  /** Documents added. */
  get count(): number {
    return this.#count;
  }

  /** Their digests' sum mod 2^64. A sum, not xor, so that a document that is there twice does not vanish. */
  get sum(): bigint {
    return this.#sum;
  }

  /** Adds the document in the span. */
  add(text: string, start = 0, end = text.length): void {
    this.#addCanonical(readCanonical(text, start, end, this.#place));
  }

  /** Adds every document of an array's text, e.g. the `results` of a page. */
  addPage(resultsText: string): void {
    readCanonicalArray(resultsText, this.#place, (canonical) => this.#addCanonical(canonical));
  }

  #addCanonical(canonical: string): void {
    this.#count += 1;
    this.#sum = BigInt.asUintN(64, this.#sum + documentDigest(canonical));
  }

  equals(other: WindowDigest): boolean {
    return this.#count === other.#count && this.#sum === other.#sum;
  }
}

/** The digest of the documents in an array's text, read in one go. */
export function digestPage(resultsText: string): WindowDigest {
  const digest = new WindowDigest();
  digest.addPage(resultsText);
  return digest;
}
