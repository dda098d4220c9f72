/** When a write counts as written: at least one replica group that is read has it on a majority of its owners. */
import type { ShardRoute } from '../../core/routing.ts';

export interface Verdict {
  readonly isReached: boolean;
  /** Groups that count and fell short, ascending. */
  readonly shortGroups: readonly number[];
}

/** Owners of a group that have to accept: floor(n/2) + 1 of the n that the epoch names. */
export const quorumOf = (owners: number): number => Math.floor(owners / 2) + 1;

/**
 * By one epoch's owners and readers. A group that nobody reads the shard from (it is being brought in, or drained) decides
 * nothing: what it alone has no client would see, and what it misses is on its repair lists. Where no group of the readers
 * owns the shard any more, all count.
 */
export function verdictOf(
  { owners, readers }: Pick<ShardRoute, 'owners' | 'readers'>,
  accepted: ReadonlySet<string>,
  groupOf: (node: string) => number,
): Verdict {
  const read = new Set(readers.map(groupOf));
  const deciding = owners.filter((owner) => read.has(groupOf(owner)));
  const groups = new Map<number, { owners: number; accepted: number }>();
  for (const owner of deciding.length === 0 ? owners : deciding) {
    const counts = groups.get(groupOf(owner)) ?? { owners: 0, accepted: 0 };
    counts.owners += 1;
    if (accepted.has(owner)) counts.accepted += 1;
    groups.set(groupOf(owner), counts);
  }
  const shortGroups = [...groups]
    .filter(([, counts]) => counts.accepted < quorumOf(counts.owners))
    .map(([group]) => group)
    .sort((a, b) => a - b);
  return { isReached: shortGroups.length < groups.size, shortGroups };
}
