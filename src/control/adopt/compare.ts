/**
 * Documents of several nodes against each other, by id and without our fields. Where two nodes have the same id, the
 * first of them counts: the one to keep, then home, then the others by name.
 */
import { sameDocument } from '../../core/digest.ts';
import { scalarText, splitKeyed } from '../../core/json-text.ts';
import { withoutOurs } from '../../routing/search/own-fields.ts';
import { documentsOf, pagesOf } from './pages.ts';
import type { Holder, Survey } from './survey.ts';

/** Differences that are named. */
const LISTED = 20;

export interface Difference {
  readonly id: string;
  /** Whose document counts, and who has another one. */
  readonly nodes: readonly [string, string];
}

export interface Comparison {
  /** Documents that home lacks, or has otherwise than the node that counts. */
  readonly copies: number;
  readonly differences: number;
  readonly listed: readonly Difference[];
}

/** Told of ids whose document on that node home has to get. */
export type OnCopy = (from: Holder, ids: readonly string[]) => Promise<void>;

export async function compareHolders(
  { entry, home, others, adoption: { keep } }: Survey,
  onCopy: OnCopy = () => Promise.resolve(),
): Promise<Comparison> {
  const { uid, primaryKey } = entry;
  const ranked = [home, ...others].sort((a, b) => Number(b.node.id === keep) - Number(a.node.id === keep));
  const listed: Difference[] = [];
  let copies = 0;
  let differences = 0;
  for (const [rank, holder] of ranked.entries()) {
    if (holder === home) continue;
    const earlier = ranked.slice(0, rank);
    const peers = new Set([...earlier, home]);
    for await (const page of pagesOf(holder.client, uid)) {
      const mine = byId([page], primaryKey);
      const theirs = new Map<Holder, ReadonlyMap<string, string>>();
      for (const peer of peers) {
        theirs.set(peer, byId(await documentsOf(peer.client, uid, [...mine.keys()]), primaryKey));
      }
      const wanted: string[] = [];
      for (const [id, text] of mine) {
        const first = earlier.find((peer) => theirs.get(peer)?.has(id) === true);
        const other = theirs.get(first ?? home)?.get(id);
        const isSame = other !== undefined && sameDocument(text, other);
        if (first === undefined && !isSame) wanted.push(id);
        if (other === undefined || isSame) continue;
        differences += 1;
        const [counts, differs] = first === undefined ? [holder, home] : [first, holder];
        if (listed.length < LISTED) listed.push({ id, nodes: [counts.node.id, differs.node.id] });
      }
      copies += wanted.length;
      if (wanted.length > 0) await onCopy(holder, wanted);
    }
  }
  return { copies, differences, listed };
}

/** Texts by id, without our fields. */
function byId(pages: readonly string[], primaryKey: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const text of pages) {
    for (const { span, field } of splitKeyed(text, primaryKey)) {
      if (field !== undefined) found.set(scalarText(text, field.start, field.end), withoutOurs(text, span));
    }
  }
  return found;
}
