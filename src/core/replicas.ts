/** Where the pages of one window differ, as its owners gave them. */
import { type Keyed, scalarText, splitKeyed } from './json-text.ts';
import { sameDocument } from './same-document.ts';
import { EXPIRES_AT_FIELD, isExpired } from './survivor.ts';

/** A document's copies, in the order of the pages; null where a page has none. */
export type PageCopies = readonly (string | null)[];

interface Page {
  readonly documents: readonly Keyed[];
  readonly text: string;
  readonly all: ReadonlySet<string>;
}

function pageOf(bytes: Buffer, primaryKey: string): Page {
  const text = bytes.toString('utf8');
  const documents = splitKeyed(text, primaryKey);
  return { text, documents, all: new Set(documents.map(({ span }) => text.slice(span.start, span.end))) };
}

/** But for the order of fields, and for what a node's own reading does to doubles. */
const areSame = ([first, ...others]: PageCopies): boolean =>
  others.every(
    (copy) => copy === first || (copy !== null && first !== null && first !== undefined && sameDocument(copy, first)),
  );

/** Whether nothing is to be done: the copies are the same, and have not expired. */
export const areDone = (copies: PageCopies, expiryMs: number | null): boolean =>
  areSame(copies) && !(expiryMs !== null && copies.some((copy) => copy !== null && isExpired(copy, expiryMs)));

/**
 * Id → copies of the documents that are not the same on every page, and of those that have expired (`expiryMs`: now;
 * null where nothing expires). Whole pages are compared first, then texts, and only what is left as documents: equal
 * replicas cost little more than reading them.
 */
export function differing(
  pages: readonly Buffer[],
  primaryKey: string,
  expiryMs: number | null,
): ReadonlyMap<string, PageCopies> {
  const [first, ...others] = pages;
  const dueMs = pages.some((page) => page.includes(EXPIRES_AT_FIELD)) ? expiryMs : null;
  if (first === undefined || (dueMs === null && others.every((page) => page.equals(first)))) return new Map();
  const read = pages.map((bytes) => pageOf(bytes, primaryKey));
  const copies = new Map<string, (string | null)[]>();
  read.forEach(({ text, documents }, at) => {
    for (const { span, field } of documents) {
      const document = text.slice(span.start, span.end);
      const isEverywhere = read.every(({ all }) => all.has(document));
      if (isEverywhere && (dueMs === null || !isExpired(document, dueMs))) continue;
      const id = field === undefined ? '' : scalarText(text, field.start, field.end);
      const own = copies.get(id) ?? pages.map(() => null);
      own[at] = document;
      copies.set(id, own);
    }
  });
  for (const [id, own] of copies) if (areDone(own, dueMs)) copies.delete(id);
  return copies;
}
