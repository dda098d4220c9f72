/**
 * Which of a document's copies stands where its owners differ and no list says which of them missed a write: the one
 * that was written last. What is missing somewhere was either lost there or deleted elsewhere; tombstones tell which, and
 * where they cannot, nothing is done.
 */
import { canonicalDocument } from './canonical.ts';
import { documentDigest } from './digest.ts';
import { fieldSpan } from './json-text.ts';

/** Redis time (ms) at which the write was sent; where replicas differ and no list says why, the later one stands. */
export const UPDATED_AT_FIELD = '_miroir_updated_at';
/** Time (ms since 1970) from which a document is to be gone; clients set it. */
export const EXPIRES_AT_FIELD = '_miroir_expires_at';

export interface Known {
  /** Redis time (ms) of the last delete of the document that went through a router; null: of none that is known. */
  readonly removedAtMs: number | null;
  /** Up to this Redis time (ms) it may have been deleted although nothing says so. */
  readonly doubtMs: number;
  /** Now, where documents expire; null where they do not. */
  readonly expiryMs: number | null;
}

/** What every owner shall have, null for no document; or why nobody can say. */
export type Survivor = { readonly text: string | null } | { readonly open: string };

/** A whole number; null for what is none, which counts as never written and never expiring. */
function timeIn(text: string, field: string): number | null {
  const span = fieldSpan(text, 0, text.length, field);
  const time = span === undefined ? NaN : Number(text.slice(span.start, span.end));
  return Number.isFinite(time) ? time : null;
}

export function isExpired(text: string, nowMs: number): boolean {
  const expiresAtMs = timeIn(text, EXPIRES_AT_FIELD);
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}

const contentHash = (text: string): bigint => documentDigest(canonicalDocument(text));

/** When it was written, as it says itself (ms); 0 where it does not. */
export const writtenAtMs = (text: string): number => timeIn(text, UPDATED_AT_FIELD) ?? 0;

/** The one that was written later; of equal stamps that with the larger content hash, so that everybody picks the same. */
export function newerOf(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  const [stampA, stampB] = [writtenAtMs(a), writtenAtMs(b)];
  if (stampA !== stampB) return stampA > stampB ? a : b;
  return contentHash(a) >= contentHash(b) ? a : b;
}

/** `copies`: one for each owner, null where it has none. */
export function survivorOf(copies: readonly (string | null)[], { removedAtMs, doubtMs, expiryMs }: Known): Survivor {
  const text = copies.reduce(newerOf, null);
  if (text === null) return { text: null };
  const atMs = writtenAtMs(text);
  if (expiryMs !== null && isExpired(text, expiryMs)) return { text: null };
  if (!copies.includes(null)) return { text };
  if (removedAtMs !== null && removedAtMs >= atMs) return { text: null };
  return atMs > doubtMs ? { text } : { open: 'it was lost somewhere or deleted elsewhere, and nothing says which' };
}
