/** What a node's own figures say: whether it indexes slowly, and whether it is full. */

/** A node fuller than this leaves no room for what an index needs while it indexes. */
export const NODE_FULL = 0.85;
/** Whether a node whose data takes so much has room for that much more; what is deleted is not given back by its file. */
export const hasRoom = (databaseBytes: number, neededBytes: number, nodeMaxBytes: number): boolean =>
  databaseBytes + neededBytes <= nodeMaxBytes * NODE_FULL;

/** A small batch that costs more than this is told with its remedy: every write of a move waits for batches. */
export const SLOW_BATCH_MS = 300;
/** Newest batches that are looked through for small ones. */
export const BATCHES_LOOKED_AT = 50;
const SMALL_BATCH_DOCS = 10;

interface Batch {
  readonly durationMs: number | null;
  readonly documents: number;
}

/** Median of the node's recent small batches, ms; null when it had none. An empty batch costs nothing and does not tell. */
export function smallBatchMs(batches: readonly Batch[]): number | null {
  const costs = batches
    .filter(({ documents }) => documents > 0 && documents <= SMALL_BATCH_DOCS)
    .flatMap(({ durationMs }) => durationMs ?? [])
    .sort((a, b) => a - b);
  return costs[Math.floor(costs.length / 2)] ?? null;
}
