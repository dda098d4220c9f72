/**
 * Connections. Three kinds: `commands` for our scripts, which fail fast and never resend (a command without an answer is
 * unknown, not lost); `queue` for BullMQ, and `nudges` for what is published, which wait for ever by design.
 */
import { Redis } from 'ioredis';
import type { Config } from '../config.ts';
import { redisKind, shownRedisUrl } from '../config/redis-url.ts';
import type { Logger } from '../ports.ts';
import { RedisUnreachableError, RedisUnsafeError } from '../errors.ts';
import { type DriverOptions, type RedisAccess, driverOptions } from './access.ts';

export interface ConnectionOptions extends RedisAccess {
  readonly kind: 'commands' | 'queue' | 'nudges';
  /** Longest wait for one answer (ms), `commands` only. */
  readonly commandMs?: number;
  readonly logger: Logger;
}

/** What only a server says that is not the master of our keys any more: the command was not carried out. */
const ELSEWHERE = /^(?:READONLY|MOVED)\s/;

/**
 * A connection that is being made; errors are logged once per state, since ioredis repeats them at each retry. Throws
 * `ConfigError` where a file that it needs cannot be read.
 */
export function connect({ kind, commandMs = 1_000, logger, ...access }: ConnectionOptions): Redis {
  const { url, ...options } = driverOptions(access);
  const always = {
    ...options,
    retryStrategy: (attempt: number): number => Math.min(50 * 2 ** attempt, 1_000),
    reconnectOnError: (error: Error) => ELSEWHERE.test(error.message),
  };
  const wanted: DriverOptions =
    kind === 'commands'
      ? {
          ...always,
          maxRetriesPerRequest: 0,
          enableOfflineQueue: false,
          autoResendUnfulfilledCommands: false,
          commandTimeout: commandMs,
        }
      : { ...always, maxRetriesPerRequest: null };
  const redis = url === undefined ? new Redis(wanted) : new Redis(url, wanted);
  let told = false;
  redis.on('error', (error: Error) => {
    // Its message only: the error itself holds what was sent, a password too.
    if (!told) logger.warn({ problem: error.message, kind }, 'redis unreachable');
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
  let problem = '';
  const onError = (error: Error): void => {
    problem = error.message;
  };
  redis.on('error', onError);
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        redis.off('ready', onReady);
        const { text, remedy } = troubleWith(problem);
        reject(
          new RedisUnreachableError(`no answer from Redis at ${shownRedisUrl(url)} within ${deadlineMs} ms${text}`, {
            field: 'redis_url',
            remedy,
          }),
        );
      }, deadlineMs);
      const onReady = (): void => {
        clearTimeout(timer);
        resolve();
      };
      redis.once('ready', onReady);
    });
  } finally {
    redis.off('error', onError);
  }
}

/** What Redis or its certificate said, and what to do about it. */
function troubleWith(problem: string): { readonly text: string; readonly remedy: string } {
  const text = problem === '' ? '' : `: ${problem}`;
  if (/tells where the master is/.test(problem))
    return { text, remedy: 'start them, or correct the hosts and the name of the master in redis_url' };
  if (/WRONGPASS|NOAUTH|invalid password/i.test(problem))
    return { text, remedy: 'correct the user in redis_url and its password there or in redis_password_file' };
  if (/NOPERM/.test(problem)) return { text, remedy: 'give the user the rights in docs/deploy/redis/users.acl' };
  if (/certificate|altname/i.test(problem))
    return { text, remedy: 'name who signed its certificate in redis_ca_file, and the host as the certificate does' };
  if (/wrong version number|packet length|ECONNRESET|EPROTO/i.test(problem))
    return { text, remedy: 'check whether Redis wants TLS: redis_url begins with rediss then, and with redis else' };
  return { text, remedy: 'start Redis there, or set MIROIR_REDIS_URL' };
}

/** A line of INFO; '' where Redis does not tell it. */
export const infoField = (info: string, name: string): string =>
  new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? '';

/**
 * Refuses a Redis that would evict or forget our records, or that has two masters after a cut. Read from INFO, since managed
 * Redis denies CONFIG. Throws `RedisUnsafeError`.
 */
export async function assertSafeRedis(
  redis: Redis,
  { redisUrl, allowVolatileRedis }: Pick<Config, 'redisUrl' | 'allowVolatileRedis'>,
): Promise<void> {
  const info = await redis.info();
  const kind = redisKind(redisUrl);
  if (infoField(info, 'role') === 'slave') {
    throw new RedisUnsafeError('Redis there is a replica', {
      field: 'redis_url',
      remedy: 'name the master, or the sentinels that know it: redis+sentinel://host:26379,host:26379/<master name>',
    });
  }
  if (kind !== 'cluster' && infoField(info, 'cluster_enabled') === '1') {
    throw new RedisUnsafeError('Redis there is one node of a cluster: after a failover it would be the wrong one', {
      field: 'redis_url',
      remedy: 'name several nodes of the cluster: redis+cluster://host:6379,host:6379',
    });
  }
  const policy = infoField(info, 'maxmemory_policy');
  if (policy !== 'noeviction') {
    throw new RedisUnsafeError(`Redis evicts keys (maxmemory_policy is ${policy || 'unknown'})`, {
      field: 'maxmemory-policy',
      remedy: 'set maxmemory-policy noeviction in the Redis configuration',
    });
  }
  if (allowVolatileRedis) return;
  if (infoField(info, 'aof_enabled') !== '1') {
    throw new RedisUnsafeError('Redis keeps no append-only file: a restart would forget moves that run', {
      field: 'appendonly',
      remedy: 'set appendonly yes, or MIROIR_ALLOW_VOLATILE_REDIS=1 for a fleet that may be thrown away',
    });
  }
  // Told only where it is set. A node of a cluster that is cut off stops by itself.
  if (kind === 'sentinel' && infoField(info, 'min_slaves_good_slaves') === '') {
    throw new RedisUnsafeError('a master that is cut off from its sentinels would go on: two could move one index', {
      field: 'min-replicas-to-write',
      remedy:
        'set min-replicas-to-write 1 on every server, and min-replicas-max-lag two seconds below down-after-milliseconds, ' +
        'or MIROIR_ALLOW_VOLATILE_REDIS=1 for a fleet that may be thrown away',
    });
  }
}
