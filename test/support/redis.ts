// One redis-server for a test file, started before its first test and stopped after its last.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import { startRedis } from '../../src/fleet/redis.ts';
import type { RedisOptions, RedisProcess } from '../../src/fleet/redis.ts';

export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** For killing and restarting it. */
  readonly process: RedisProcess;
  /** A new prefix in the project's hash tag, so that tests that share the server do not share keys. */
  prefix(): string;
}

/** To be called at the top of a test file or describe block; the server is there inside hooks and tests. */
export function withRedis(options: RedisOptions = {}): TestRedis {
  let redis: RedisProcess | undefined;
  beforeAll(async () => {
    redis = await startRedis({ aof: 'off', ...options });
  });
  afterAll(async () => {
    await redis?.stop();
  });
  const running = (): RedisProcess => {
    if (redis === undefined) throw new Error('withRedis: the server is there inside hooks and tests only');
    return redis;
  };
  return {
    get url() {
      return running().url;
    },
    get port() {
      return running().port;
    },
    get process() {
      return running();
    },
    prefix: () => `{miroir}:test-${randomBytes(4).toString('hex')}`,
  };
}
