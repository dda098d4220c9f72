/** What each owner of a shard missed: bounded lists that a move carries along and that repair works off. */
import type { Redis } from 'ioredis';
import type { Clock, MissedBy, RepairLists, TurnIds } from '../ports.ts';
import { reading } from './fault.ts';
import { createInsist } from './insist.ts';
import { keys } from './keys.ts';
import type { Scripts } from './scripts.ts';

/** A list's name in the set of an index's lists. */
export const repairName = (shard: number, owner: string): string => `${shard}:${owner}`;

/** The entry that stands for the whole shard. */
const WHOLE = '*';

/** Ids as scripts read them. */
export const idsText = (ids: TurnIds): string => (ids === 'shard' ? WHOLE : JSON.stringify([...new Set(ids)]));

export interface RepairListsOptions {
  readonly redis: Redis;
  readonly scripts: Scripts;
  readonly clock: Clock;
  /** Life of a router's entry (ms): of a turn that ends later than that, all is listed. */
  readonly entryMs: number;
}

export function createRepairLists({ redis, scripts, clock, entryMs }: RepairListsOptions): RepairLists {
  const insist = createInsist({ clock, entryMs });
  return {
    async add(index, shard, ids, owners, how = 'missed') {
      // A turn ends when the time of its stamp has passed: what was missed before lies below this, what is missed next above.
      const atUs = typeof how === 'object' ? (how.stampMs + 1) * 1_000 : '';
      const isUnknown = how === 'unknown' ? '1' : '0';
      const args = [shard, keys.repair(index, shard, ''), JSON.stringify(owners), idsText(ids), isUnknown, atUs];
      const call = (): Promise<unknown> => scripts.run('repairs-add', [keys.repairs(index)], args);
      // Whoever lists has nothing left to try again with. Twice is another miss, which changes nothing.
      await insist.run(call, call);
    },
    async size(index, shard, owner) {
      return reading('a repair list', () => redis.zcard(keys.repair(index, shard, owner)));
    },
    async list(index, shard, owner, limit) {
      return limit <= 0
        ? []
        : reading('a repair list', () => redis.zrange(keys.repair(index, shard, owner), '0', String(limit - 1)));
    },
    async scores(index, shard, owners, ids) {
      return reading('repair lists', async () => {
        const missed = owners.map(async (owner): Promise<[string, MissedBy]> => {
          const [whole = null, ...scores] = await redis.zmscore(keys.repair(index, shard, owner), WHOLE, ...ids);
          const listed = ids.flatMap((id, at): [string, string][] => {
            const score = scores[at] ?? null;
            return score === null ? [] : [[id, score]];
          });
          return [owner, { whole, ids: new Map(listed) }];
        });
        return new Map(await Promise.all(missed));
      });
    },
    async clear(index, shard, owner, entries) {
      if (entries.size === 0) return 0;
      const [, cleared] = await scripts.run(
        'repairs-clear',
        [keys.repairs(index), keys.repair(index, shard, owner)],
        [repairName(shard, owner), ...[...entries].flatMap(([id, score]) => [score, id])],
      );
      return Number(cleared);
    },
    async sizes(index) {
      return reading('repair lists', async () => {
        const names = (await redis.smembers(keys.repairs(index))).sort();
        const lists = names.map((name) => {
          const at = name.indexOf(':');
          return { shard: Number(name.slice(0, at)), owner: name.slice(at + 1) };
        });
        const pipeline = redis.pipeline();
        for (const { shard, owner } of lists) {
          const key = keys.repair(index, shard, owner);
          pipeline.zcard(key).zscore(key, WHOLE);
        }
        const replies = (await pipeline.exec()) ?? [];
        return lists
          .map((list, position) => {
            const [sizeError, ids] = replies[2 * position] ?? [null, 0];
            const [wholeError, whole] = replies[2 * position + 1] ?? [null, null];
            const error = sizeError ?? wholeError;
            if (error) throw error;
            return { ...list, ids: ids as number, isWhole: whole !== null };
          })
          .filter(({ ids }) => ids > 0);
      });
    },
  };
}
