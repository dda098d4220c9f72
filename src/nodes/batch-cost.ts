/**
 * What a batch costs a node before its first document. An empty batch changes nothing and costs nothing, so it does
 * not tell; the node's own recent batches of a few documents do.
 */
import type { NodeBatch } from '../ports.ts';

/** Few enough that the documents themselves cost next to nothing beside the batch. */
const SMALL_BATCH_DOCUMENTS = 10;

/** Median duration (ms) of the finished small batches among these; null when there is none to learn from. */
export function smallBatchMs(batches: readonly NodeBatch[]): number | null {
  const durations = batches
    .flatMap(({ durationMs, documents }) =>
      durationMs !== null && documents > 0 && documents <= SMALL_BATCH_DOCUMENTS ? [durationMs] : [],
    )
    .sort((a, b) => a - b);
  const upper = durations[durations.length >> 1];
  const lower = durations[(durations.length - 1) >> 1];
  return upper === undefined || lower === undefined ? null : (lower + upper) / 2;
}
