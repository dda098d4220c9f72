/**
 * Which copy of a document is the one that all owners shall have, by what each owner is known to have missed. Lists decide
 * before stamps do: an owner that missed nothing has what clients were told, and of those that missed something the one
 * whose first miss came last has all that was acknowledged until then.
 */
import { canonicalDocument, documentDigest } from '../core/digest.ts';
import { fieldSpan } from '../core/json-text.ts';
import type { MissedBy } from '../ports.ts';
import { UPDATED_AT_FIELD } from '../routing/fields.ts';
import { type Copies, isSame } from './copies.ts';
import type { Verdict } from './level.ts';

/** When the document was written, as it says itself (ms); 0 where it does not. */
function stampOf(text: string): number {
  const span = fieldSpan(text, 0, text.length, UPDATED_AT_FIELD);
  return span === undefined ? 0 : Number(text.slice(span.start, span.end)) || 0;
}

/** The later one; of two of one time the one with the larger hash, so that everybody chooses alike. */
function newerOf(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  const [stampA, stampB] = [stampOf(a), stampOf(b)];
  if (stampA !== stampB) return stampA > stampB ? a : b;
  return documentDigest(canonicalDocument(a)) >= documentDigest(canonicalDocument(b)) ? a : b;
}

/** The first miss of each owner; null for one that is on no list. */
function firstMisses(id: string, owners: readonly string[], missed: ReadonlyMap<string, MissedBy>) {
  return owners.map((owner) => {
    const by = missed.get(owner);
    const score = by?.ids.get(id) ?? by?.whole ?? null;
    return { owner, atUs: score === null ? null : Number(score), isWhole: by?.whole != null };
  });
}

/** `owners`: all that the shard has, those that could not be read too. */
export function bestCopy(
  id: string,
  copies: Copies,
  owners: readonly string[],
  missed: ReadonlyMap<string, MissedBy>,
): Verdict {
  const misses = firstMisses(id, owners, missed);
  const unlisted = misses.filter(({ atUs }) => atUs === null).map(({ owner }) => owner);
  if (unlisted.length > 0) {
    const texts = unlisted.filter((owner) => copies.has(owner)).map((owner) => copies.get(owner) ?? null);
    const [first] = texts;
    if (first === undefined)
      return { leave: `only ${unlisted.join(', ')} missed nothing of it, and cannot be read now` };
    // No list says why, so no list says who is right.
    if (!texts.every((text) => isSame(text, first))) return { leave: 'owners that missed nothing of it differ' };
    return { text: first };
  }
  const latestUs = Math.max(...misses.map(({ atUs }) => atUs ?? 0));
  // Of a whole shard nobody knows when each document of it was missed; where all have it, it says so itself.
  const isVague = misses.some(({ isWhole }) => isWhole) && [...copies.values()].every((text) => text !== null);
  const good = misses.filter(({ atUs }) => isVague || atUs === latestUs).map(({ owner }) => owner);
  if (!good.every((owner) => copies.has(owner))) {
    return { leave: `every owner missed something of it, and not all of ${good.join(', ')} can be read now` };
  }
  return { text: good.map((owner) => copies.get(owner) ?? null).reduce(newerOf) };
}
