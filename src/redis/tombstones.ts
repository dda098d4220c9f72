/** Tombstones: per shard a sorted set of ids by when they were deleted, and per index what is in doubt. */
import type { Redis } from 'ioredis';
import type { Tombstones } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import type { Scripts } from './scripts.ts';

/** Ids asked about by one command: well under a millisecond of Redis. */
const IDS_PER_ASK = 1_000;

export interface TombstonesOptions {
  readonly redis: Redis;
  readonly scripts: Scripts;
}

export function createTombstones({ redis, scripts }: TombstonesOptions): Tombstones {
  return {
    async known(index, shard, ids) {
      return reading('tombstones', async () => {
        const atMs = new Map<string, number>();
        for (let from = 0; from < ids.length; from += IDS_PER_ASK) {
          const some = ids.slice(from, from + IDS_PER_ASK);
          const scores = await redis.zmscore(keys.tombstones(index, shard), ...some);
          scores.forEach((score, at) => score !== null && atMs.set(some[at] ?? '', Number(score)));
        }
        // Afterwards: what fell out in between is in doubt now.
        const [settled, doubt] = await redis.hmget(keys.doubt(index), `settled:${shard}`, `doubt:${shard}`);
        // An index from before there were tombstones, until its shard was once found equal.
        const doubtMs = settled == null ? Infinity : Number(doubt ?? -1);
        return { atMs, doubtMs };
      });
    },
    async settle(index, shard, sinceMs, keepFromMs) {
      await scripts.run(
        'tombstones-settle',
        [keys.doubt(index), keys.tombstones(index, shard)],
        [shard, sinceMs, keepFromMs],
      );
    },
  };
}
