/**
 * Whether a copy that nobody reads tells nothing any more: each owner has the document as it is or was written later, or
 * lacks it where it was deleted later. Stamps are Redis time under the turn (decision 0017), so the later one is what
 * clients were told.
 */
import { sameDocument } from './same-document.ts';
import { writtenAtMs } from './survivor.ts';

/** `copies`: one for each owner, null where it has none; `removedAtMs`: its last delete that a tombstone tells, or null. */
export function isSuperseded(text: string, copies: readonly (string | null)[], removedAtMs: number | null): boolean {
  const atMs = writtenAtMs(text);
  return (
    copies.length > 0 &&
    copies.every((copy) =>
      copy === null
        ? removedAtMs !== null && removedAtMs >= atMs
        : writtenAtMs(copy) > atMs || sameDocument(copy, text),
    )
  );
}
