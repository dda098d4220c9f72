/** What a score on a repair list says. Lists are written by `src/redis/lua/include/repair.lua`. */

import type { ShardRoute } from './routing.ts';

interface ListOf {
  readonly shard: number;
  readonly owner: string;
}

/**
 * Lists of owners are worked off. Those of nodes that have left the shard are not: they say until when such a node had what
 * was written, and go when it gets the shard again or is removed. `shards`: by number.
 */
export function byOwnership<L extends ListOf>(
  lists: readonly L[],
  shards: readonly Pick<ShardRoute, 'owners'>[],
): { readonly owners: readonly L[]; readonly former: readonly L[] } {
  const owns = ({ shard, owner }: L): boolean => shards[shard]?.owners.includes(owner) === true;
  return { owners: lists.filter(owns), former: lists.filter((list) => !owns(list)) };
}

/** Scores below are of writes that nobody was told are written; misses of acknowledged ones have Redis' time (us). */
const UNKNOWN_BELOW_US = 1e15;

/** Whether the owner missed something that was acknowledged without it. */
export const missedAcknowledged = (score: string | number): boolean => Number(score) >= UNKNOWN_BELOW_US;
