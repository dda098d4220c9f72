/** Which shards of a replica group that is not read yet were compared. */
import type { Redis } from 'ioredis';
import type { GroupChecks } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import type { Scripts } from './scripts.ts';

export const createGroupChecks = ({ redis, scripts }: { redis: Redis; scripts: Scripts }): GroupChecks => ({
  async read(group) {
    return new Map(Object.entries(await reading('compared shards', () => redis.hgetall(keys.groupCompared(group)))));
  },
  async write(lease, group, shard, compared) {
    const hash = keys.groupCompared(group);
    await scripts.run('field-set', [keys.lease(lease.scope), hash], [lease.fence, shard, compared]);
  },
});
