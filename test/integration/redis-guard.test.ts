// A Redis that would forget or evict our records is refused at the start, in words that say what to change.
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { RedisUnreachableError, RedisUnsafeError } from '../../src/errors.ts';
import { startRedis } from '../../src/fleet/redis.ts';
import type { RedisOptions } from '../../src/fleet/redis.ts';
import { closeBase, openBase } from '../../src/service.ts';
import { connect, untilReady } from '../../src/redis/connection.ts';
import { said } from '../support/observed.ts';

/** What a process says when it starts with this server; null when it starts. */
async function startWith(options: RedisOptions, env: Record<string, string> = {}): Promise<unknown> {
  const redis = await startRedis(options);
  try {
    const base = await openBase(
      loadConfig({ MIROIR_REDIS_URL: redis.url, MIROIR_LOG_LEVEL: 'silent', ...env }),
      'test',
    );
    await closeBase(base);
    return null;
  } catch (error) {
    return error;
  } finally {
    await redis.stop();
  }
}

const ALLOWED = { MIROIR_ALLOW_VOLATILE_REDIS: '1' };

describe('startup', () => {
  it.each(['allkeys-lru', 'volatile-ttl'])('refuses the eviction policy %s, volatile fleet or not', async (policy) => {
    const error = await startWith({ args: ['--maxmemory-policy', policy, '--maxmemory', '100mb'] }, ALLOWED);
    expect(error).toBeInstanceOf(RedisUnsafeError);
    expect(error).toMatchObject({
      message: `Redis evicts keys (maxmemory_policy is ${policy})`,
      remedy: 'set maxmemory-policy noeviction in the Redis configuration',
    });
  });

  it('refuses a server without append-only file, unless the fleet may be thrown away', async () => {
    const error = await startWith({ aof: 'off' });
    expect(error).toBeInstanceOf(RedisUnsafeError);
    expect(error).toMatchObject({
      field: 'appendonly',
      remedy: expect.stringContaining('MIROIR_ALLOW_VOLATILE_REDIS=1'),
    });
    expect(await startWith({ aof: 'off' }, ALLOWED)).toBeNull();
  });

  it('takes one with an append-only file', async () => {
    expect(await startWith({ aof: 'everysec' })).toBeNull();
  });

  it('asks with INFO only: a managed server that denies CONFIG is fine', async () => {
    expect(await startWith({ aof: 'everysec', args: ['--rename-command', 'CONFIG', ''] })).toBeNull();
  });

  it('refuses a replica: it would be the wrong server from the start', async () => {
    const master = await startRedis();
    const error = await startWith({ args: ['--replicaof', `127.0.0.1 ${master.port}`] }, ALLOWED);
    await master.stop();
    expect(error).toMatchObject({ code: 'miroir_redis_unsafe', field: 'redis_url' });
    expect(error).toMatchObject({ remedy: expect.stringContaining('redis+sentinel://') });
  });

  it('says where nothing answers, without the password', async () => {
    const { logger } = said();
    const url = 'redis://user:secret@127.0.0.1:1';
    const redis = connect({ url, kind: 'commands', logger });
    const error = await untilReady(redis, url, 200).catch((thrown: unknown) => thrown);
    redis.disconnect();
    expect(error).toBeInstanceOf(RedisUnreachableError);
    expect((error as Error).message).toBe(
      'no answer from Redis at redis://***@127.0.0.1:1 within 200 ms: connect ECONNREFUSED 127.0.0.1:1',
    );
  });
});
