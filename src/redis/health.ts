/** What Redis tells about itself, from INFO where it can be: managed Redis denies CONFIG. */
import type { Redis } from 'ioredis';
import type { RedisHealth, RedisLook } from '../ports.ts';
import { redisKind } from '../config/redis-url.ts';
import { isNotNow } from '../core/redis-fault.ts';
import { infoField } from './connection.ts';
import { reading } from './fault.ts';
import { redisNowMs } from './time.ts';

/** Null where the server denies CONFIG. */
async function appendFsync(redis: Redis): Promise<string | null> {
  try {
    const [, word] = (await redis.config('GET', 'appendfsync')) as readonly string[];
    return word ?? null;
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError' && !isNotNow(error.message)) return null;
    throw error;
  }
}

export function createRedisHealth(redis: Redis, redisUrl: string): RedisHealth {
  return {
    look: () =>
      reading('Redis itself', async (): Promise<RedisLook> => {
        const info = await redis.info();
        const nowMs = await redisNowMs(redis);
        const near = infoField(info, 'min_slaves_good_slaves');
        const isSaved = (name: string): boolean => infoField(info, name) !== 'err';
        return {
          version: infoField(info, 'redis_version'),
          policy: infoField(info, 'maxmemory_policy'),
          hasAof: infoField(info, 'aof_enabled') === '1',
          appendFsync: await appendFsync(redis),
          areWritesSaved: isSaved('aof_last_write_status') && isSaved('rdb_last_bgsave_status'),
          usedBytes: Number(infoField(info, 'used_memory')),
          maxBytes: Number(infoField(info, 'maxmemory')),
          isFailedOver: redisKind(redisUrl) !== 'server',
          replicas: Number(infoField(info, 'connected_slaves')),
          nearReplicas: near === '' ? null : Number(near),
          nowMs,
        };
      }),
  };
}
