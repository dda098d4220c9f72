/**
 * Catching up before the switch: what clients have written since tracking began is read anew from the source and
 * brought to the target. An entry is cleared only when the source had applied it before it was read, the target has
 * applied what was read, and nobody has written it since (I3).
 */
import { SLOTS, type Window } from '../core/windows.ts';
import type { JournalEntry } from '../ports.ts';
import { carry, settledOwner } from './carry.ts';
import { type PhaseContext, journalOf } from './context.ts';
import { repairRange } from './verify.ts';
import { settleWrites } from './watermark.ts';

/** Entries taken at a time: what one batch of the target takes well. */
const TAKE = 1_000;
/** Batches of one pass, before whoever asked looks at everything else again. */
const BATCHES = 20;
/** Slots of a bucket. */
const BUCKET = 256;

/** The ids of entries; ranges are left out. */
export const idsOf = (entries: readonly JournalEntry[]): string[] =>
  entries.flatMap((entry) => (entry.kind === 'id' ? [entry.id] : []));

/** What entries that name no ids stand for, neighbours together. */
export function rangesOf(entries: readonly JournalEntry[]): Window[] {
  if (entries.some(({ kind }) => kind === 'shard')) return [{ from: 0, to: SLOTS - 1 }];
  const buckets = entries.flatMap((entry) => (entry.kind === 'slots' ? [entry.bucket] : [])).sort((a, b) => a - b);
  const ranges: { from: number; to: number }[] = [];
  for (const bucket of buckets) {
    const last = ranges.at(-1);
    if (last?.to === bucket * BUCKET - 1) last.to += BUCKET;
    else ranges.push({ from: bucket * BUCKET, to: (bucket + 1) * BUCKET - 1 });
  }
  return ranges;
}

async function bring(context: PhaseContext, entries: readonly JournalEntry[]): Promise<void> {
  const { move } = context;
  const ranges = rangesOf(entries);
  // The watermark comes after the taking: what an entry stands for was accepted before (R3), so it is applied then.
  const old = await settledOwner(context, context.node(move.source));
  const isAll = entries.some(({ kind }) => kind === 'shard');
  const ids = isAll ? [] : idsOf(entries);
  if (ids.length > 0) await carry(context, old, ids);
  if (ranges.length === 0) return;
  // Where both sides look equal nothing is sent, so what an earlier holder has sent has to land first.
  await settleWrites(context, context.node(move.target));
  for (const range of ranges) await repairRange(context, range);
}

/**
 * Brings over what the journal holds now. Returns how many entries it took; what clients write meanwhile is for the next
 * pass. Runs alone: nothing else of this move writes the target meanwhile.
 */
export async function catchUp(context: PhaseContext): Promise<number> {
  const { journal, move, permit, log } = context;
  const ref = journalOf(move);
  let taken = 0;
  for (let batch = 0; batch < BATCHES; batch += 1) {
    permit.signal.throwIfAborted();
    const entries = await journal.take(ref, TAKE, false);
    if (entries.length === 0) break;
    await bring(context, entries);
    const cleared = await journal.clear(ref, entries);
    log.debug({ entries: entries.length, cleared }, 'caught up with the journal');
    taken += entries.length;
    if (entries.length < TAKE) break;
  }
  return taken;
}
