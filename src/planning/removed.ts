/**
 * What is kept of nodes that were removed. While they are, nobody asks their copies, and `NodeAdded` begins a new life, into
 * which no copy is taken over (decision 0006): what they had missed of a shard, or had of it when they left, decides nothing.
 */
import { byOwnership } from '../core/missed.ts';
import { findNode } from '../core/topology.ts';
import type { PlanningParts } from './parts.ts';

/**
 * Drops their repair lists, but not of a shard of which an owner still has one: added again by then, a node that was removed
 * by mistake may yet have what all owners missed, and tombstones stay as long (`reconcile/anti-entropy.ts`).
 */
export async function forgetRemoved({ records, repairs, writer, logger }: PlanningParts): Promise<void> {
  const topology = await records.topology();
  const isGone = (id: string): boolean => (findNode(topology, id)?.state ?? 'removed') === 'removed';
  for (const { uid } of await records.indexes()) {
    const lists = await repairs.sizes(uid);
    const gone = lists.filter(({ owner }) => isGone(owner));
    if (gone.length === 0) continue;
    const { owners } = byOwnership(lists, (await records.table(uid))?.shards ?? []);
    const open = new Set(owners.map(({ shard }) => shard));
    const dropped = await writer.forgetMissed(
      uid,
      gone.filter(({ shard }) => !open.has(shard)),
    );
    if (dropped > 0) logger.info({ index: uid, lists: dropped }, 'repair lists of removed nodes were dropped');
  }
}
