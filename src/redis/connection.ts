/**
 * Connections. Three kinds: `commands` for our scripts, which fail fast and never resend (a command without an answer is
 * unknown, not lost); `queue` for BullMQ, and `nudges` for what is published, which wait for ever by design.
 */
import { Redis } from 'ioredis';
import type { Logger } from '../ports.ts';
import { RedisUnreachableError, RedisUnsafeError } from '../errors.ts';

export interface ConnectionOptions {
  readonly url: string;
  readonly kind: 'commands' | 'queue' | 'nudges';
  /** Longest wait for one answer (ms), `commands` only. */
  readonly commandMs?: number;
  readonly logger: Logger;
}

/** A connection that is being made; errors are logged once per state, since ioredis repeats them at each retry. */
export function connect({ url, kind, commandMs = 1_000, logger }: ConnectionOptions): Redis {
  const retryStrategy = (attempt: number): number => Math.min(50 * 2 ** attempt, 1_000);
  const redis = new Redis(
    url,
    kind === 'commands'
      ? {
          maxRetriesPerRequest: 0,
          enableOfflineQueue: false,
          autoResendUnfulfilledCommands: false,
          commandTimeout: commandMs,
          retryStrategy,
        }
      : { maxRetriesPerRequest: null, retryStrategy },
  );
  let told = false;
  redis.on('error', (error: Error) => {
    if (!told) logger.warn({ err: error, kind }, 'redis unreachable');
    told = true;
  });
  redis.on('ready', () => {
    if (told) logger.info({ kind }, 'redis is back');
    told = false;
  });
  return redis;
}

/** Resolves when the connection is ready; throws `RedisUnreachableError` after `deadlineMs`. */
export async function untilReady(redis: Redis, url: string, deadlineMs: number): Promise<void> {
  if (redis.status === 'ready') return;
  const shown = url.replace(/\/\/[^@/]*@/, '//***@');
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.off('ready', onReady);
      reject(
        new RedisUnreachableError(`no answer from Redis at ${shown} within ${deadlineMs} ms`, {
          field: 'redis_url',
          remedy: 'start Redis there, or set MIROIR_REDIS_URL',
        }),
      );
    }, deadlineMs);
    const onReady = (): void => {
      clearTimeout(timer);
      resolve();
    };
    redis.once('ready', onReady);
  });
}

/** A line of INFO; '' where Redis does not tell it. */
export const infoField = (info: string, name: string): string =>
  new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? '';

/**
 * Refuses a Redis that would evict or forget our records. Read from INFO, since managed Redis denies CONFIG.
 * Throws `RedisUnsafeError`.
 */
export async function assertSafeRedis(redis: Redis, allowVolatile: boolean): Promise<void> {
  const info = await redis.info();
  const policy = infoField(info, 'maxmemory_policy');
  if (policy !== 'noeviction') {
    throw new RedisUnsafeError(`Redis evicts keys (maxmemory_policy is ${policy || 'unknown'})`, {
      field: 'maxmemory-policy',
      remedy: 'set maxmemory-policy noeviction in the Redis configuration',
    });
  }
  if (infoField(info, 'aof_enabled') !== '1' && !allowVolatile) {
    throw new RedisUnsafeError('Redis keeps no append-only file: a restart would forget moves that run', {
      field: 'appendonly',
      remedy: 'set appendonly yes, or MIROIR_ALLOW_VOLATILE_REDIS=1 for a fleet that may be thrown away',
    });
  }
}
