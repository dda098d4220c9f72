/** Tombstones: per shard a sorted set of ids by when they were deleted, and per index what is in doubt. */
import type { Tombstones } from '../ports.ts';
import { keys } from './keys.ts';
import type { Scripts } from './scripts.ts';

/** Ids asked about by one call: a few milliseconds of Redis at most. */
const IDS_PER_ASK = 5_000;

/** `inf` stands for all time. */
const timeOf = (text: string | undefined): number => (text === 'inf' ? Infinity : Number(text ?? '-1'));

export function createTombstones({ scripts }: { readonly scripts: Scripts }): Tombstones {
  return {
    async known(index, shard, ids) {
      const atMs = new Map<string, number>();
      let [doubtMs, lostMs] = [-1, -1];
      for (let from = 0; from === 0 || from < ids.length; from += IDS_PER_ASK) {
        const some = ids.slice(from, from + IDS_PER_ASK);
        const names = [keys.doubt(index), keys.tombstones(index, shard)];
        const [, doubt, lost, ...times] = await scripts.run('tombstones-known', names, [index, shard, ...some]);
        times.forEach((time, at) => time !== '' && atMs.set(some[at] ?? '', Number(time)));
        doubtMs = Math.max(doubtMs, timeOf(doubt));
        lostMs = Math.max(lostMs, timeOf(lost));
      }
      return { atMs, doubtMs, lostMs };
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
