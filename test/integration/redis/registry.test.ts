// The registry of routers on a real Redis: who counts, who blocks a barrier, and who is told of a changed table.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leaseTimings } from '../../../src/core/timing.ts';
import { RedisUnreachableError } from '../../../src/errors.ts';
import type { Registry } from '../../../src/ports.ts';
import { connect } from '../../../src/redis/connection.ts';
import { keys } from '../../../src/redis/keys.ts';
import { createRegistry } from '../../../src/redis/registry.ts';
import { runAt } from '../../support/lua-at.ts';
import { said } from '../../support/observed.ts';
import { type World, makeWorld } from '../../support/records-world.ts';
import { withRedis } from '../../support/redis.ts';
import { untilTrue } from '../../support/until.ts';

const redis = withRedis();
const ENTRY_MS = leaseTimings(10_000, 2_000).routerEntryMs;
let world: World;
let registry: Registry;
let opened = 0;

const registryOf = (entryMs: number): Registry =>
  createRegistry({
    redis: world.connection,
    scripts: world.scripts,
    entryMs,
    openNudges: () => {
      opened += 1;
      return connect({ url: redis.url, kind: 'nudges', logger: said().logger });
    },
    logger: said().logger,
  });
const barrier = (epoch: number, shard = 0) => world.records.barrier('books', shard, epoch);
/** Confirms as if `aheadMs` had gone by; the script's first word. */
const confirmAt = async (id: string, aheadMs: number): Promise<string | undefined> => {
  const names = [keys.routers, keys.indexes];
  return (
    await runAt(world.connection, 'router-confirm', Date.now() + aheadMs, names, [
      id,
      ENTRY_MS,
      keys.routingPrefix,
      '{}',
    ])
  )[0];
};

beforeEach(async () => {
  world = await makeWorld(redis.url);
  registry = registryOf(ENTRY_MS);
});
afterEach(() => world.stop());

describe('a registration', () => {
  it('blocks every barrier until it has acknowledged, also one that registers while somebody waits', async () => {
    expect(await barrier(1)).toEqual({ open: true, routers: 0 });
    await registry.register('r1', 'host/1 library');
    expect(await barrier(1)).toMatchObject({ open: false, reason: 'router r1' });
    await registry.confirm('r1', { books: { epoch: 1 } });
    expect(await barrier(1)).toEqual({ open: true, routers: 1 });
    await registry.register('r2', 'host/2 gateway');
    expect((await registry.live()).find(({ id }) => id === 'r2')).not.toHaveProperty('confirmedMs');
    expect(await barrier(1)).toMatchObject({ open: false, reason: 'router r2' });
    await registry.leave('r2');
    expect(await barrier(1)).toEqual({ open: true, routers: 1 });
  });

  it('learns run id, time and the epoch of every index in the one call that enters it, and in each that confirms it', async () => {
    await world.fleet.createIndex(1, { uid: 'other', primaryKey: 'id', shards: 1, replicationFactor: 1, groups: [0] }, [
      { shard: 0, state: 'stable', owners: ['n1'], readers: ['n1'], epoch: 1 },
    ]);
    const first = await registry.register('r1', 'host/1');
    expect(Object.fromEntries(first.epochs)).toEqual({ books: 1, other: 1 });
    expect(first.run).toBe(/run_id:(\w+)/.exec(await world.connection.info('server'))?.[1]);
    expect(Math.abs(first.nowMs - Date.now())).toBeLessThan(1_000);
    await world.start(0);
    const next = await registry.confirm('r1', {});
    expect(next?.run).toBe(first.run);
    expect(next?.epochs.get('books')).toBe(2);
    expect(next?.epochs.get('other')).toBe(1);
  });

  it('has a late shard hold up only that shard', async () => {
    await registry.register('r1', 'host/1');
    await registry.confirm('r1', { books: { epoch: 7, late: { '4': 5 } } });
    expect(await barrier(7, 0)).toMatchObject({ open: true });
    expect(await barrier(7, 4)).toMatchObject({ open: false });
    expect(await barrier(5, 4)).toMatchObject({ open: true });
    expect((await registry.live())[0]?.confirmedMs).toBeGreaterThan(Date.now() - 10_000);
    expect(await registry.live()).toMatchObject([
      { id: 'r1', name: 'host/1', acks: { books: { epoch: 7, late: { '4': 5 } } } },
    ]);
  });

  it('keeps what name and acknowledgements it was given, whatever they hold', async () => {
    const name = 'host "x",\n"acks":{}';
    await registry.register('r1', name);
    await registry.confirm('r1', { books: { epoch: 3 } });
    await registry.confirm('r1', { books: { epoch: 9_007_199_254_740 } });
    expect(await registry.live()).toMatchObject([{ id: 'r1', name, acks: { books: { epoch: 9_007_199_254_740 } } }]);
  });
});

