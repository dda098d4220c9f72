/** What failed nodes have left behind: shards without any copy that answers, and shards with too few of them. */
import type { Move } from './move.ts';
import type { PlannerIndex } from './plan.ts';
import type { Topology } from './topology.ts';

/** `every_copy`: nobody can read or write the shard. `a_copy`: it is served by fewer copies than it is to have. */
export const LACKS = ['every_copy', 'a_copy'] as const;
export type Lack = (typeof LACKS)[number];

export interface Lacking {
  readonly index: string;
  readonly lack: Lack;
  /** How many shards. */
  readonly count: number;
  /** The first thousand of them, by number. */
  readonly shards: readonly number[];
  /** Failed nodes whose copies are missed. */
  readonly nodes: readonly string[];
}

const SHARDS_TOLD = 1_000;

/** Nothing while no node has failed. A shard to which a move brings the copy is left out. */
export function lackingOf(topology: Topology, { entry, table }: PlannerIndex, unfinished: readonly Move[]): Lacking[] {
  const failed = topology.nodes.filter(({ state }) => state === 'failed');
  if (failed.length === 0) return [];
  const isFailed = new Set(failed.map(({ id }) => id));
  const groupOf = new Map(topology.nodes.map(({ id, group }) => [id, group]));
  const groups = new Set(failed.map(({ group }) => group).filter((group) => entry.groups.includes(group)));
  const restored = new Set(unfinished.flatMap(({ reason, shard }) => (reason === 'restore' ? [shard] : [])));
  const found = { every_copy: new Found(), a_copy: new Found() };
  for (const { shard, owners } of table.shards) {
    if (owners.length === 0) continue;
    const serving = owners.filter((id) => !isFailed.has(id));
    if (serving.length === 0) {
      found.every_copy.add(shard, owners);
      continue;
    }
    if (restored.has(shard)) continue;
    const short = [...groups].filter(
      (group) => serving.filter((id) => groupOf.get(id) === group).length < entry.replicationFactor,
    );
    const missed = failed.flatMap(({ id, group }) => (short.includes(group) ? [id] : []));
    if (missed.length > 0) found.a_copy.add(shard, missed);
  }
  return LACKS.flatMap((lack) => {
    const { count, shards, nodes } = found[lack];
    return count === 0 ? [] : [{ index: entry.uid, lack, count, shards, nodes: [...nodes].sort() }];
  });
}

class Found {
  count = 0;
  readonly shards: number[] = [];
  readonly nodes = new Set<string>();

  add(shard: number, nodes: readonly string[]): void {
    this.count += 1;
    if (this.shards.length < SHARDS_TOLD) this.shards.push(shard);
    for (const id of nodes) this.nodes.add(id);
  }
}
