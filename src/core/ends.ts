/** What clients see of a node that a copy reads or writes, and whether that is the copy's business. */

/** Of one look at a node, and of what has come since the one before. */
export interface EndSigns {
  /** How long the oldest unfinished task of a client has waited; null: there is none. */
  readonly clientTaskMs: number | null;
  /** The longest batch that has ended; null: none has. */
  readonly batchMs: number | null;
  /** Requests of ours that it refused (429, 503) or did not answer. */
  readonly refusals: number;
  /** The slowest page that it was read by; null: none was. */
  readonly readMs: number | null;
}

export interface EndLimits {
  /** Longest wait of a client's task, and of a read. */
  readonly clientTaskMs: number;
  readonly batchMs: number;
  /** How long a batch of ours may last there: a client's task may stand behind one and wait for its own. */
  readonly ownBatchMs: number;
}

/** A client's task stands behind the batch that runs, and is in the next one. */
const BATCHES_WAITED = 2;

/** Why the copy has to give way; null: nobody is kept waiting. */
export function complaintOf(signs: EndSigns, limits: EndLimits): string | null {
  const { clientTaskMs, batchMs, refusals, readMs } = signs;
  const waitMs = Math.max(limits.clientTaskMs, BATCHES_WAITED * limits.ownBatchMs);
  if (refusals > 0) return `${refusals} requests were refused or not answered`;
  if (clientTaskMs !== null && clientTaskMs > waitMs) return `a client's task waits for ${Math.round(clientTaskMs)} ms`;
  if (batchMs !== null && batchMs > limits.batchMs) return `a batch took ${Math.round(batchMs)} ms`;
  if (readMs !== null && readMs > limits.clientTaskMs) return `a page took ${Math.round(readMs)} ms to read`;
  return null;
}
