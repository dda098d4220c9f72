/**
 * Which copy of a document is the one that all owners shall have, by what each of them is known to have missed. Lists
 * decide before stamps do: an owner that missed nothing has what clients were told, and of those that missed something the
 * one whose last miss came first has the latest of it. Where Redis has lost writes a list may name the wrong owner (decision
 * 0016): then lists decide only about documents that were written after that.
 */
import { missedAcknowledged } from '../core/missed.ts';
import { newerOf, survivorOf, writtenAtMs } from '../core/survivor.ts';
import type { MissedBy } from '../ports.ts';
import { type Copies, isSame } from './copies.ts';
import type { Verdict } from './level.ts';

/** Who decides about a document. */
export interface Holders {
  /** All owners of the shard, those that could not be read too. */
  readonly owners: readonly string[];
  readonly missed: ReadonlyMap<string, MissedBy>;
  /** Node that owned the shard and still has its copy → until when (Redis time, us). */
  readonly former: ReadonlyMap<string, number>;
  /** Id → when it was last deleted through a router (Redis time, ms). */
  readonly removedAtMs?: ReadonlyMap<string, number>;
  /** Up to this time (Redis time, ms) documents may have been deleted that no tombstone names; absent: none. */
  readonly doubtMs?: number;
  /** Up to this time (Redis time, ms) Redis has lost writes; absent: none that is known. */
  readonly lostMs?: number;
}

export function bestCopy(id: string, copies: Copies, holders: Holders): Verdict {
  const verdict = byLists(id, copies, holders);
  return 'leave' in verdict || !isOverruled(id, verdict.text, copies, holders)
    ? verdict
    : { leave: 'Redis has lost writes: an owner may rightly have it otherwise; write or delete it once more' };
}

/** Whether an owner may rightly differ from what lists say: what it missed, or what it had made good, is forgotten. */
function isOverruled(
  id: string,
  text: string | null,
  copies: Copies,
  { owners, removedAtMs, lostMs = -1 }: Holders,
): boolean {
  const atMs = text === null ? (removedAtMs?.get(id) ?? -1) : writtenAtMs(text);
  return owners.some((owner) => {
    const copy = copies.get(owner);
    if (copy === undefined) return false;
    if (copy === null) return text !== null && atMs <= lostMs;
    return writtenAtMs(copy) > atMs && writtenAtMs(copy) <= lostMs;
  });
}

/** What an owner missed of a document, or null; of a whole shard that is the latest time at which it can have been. */
interface Miss {
  readonly owner: string;
  readonly atUs: number | null;
  readonly isWhole: boolean;
}

function byLists(id: string, copies: Copies, holders: Holders): Verdict {
  const { owners, missed } = holders;
  const misses = owners.map((owner): Miss => {
    const by = missed.get(owner);
    const score = by?.ids.get(id) ?? by?.whole ?? null;
    return { owner, atUs: score === null ? null : Number(score), isWhole: by?.whole != null };
  });
  const unlisted = misses.filter(({ atUs }) => atUs === null).map(({ owner }) => owner);
  if (unlisted.length > 0) {
    // A miss of a write that nobody was told is written says nothing: that one may well have it.
    const lacking = misses.filter(({ atUs }) => atUs !== null && missedAcknowledged(atUs)).map(({ owner }) => owner);
    return ofUnlisted(unlisted, lacking, copies);
  }
  const firstUs = Math.min(...misses.map(({ atUs }) => atUs ?? 0));
  const verdict = ofListed(id, misses, firstUs, copies, holders);
  return 'leave' in verdict || !missedAcknowledged(firstUs)
    ? verdict
    : withFormer(id, verdict.text, firstUs, copies, holders);
}

