// Redis as it is run where one server is not enough: a master with replicas and sentinels, and a cluster. Real processes on
// loopback; every server may be killed.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../src/fleet/port.ts';
import { type RedisProcess, startRedis } from '../../src/fleet/redis.ts';
import { untilTrue } from './until.ts';

export interface RedisSet {
  /** What `redis_url` says of it. */
  readonly url: string;
  readonly servers: readonly RedisProcess[];
  /** The server that is the master of our keys now. */
  master(): Promise<RedisProcess>;
  stop(): Promise<void>;
}

/** Short, so that a failover fits into a test, and long enough for a busy machine. */
const DOWN_MS = 1_000;
const MASTER = 'miroir';
const READY_MS = 15_000;

/** Asks one server by a connection of its own. */
async function asking<T>({ port }: { readonly port: number }, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: 1, commandTimeout: 1_000 });
  redis.on('error', () => undefined); // told by the command that fails
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}

export const stopAll = async (servers: readonly RedisProcess[]): Promise<void> => {
  for (const server of servers) server.kill('SIGKILL');
  await Promise.all(servers.map((server) => server.stop()));
  await Promise.all(servers.map(({ dir }) => rm(dir, { recursive: true, force: true })));
};

/** One that takes the server for the master, whatever that is; lines are of its configuration, after that. */
export async function startSentinel(
  { port }: { readonly port: number },
  lines: readonly string[],
): Promise<RedisProcess> {
  const dir = await mkdtemp(join(tmpdir(), 'miroir-sentinel-'));
  const sentinelFile = join(dir, 'sentinel.conf');
  await writeFile(sentinelFile, `${[`sentinel monitor ${MASTER} 127.0.0.1 ${port} 2`, ...lines].join('\n')}\n`);
  return startRedis({ sentinelFile, aof: 'off', dir });
}

/** One of three servers is the master, three sentinels watch it. */
export async function startSentinelSet(): Promise<RedisSet> {
  const args = ['--min-replicas-to-write', '1', '--min-replicas-max-lag', '2', '--repl-diskless-sync-delay', '0'];
  const first = await startRedis({ args });
  const others = await Promise.all(
    [1, 2].map(() => startRedis({ args: [...args, '--replicaof', `127.0.0.1 ${first.port}`] })),
  );
  const servers = [first, ...others];
  await untilTrue(
    () => asking(first, async (redis) => (await redis.info('replication')).includes('min_slaves_good_slaves:2')),
    READY_MS,
  );
  const options = [
    `sentinel down-after-milliseconds ${MASTER} ${DOWN_MS}`,
    `sentinel failover-timeout ${MASTER} 6000`,
    `sentinel parallel-syncs ${MASTER} 2`,
  ];
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(first, options)));
  const told = (sentinel: RedisProcess) =>
    asking(sentinel, async (redis) => {
      const fields = (await redis.call('SENTINEL', 'MASTER', MASTER)) as string[];
      return Object.fromEntries(fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1]]] : [])));
    });
  await untilTrue(async () => {
    const all = await Promise.all(sentinels.map(told));
    return all.every((one) => one['num-other-sentinels'] === '2' && one['num-slaves'] === '2');
  }, READY_MS);
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${MASTER}`,
    servers,
    async master() {
      const port = await asking(sentinels[0]!, async (redis) =>
        Number(((await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER)) as string[])[1]),
      );
      return servers.find((server) => server.port === port)!;
    },
    stop: () => stopAll([...sentinels, ...servers]),
  };
}

const MASTERS = 3;
const SLOTS = 16_384;

export interface RedisCluster extends RedisSet {
  /** A replica of the master of our keys takes over from it, which goes on as its replica; nothing is lost. */
  failOver(): Promise<void>;
}

/** Six nodes, three of them masters with a replica each. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const started = await Promise.all(
    Array.from({ length: 2 * MASTERS }, async () => {
      const bus = await freePort();
      const args = ['--cluster-enabled', 'yes', '--cluster-port', String(bus), '--cluster-node-timeout', '3000'];
      const server = await startRedis({ args: [...args, '--repl-diskless-sync-delay', '0'] });
      return { server, bus };
    }),
  );
  const servers = started.map(({ server }) => server);
  const ids = await Promise.all(servers.map((one) => asking(one, (redis) => redis.cluster('MYID'))));
  await Promise.all(
    servers.map((one, at) =>
      asking(one, async (redis) => {
        // Without an epoch of its own each would have to find out that two masters share one.
        await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', at + 1);
        for (const { server, bus } of started)
          if (server !== one) await redis.call('CLUSTER', 'MEET', '127.0.0.1', server.port, bus);
        const slotsFrom = Math.round((SLOTS / MASTERS) * at);
        if (at < MASTERS)
          await redis.call('CLUSTER', 'ADDSLOTSRANGE', slotsFrom, Math.round((SLOTS / MASTERS) * (at + 1)) - 1);
      }),
    ),
  );
  const known = (one: RedisProcess) => asking(one, async (redis) => String(await redis.cluster('NODES')));
  await untilTrue(async () =>
    (await Promise.all(servers.map(known))).every((text) => ids.every((id) => text.includes(id))),
  );
  for (let at = MASTERS; at < servers.length; at += 1)
    await asking(servers[at]!, (redis) => redis.call('CLUSTER', 'REPLICATE', ids[at - MASTERS]!));
  await untilTrue(async () => {
    const infos = await Promise.all(servers.map((one) => asking(one, (redis) => redis.info())));
    const states = await Promise.all(servers.map((one) => asking(one, (redis) => redis.cluster('INFO'))));
    const synced = infos.filter((info) => info.includes('master_link_status:up')).length;
    return synced === MASTERS && states.every((state) => state.includes('cluster_state:ok'));
  }, READY_MS);
  const master = async (): Promise<RedisProcess> => {
    const port = await asking(servers[0]!, async (redis) => {
      const slot = await redis.cluster('KEYSLOT', '{miroir}');
      const ranges = (await redis.call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
      return ranges.find(([from, to]) => from <= slot && slot <= to)?.[2][1];
    });
    return servers.find((one) => one.port === Number(port))!;
  };
  return {
    url: `redis+cluster://${servers
      .slice(0, 4)
      .map(({ port }) => `127.0.0.1:${port}`)
      .join(',')}`,
    servers,
    master,
    async failOver() {
      const before = await master();
      const infos = await Promise.all(servers.map((one) => asking(one, (redis) => redis.info('replication'))));
      const replica = servers[infos.findIndex((info) => info.includes(`master_port:${before.port}`))]!;
      let askedAtMs = -Infinity;
      await untilTrue(async () => {
        if ((await master()) !== before) return true;
        // On a busy machine it may give up, after 5 s.
        if (performance.now() - askedAtMs > 6_000) {
          askedAtMs = performance.now();
          await asking(replica, (redis) => redis.call('CLUSTER', 'FAILOVER'));
        }
        return false;
      }, READY_MS);
    },
    stop: () => stopAll(servers),
  };
}