describe('an entry', () => {
  it('is not revived once it is over, and blocks nobody; it is taken out by whoever confirms', async () => {
    await registry.register('r1', 'host/1');
    await registry.register('r2', 'host/2');
    expect(await confirmAt('r1', ENTRY_MS - 1_000)).toBe('ok');
    expect(await confirmAt('r2', ENTRY_MS + 1_000)).toBe('gone');
    expect(await world.connection.hkeys(keys.routers)).toEqual(['r1']);
    expect(await registry.confirm('r2', { books: { epoch: 1 } })).toBeNull();
    expect(await world.connection.hkeys(keys.routers)).toEqual(['r1']);
  });

  it('that ran out counts no more, before anybody takes it out', async () => {
    const short = registryOf(50);
    await short.register('r1', 'host/1');
    await untilTrue(async () => (await short.live()).length === 0);
    expect(await world.connection.hexists(keys.routers, 'r1')).toBe(1);
    expect(await barrier(1)).toEqual({ open: true, routers: 0 });
    expect(await short.confirm('r1', {})).toBeNull();
  });

  it('of another Redis run is not confirmed: its router registers anew', async () => {
    await registry.register('r1', 'host/1');
    const text = (await world.connection.hget(keys.routers, 'r1')) ?? '';
    await world.connection.hset(keys.routers, 'r1', text.replace(/"run":"\w+"/, '"run":"0123456789abcdef"'));
    expect(await registry.confirm('r1', { books: { epoch: 1 } })).toBeNull();
    expect(await barrier(1)).toMatchObject({ open: false, reason: 'router r1' });
  });
});

describe('a nudge', () => {
  it('names the index whose table changed to everybody who listens, over one connection that ends with the last', async () => {
    opened = 0;
    const told: string[] = [];
    const first = registry.onNudge((index) => told.push(`first ${index}`));
    const second = registry.onNudge((index) => told.push(`second ${index}`));
    expect(opened).toBe(1);
    const subscribers = async (): Promise<number> => Number((await world.connection.pubsub('NUMSUB', keys.nudge))[1]);
    await untilTrue(async () => (await subscribers()) === 1);
    await world.start(0);
    await untilTrue(() => told.length === 2);
    expect(told.sort()).toEqual(['first books', 'second books']);
    first();
    await world.start(1);
    await untilTrue(() => told.length === 3);
    expect(told.at(-1)).toBe('second books');
    second();
    await untilTrue(async () => (await subscribers()) === 0);
  });
});

it('a Redis that is gone is told as what it is', async () => {
  const lonely = connect({ url: 'redis://127.0.0.1:1', kind: 'commands', logger: said().logger });
  const cut = createRegistry({
    redis: lonely,
    scripts: world.scripts,
    entryMs: ENTRY_MS,
    openNudges: () => lonely,
    logger: said().logger,
  });
  await expect(cut.live()).rejects.toBeInstanceOf(RedisUnreachableError);
  lonely.disconnect();
});
