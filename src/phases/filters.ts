/** Filters over the fields that every document carries. `TO` includes both ends and is three times cheaper than two comparisons. */
import type { Window } from '../core/windows.ts';

export const shardFilter = (shard: number): string => `_miroir_shard = ${shard}`;

export const windowFilter = (shard: number, { from, to }: Window): string =>
  `_miroir_shard = ${shard} AND _miroir_slot ${from} TO ${to}`;
