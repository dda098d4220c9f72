// Reports of nodes that do not answer, and nodes that leave shards, on a real Redis.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leave } from '../../../src/core/leaving.ts';
import type { Seen, Sight } from '../../../src/core/sights.ts';
import { createObservations } from '../../../src/redis/observations.ts';
import { keys } from '../../../src/redis/keys.ts';
import { type World, makeWorld } from '../../support/records-world.ts';
import { withRedis } from '../../support/redis.ts';
import { lapse, registryOf } from '../../support/shards.ts';
import { untilTrue } from '../../support/until.ts';

const redis = withRedis();
let world: World;

beforeEach(async () => {
  world = await makeWorld(redis.url);
});
afterEach(() => world.stop());

const A = { id: 'r1', process: 'host/1', name: 'host/1 gateway' };
const B = { id: 'planner host/2', process: 'host/2', name: 'host/2 planner' };
const sight = (forMs: number, what: Seen = 'silent'): Sight => ({ what, forMs, looks: 3 });
const down = (...nodes: [string, number][]): Map<string, Sight> =>
  new Map(nodes.map(([id, forMs]) => [id, sight(forMs)]));
const observations = (reportMs = 60_000) => createObservations({ scripts: world.scripts, reportMs });

describe('reports', () => {
  it('say what was seen and since when, by the time of Redis, and are told to the others', async () => {
    expect(await observations().report(A, down(['n1', 7_000], ['n"2', 0]))).toEqual(new Map());
    const sights = new Map([
      ...down(['n1', 0]),
      ['n3', sight(0, 'refused')] as const,
      ['n4', sight(0, 'answers')] as const,
    ]);
    expect(await observations().report(B, sights)).toEqual(
      new Map([
        ['n1', 'silent'],
        ['n"2', 'silent'],
      ]),
    );
    const { nowMs, reports } = await observations().read();
    const a = reports.find(({ observer }) => observer === A.id);
    expect(a).toMatchObject({ name: A.name, process: A.process });
    const forMs = a?.nodes.get('n1')?.forMs ?? 0;
    // Taken back from the moment of the report, which lies between the two calls.
    expect(forMs).toBeGreaterThanOrEqual(7_000);
    expect(nowMs).toBeGreaterThan(forMs);
    expect(a?.nodes.get('n"2')).toEqual({ what: 'silent', forMs: forMs - 7_000, looks: 3 });
    // The worst that is said of a node.
    expect(
      await observations().report(
        A,
        new Map([
          ['n3', sight(0, 'answers')],
          ['n4', sight(0)],
        ]),
      ),
    ).toEqual(
      new Map<string, Seen>([
        ['n1', 'silent'],
        ['n3', 'refused'],
        ['n4', 'answers'],
      ]),
    );
    expect(await observations().report({ ...B, id: 'c' }, new Map())).toEqual(
      new Map<string, Seen>([
        ['n1', 'silent'],
        ['n3', 'refused'],
        ['n4', 'silent'],
      ]),
    );
  });

  it('replace what the observer said before; with nothing to say it still looks, until it withdraws', async () => {
    await observations().report(A, down(['n1', 1_000], ['n2', 1_000]));
    await observations().report(A, down(['n2', 2_000]));
    expect([...((await observations().read()).reports[0]?.nodes.keys() ?? [])]).toEqual(['n2']);
    await observations().report(A, down());
    expect((await observations().read()).reports).toEqual([
      { observer: 'r1', process: A.process, name: A.name, nodes: new Map() },
    ]);
    await observations().withdraw(A);
    expect(await world.connection.exists(keys.observers)).toBe(0);
  });

  it('end by themselves when nobody renews them, and are cleared away by the next observer', async () => {
    await observations(50).report(A, down(['n1', 1_000]));
    await untilTrue(async () => (await observations().read()).reports.length === 0);
    expect(await observations().report(B, down(['n2', 0]))).toEqual(new Map());
    expect(await world.connection.hkeys(keys.observers)).toEqual([B.id]);
  });

  it('come with the routers that live now', async () => {
    for (const id of ['r1', 'r2', 'r3']) await registryOf(world).register(id, id);
    await lapse(world, 'r2');
    const { routers, reports } = await observations().read();
    expect([...routers].toSorted()).toEqual(['r1', 'r3']);
    expect(reports).toEqual([]);
  });
});

describe('nodes that leave', () => {
  const GONE = new Set(['n1']);
  /** Both nodes own every shard of these. */
  async function two(...shards: number[]) {
    for (const shard of shards) {
      const both = JSON.stringify({ epoch: 1, state: 'stable', owners: ['n1', 'n2'], readers: ['n1', 'n2'] });
      await world.connection.hset(keys.routing('books'), `s:${shard}`, both);
    }
    return Promise.all(
      shards.map(async (shard) => {
        const expected = await world.route(shard);
        const route = leave(expected.route, GONE);
        if (route === null) throw new Error('nothing to take out');
        return { change: { expected, route }, nodes: ['n1'] };
      }),
    );
  }
  const epoch = async (): Promise<number> => (await world.records.table('books'))?.epoch ?? 0;

  it('are written out shard by shard, each under its own epoch, told and audited', async () => {
    const changes = await two(0, 1);
    const before = await epoch();
    expect(await world.plans.leave('books', changes)).toBe(2);
    const route = { state: 'stable', owners: ['n2'], readers: ['n2'], left: ['n1'] };
    expect((await world.route(0)).route).toEqual({ ...route, shard: 0, epoch: before + 1 });
    expect((await world.route(1)).route).toEqual({ ...route, shard: 1, epoch: before + 2 });
    expect(await epoch()).toBe(before + 2);
    const [[, fields] = ['', []]] = await world.connection.xrevrange(keys.audit, '+', '-', 'COUNT', 1);
    expect(fields.slice(0, 8)).toEqual(['what', 'left', 'index', 'books', 'nodes', 'n1', 'shards', '2']);
  });

  it('miss the whole shard from then on', async () => {
    const list = keys.repair('books', 0, 'n1');
    await world.connection.zadd(list, 1, 'a', 2, 'b');
    await world.plans.leave('books', await two(0));
    expect(await world.connection.zrange(list, '0', '-1')).toEqual(['*']);
    expect(await world.connection.smembers(keys.repairs('books'))).toEqual(['0:n1']);
    expect(await world.connection.exists(keys.repair('books', 0, 'n2'))).toBe(0);
  });

  it('stay in a shard whose route has changed meanwhile, and leave the others', async () => {
    const changes = await two(0, 1);
    const other = JSON.stringify({ epoch: 9, state: 'stable', owners: ['n1', 'n2'], readers: ['n2'] });
    await world.connection.hset(keys.routing('books'), 's:0', other);
    expect(await world.plans.leave('books', changes)).toBe(1);
    expect((await world.route(0)).text).toBe(other);
    expect(await world.connection.exists(keys.repair('books', 0, 'n1'))).toBe(0);
    expect((await world.route(1)).route.owners).toEqual(['n2']);
  });

  it('are not taken out by a planner whose fence is old', async () => {
    const changes = await two(0);
    await world.connection.hset(keys.lease('planner'), 'fence', '99999999999999999');
    const before = await world.everything();
    await expect(world.plans.leave('books', changes)).rejects.toMatchObject({ code: 'miroir_stale_fence' });
    expect(await world.everything()).toEqual(before);
  });
});
