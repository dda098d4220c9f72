/** When a write counts as written: at least one replica group has it on a majority of the owners that the epoch names. */

export interface Verdict {
  readonly isReached: boolean;
  /** Groups that fell short, ascending. */
  readonly shortGroups: readonly number[];
}

/** Owners of a group that have to accept: floor(n/2) + 1 of the n that the epoch names. */
export const quorumOf = (owners: number): number => Math.floor(owners / 2) + 1;

export function verdictOf(
  owners: readonly string[],
  accepted: ReadonlySet<string>,
  groupOf: (node: string) => number,
): Verdict {
  const groups = new Map<number, { owners: number; accepted: number }>();
  for (const owner of owners) {
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