/** Every owner missed something: the one whose last miss came first has the latest, where times of misses are known. */
function ofListed(id: string, misses: readonly Miss[], firstUs: number, copies: Copies, holders: Holders): Verdict {
  const { owners, removedAtMs, doubtMs = -1 } = holders;
  const first = misses.filter(({ atUs }) => atUs === firstUs);
  const removedMs = removedAtMs?.get(id) ?? null;
  const textsOf = (nodes: readonly string[]) => nodes.map((owner) => copies.get(owner) ?? null);
  const unread = (nodes: readonly string[]): Verdict => ({
    leave: `every owner missed something of it, and not all of ${nodes.join(', ')} can be read now`,
  });
  // Of a whole shard nobody knows when each document of it was missed; where all have it, it says so itself.
  const isEverywhere = misses.some(({ isWhole }) => isWhole) && owners.every((owner) => copies.get(owner) !== null);
  // Another one may have missed it before the first did, and may lack a write as well as be the only one with a delete.
  const isVague = misses.some((miss) => miss.isWhole && (miss !== first[0] || first.length > 1));
  if (isVague && !isEverywhere) {
    const texts = textsOf(owners);
    const newest = texts.reduce(newerOf);
    // What was written after its last miss the first one got, and what was deleted since as well.
    if (newest === null || writtenAtMs(newest) * 1_000 <= firstUs) {
      if (!owners.every((owner) => copies.has(owner))) return unread(owners);
      const survivor = survivorOf(texts, { removedAtMs: removedMs, doubtMs, expiryMs: null });
      return 'open' in survivor ? { leave: survivor.open } : survivor;
    }
  }
  const good = isEverywhere ? owners : first.map(({ owner }) => owner);
  if (!good.every((owner) => copies.has(owner))) return unread(good);
  const texts = textsOf(good);
  const newest = texts.reduce(newerOf);
  // One of them lacks it: lost there, or deleted, which then did not reach the other.
  const isRemoved = newest !== null && texts.includes(null) && (removedMs ?? -1) >= writtenAtMs(newest);
  return { text: isRemoved ? null : newest };
}

function ofUnlisted(unlisted: readonly string[], lacking: readonly string[], copies: Copies): Verdict {
  const texts = unlisted.filter((owner) => copies.has(owner)).map((owner) => copies.get(owner) ?? null);
  const [first] = texts;
  if (first === undefined) return { leave: `only ${unlisted.join(', ')} missed nothing of it, and cannot be read now` };
  // No list says why, so no list says who is right.
  if (!texts.every((text) => isSame(text, first))) return { leave: 'owners that missed nothing of it differ' };
  const isLater = (copy: string | null): boolean =>
    first !== null && copy !== null && writtenAtMs(copy) > writtenAtMs(first);
  const later = lacking.find((owner) => isLater(copies.get(owner) ?? null));
  return later === undefined
    ? { text: first }
    : { leave: `${later} is said to have missed a write of it, and has a later one than ${unlisted.join(', ')}` };
}

/**
 * Every owner missed something that was acknowledged: a node that owned the shard then may be the only one that has it. It
 * has nothing of what came after it left, so a document that owners were given since stands, and one that was deleted since
 * stays deleted; where nobody can know whether it was, nothing is done. Of several the one that left last knows most, but
 * for what another has that surely was not deleted: that it missed.
 */
function withFormer(
  id: string,
  ownersText: string | null,
  missedUs: number,
  copies: Copies,
  holders: Holders,
): Verdict {
  const { former, missed, removedAtMs, doubtMs = -1 } = holders;
  const removedMs = removedAtMs?.get(id) ?? -1;
  // From before there were tombstones: who left then is believed.
  const isDoubtKnown = Number.isFinite(doubtMs);
  const lacks = (node: string): number => Number(copies.get(node) === null);
  const byLeaving = [...former].sort(([a, aUs], [b, bUs]) => aUs - bUs || lacks(b) - lacks(a));
  let text = ownersText;
  let isFormers = false;
  for (const [node, leftUs] of byLeaving) {
    if (leftUs < missedUs || missed.get(node)?.ids.has(id) === true) continue;
    const copy = copies.get(node);
    if (copy === undefined)
      return { leave: `every owner missed something of it, ${node} may have it and cannot be read now` };
    if (copy === null) {
      const isNewer = ownersText !== null && writtenAtMs(ownersText) * 1_000 > missedUs;
      if (!isNewer && !(isFormers && isDoubtKnown)) text = null;
      continue;
    }
    if (writtenAtMs(copy) <= removedMs) continue;
    const newer = newerOf(text, copy);
    if (newer === text) continue;
    if (isDoubtKnown && writtenAtMs(copy) <= doubtMs && doubtMs * 1_000 > leftUs)
      return {
        leave: `${node} alone has it, and it may have been deleted after that left: write or delete it once more`,
      };
    text = newer;
    isFormers = true;
  }
  return { text };
}
