/** What a node's count of documents is made of: a node counts all that it has of an index, whoever owns it. */
import type { Move } from './move.ts';
import type { ShardSize } from './plan.ts';
import type { RoutingTable } from './routing.ts';

type UnfinishedMove = Pick<Move, 'shard' | 'target' | 'retires'> & { readonly docsMigrated: number };

export interface HeldCopies {
  /** Shards that it owns. */
  readonly owned: number;
  /** Copies that are kept for their grace: whole ones, of which a node that has left its shards is full for a while. */
  readonly kept: number;
  /** Documents of copies that are on their way to it. */
  readonly arriving: number;
}

const NOTHING: HeldCopies = { owned: 0, kept: 0, arriving: 0 };

/** By node, of one index; `unfinished`: its moves that have not ended. */
export function heldCopies(
  { shards }: RoutingTable,
  unfinished: readonly UnfinishedMove[],
): ReadonlyMap<string, HeldCopies> {
  const held = new Map<string, HeldCopies>();
  const add = (node: string, what: keyof HeldCopies, count: number): void => {
    const before = held.get(node) ?? NOTHING;
    held.set(node, { ...before, [what]: before[what] + count });
  };
  for (const { owners } of shards) for (const node of owners) add(node, 'owned', 1);
  const kept = new Set<string>();
  for (const { shard, target, retires, docsMigrated } of unfinished) {
    const owners = shards[shard]?.owners ?? [];
    if (!owners.includes(target)) add(target, 'arriving', docsMigrated);
    if (retires === null || owners.includes(retires) || kept.has(`${shard} ${retires}`)) continue;
    kept.add(`${shard} ${retires}`);
    add(retires, 'kept', 1);
  }
  return held;
}

/** One whole shard in the mean, by the node's counts of the index. */
export function perShard(counted: ShardSize, { owned, kept, arriving }: HeldCopies = NOTHING): ShardSize {
  const whole = Math.max(0, counted.documents - arriving);
  const share = counted.documents === 0 ? 0 : whole / counted.documents;
  const copies = Math.max(1, owned + kept);
  return { documents: whole / copies, bytes: (counted.bytes * share) / copies };
}
