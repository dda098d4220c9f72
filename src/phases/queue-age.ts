/** How far behind a node's queue is: what a settling document would wait for. */
import type { NodeClient } from '../ports.ts';
import type { PhaseContext } from './context.ts';

const BATCHES = 20;
/** A node of tiny batches is not behind because two of them are over. */
const BATCH_MS_MIN = 250;

/** Median length of the node's recent batches that held documents, ms. */
async function batchMs(node: NodeClient): Promise<number> {
  const lengths = (await node.batches(BATCHES))
    .flatMap(({ documents, durationMs }) => (documents > 0 && durationMs !== null ? [durationMs] : []))
    .sort((a, b) => a - b);
  return Math.max(BATCH_MS_MIN, lengths[Math.floor(lengths.length / 2)] ?? 0);
}

/**
 * Null when the node's oldest unfinished task is younger than two of its batches, else why not. Ages are never told by
 * our clock, which a node's may differ from: the newest task's time by the node's own clock is a lower bound of its
 * now, and how long this process has seen the same task unfinished is another.
 */
export async function behind(context: PhaseContext, node: NodeClient): Promise<string | null> {
  const { clock, loads } = context;
  const [oldest] = await node.tasks({ statuses: ['enqueued', 'processing'], limit: 1, reverse: true });
  const seenMs = loads.of(node.node.id).unfinishedSinceMs(oldest?.uid ?? null, clock.monotonic());
  if (oldest === undefined) return null;
  const [[newest], lengthMs] = await Promise.all([node.tasks({ limit: 1 }), batchMs(node)]);
  const queuedMs = Date.parse(newest?.enqueuedAt ?? oldest.enqueuedAt) - Date.parse(oldest.enqueuedAt);
  const ageMs = Math.max(queuedMs, clock.monotonic() - seenMs);
  if (ageMs <= 2 * lengthMs) return null;
  return `task ${oldest.uid} of ${node.node.id} waits for ${Math.round(ageMs)} ms, a batch lasts ${Math.round(lengthMs)}`;
}
