// Who is believed about the master: the newest of all sentinels, and no server that says of itself that it is a replica.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { type RedisProcess, startRedis } from '../../src/fleet/redis.ts';
import { type ConnectionOptions, connect, infoField, untilReady } from '../../src/redis/connection.ts';
import { openBase } from '../../src/service.ts';
import { said } from '../support/observed.ts';
import { startSentinel, stopAll } from '../support/redis-sets.ts';

const started: RedisProcess[] = [];
const open: Redis[] = [];
let first: RedisProcess;
let second: RedisProcess;
let replica: RedisProcess;

const kept = async (starting: Promise<RedisProcess>): Promise<RedisProcess> => {
  const one = await starting;
  started.push(one);
  return one;
};
beforeAll(async () => {
  [first, second] = await Promise.all([kept(startRedis()), kept(startRedis())]);
  replica = await kept(startRedis({ args: ['--replicaof', `127.0.0.1 ${first.port}`] }));
});
afterEach(() => {
  for (const one of open.splice(0)) one.disconnect();
});
afterAll(() => stopAll(started));

const urlOf = (...sentinels: readonly { readonly port: number }[]): string =>
  `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/miroir`;
function connected(url: string, more: Partial<ConnectionOptions> = {}): Redis {
  const connection = connect({ url, kind: 'commands', logger: said().logger, ...more });
  open.push(connection);
  return connection;
}
const portOf = async (connection: Redis): Promise<number> => Number(infoField(await connection.info(), 'tcp_port'));
const problemOf = (url: string, more: Partial<ConnectionOptions> = {}): Promise<unknown> =>
  untilReady(connected(url, more), url, 700).catch((error: unknown) => error);

describe('the master', () => {
  it('is whom the sentinel with the newest epoch names, however they are ordered', async () => {
    const older = await kept(startSentinel(first, ['sentinel config-epoch miroir 5']));
    const newer = await kept(startSentinel(second, ['sentinel config-epoch miroir 9']));
    const gone = { port: 1 };
    for (const url of [urlOf(older, newer, gone), urlOf(newer, older), urlOf(gone, newer, older)]) {
      const connection = connected(url);
      await untilReady(connection, url, 5_000);
      expect(await portOf(connection)).toBe(second.port);
    }
  });

  it('is no server that is a replica, whatever sentinels say', async () => {
    const wrong = await kept(startSentinel(replica, []));
    expect(await problemOf(urlOf(wrong))).toMatchObject({ code: 'miroir_redis_unreachable' });
  });

  it('is told of by nobody: each is named with its reason', async () => {
    const stranger = await kept(startSentinel(first, []));
    const url = urlOf({ port: 1 }, stranger).replace('/miroir', '/other');
    const message = `127.0.0.1:1 connect ECONNREFUSED 127.0.0.1:1; 127.0.0.1:${stranger.port} knows no master "other"`;
    expect(await problemOf(url)).toMatchObject({
      message: expect.stringContaining(`: no sentinel tells where the master is: ${message}`) as string,
      remedy: expect.stringContaining('the name of the master in redis_url') as string,
    });
  });

  it('is told to whom the sentinel knows by its own user', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'miroir-secret-'));
    const file = join(dir, 'password');
    await writeFile(file, 'sesame\n');
    const closed = await kept(
      startSentinel(first, ['user watcher on >sesame +@all', 'user default on nopass +ping +info']),
    );
    const files = { redisSentinelUser: 'watcher', redisSentinelPasswordFile: file };
    const url = urlOf(closed);
    await untilReady(connected(url, { files }), url, 5_000);
    expect(await problemOf(url)).toMatchObject({ message: expect.stringContaining('NOPERM') as string });
    await rm(dir, { recursive: true });
  });

  it('is refused where it goes on alone after a cut', async () => {
    const sentinel = await kept(startSentinel(first, []));
    const config = loadConfig({ MIROIR_REDIS_URL: urlOf(sentinel), MIROIR_LOG_LEVEL: 'silent' });
    await expect(openBase(config, 'test')).rejects.toMatchObject({
      code: 'miroir_redis_unsafe',
      field: 'min-replicas-to-write',
      remedy: expect.stringContaining('min-replicas-max-lag') as string,
    });
  });
});

describe('a server that has become a replica', () => {
  it('is left at the first word of it, also where only its name is known', async () => {
    const connection = connected(second.url);
    await untilReady(connection, second.url, 5_000);
    const before = await connection.client('ID');
    await connection.replicaof('127.0.0.1', first.port);
    const again = new Promise((resolve) => connection.once('ready', resolve));
    await expect(connection.set('{miroir}:x', '1')).rejects.toThrow('READONLY');
    await again;
    expect(await connection.client('ID')).not.toBe(before);
  });
});
