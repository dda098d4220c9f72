/** How far a replica group is with the copies that it is to hold, shard by shard. */
import { groupedBy } from './grouped.ts';
import { indexesIn } from './groups.ts';
import { isSwitched, type Move } from './move.ts';
import { desiredPlacement, type DesiredPlacement } from './placement.ts';
import type { PlannerIndex } from './plan.ts';
import type { Topology } from './topology.ts';

/** `pending`: no move of it has begun. */
export const SHARD_SYNCS = ['pending', 'syncing', 'complete', 'failed'] as const;
export type ShardSync = (typeof SHARD_SYNCS)[number];

export interface GroupShard {
  readonly index: string;
  readonly shard: number;
  readonly sync: ShardSync;
  /** A move that has not ended is to bring it. */
  readonly isAwaited: boolean;
}

export interface GroupInput {
  readonly topology: Topology;
  readonly indexes: readonly PlannerIndex[];
  /** Moves without an outcome, and those that failed. */
  readonly moves: readonly Move[];
  /** Of the indexes and maybe more; worked out where it is left out. */
  readonly placement?: DesiredPlacement;
}

const nameOf = ({ index, shard }: Pick<Move, 'index' | 'shard'>): string => `${index}/${shard}`;

/** Every shard that the group is to hold. A shard is complete when as many of its nodes own it as there are copies. */
export function groupShards({ topology, indexes, moves, placement: known }: GroupInput, group: number): GroupShard[] {
  const mine = groupedBy(
    moves.filter((move) => move.group === group),
    nameOf,
  );
  const held = indexesIn(indexes, group);
  if (held.length === 0) return [];
  const placement =
    known ??
    desiredPlacement(
      held.map(({ entry }) => entry),
      topology,
    );
  return held.flatMap(({ entry, table }) =>
    table.shards.map(({ shard, owners, state, moveId }): GroupShard => {
      const own = mine.get(nameOf({ index: entry.uid, shard })) ?? [];
      const open = own.filter(({ outcome, phase }) => outcome === undefined && !isSwitched(phase));
      const wanted = placement.owners(entry, shard, group);
      const isThere = wanted.length === entry.replicationFactor && wanted.every((id) => owners.includes(id));
      const isMoving = open.some(({ id, phase }) => phase !== 'Idle' || id === moveId);
      const at = { index: entry.uid, shard, isAwaited: open.length > 0 };
      if (isThere && open.length === 0 && state !== 'settling') return { ...at, sync: 'complete' };
      if (isMoving) return { ...at, sync: 'syncing' };
      const hasFailed = open.length === 0 && own.some(({ outcome }) => outcome === 'failed');
      return { ...at, sync: hasFailed ? 'failed' : 'pending' };
    }),
  );
}

export const isComplete = (shards: readonly GroupShard[]): boolean => shards.every(({ sync }) => sync === 'complete');
