// Bringing documents level under their turn: what repair and anti-entropy are built on.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IndexEntry } from '../../src/core/routing.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import type { Copies } from '../../src/reconcile/copies.ts';
import { type LevelRequest, type Levelled, type Verdict, levelIds } from '../../src/reconcile/level.ts';
import { type Base, closeBase, openBase } from '../../src/service.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { idsOn, isPending, RouterCalls } from '../support/router-calls.ts';
import { type NodeSwitches, switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

/** Every document as this node has it. */
const as =
  (node: string) =>
  (copies: ReadonlyMap<string, Copies>): Promise<ReadonlyMap<string, Verdict>> =>
    Promise.resolve(new Map([...copies].map(([id, found]) => [id, { text: found.get(node) ?? null }])));

describe('documents are brought level', () => {
  let fleet: TestFleet;
  let client: RouterCalls;
  let own: RouterCalls;
  let indexes = 0;

  beforeAll(async () => {
    fleet = await startTestFleet({ nodes: 3, config: { lease_ttl_secs: 10, lease_renewal_interval_ms: 2_000 } });
    [client, own] = [await RouterCalls.open(fleet.base), await RouterCalls.open(fleet.base)];
  });
  afterAll(async () => {
    await Promise.all([client.close(), own.close()]);
    await fleet.stop();
  });

  const node = (id: string): NodeSwitches => switchesOf(fleet.nodes.find((one) => one.id === id) ?? { url: '' });

  /** One shard with two owners; both have documents 1 to 5. */
  async function stage(copies = 2) {
    const uid = `level${(indexes += 1)}`;
    const documents = [1, 2, 3, 4, 5].map(
      (id) => `{"id":${id},"name":"as written","big":12345678901234567890,"real":1.0}`,
    );
    const entry = await fleet.createIndex({ uid, shards: 1, replicationFactor: copies, documents });
    for (const calls of [client, own]) await untilTrue(async () => (await calls.search(uid)).status === 200);
    const { route } = await fleet.base.records.route(uid, 0);
    const [good = '', bad = ''] = route.owners;
    return { entry, uid, good, bad };
  }

  async function level(
    entry: IndexEntry,
    ids: readonly string[],
    decide: LevelRequest['decide'],
    { router }: RouterCalls = own,
  ): Promise<Levelled> {
    const { records, nodes, clock } = fleet.base;
    const { nodes: all } = await records.topology();
    const { route } = await records.route(entry.uid, 0);
    const owners = all.filter(({ id }) => route.owners.includes(id));
    const permit = openPermit(4_000);
    return levelIds({ router, records, nodes, clock }, { entry, shard: 0, owners, ids, decide, permit });
  }

  const listOf = (uid: string, owner: string): Promise<string[]> =>
    fleet.base.redis.zrange(`{miroir}:repair:${uid}:0:${owner}`, '0', '-1');

  it('as one owner has them: changed, missing and superfluous ones, as text', async () => {
    const { entry, uid, good, bad } = await stage();
    await node(bad).remove(uid, 1);
    await node(bad).put(uid, { id: 2, name: 'stale', _miroir_shard: 0, _miroir_slot: 1 });
    await node(good).remove(uid, 3);
    const result = await level(entry, ['1', '2', '3', '4'], as(good));
    expect(result.repaired).toBe(3);
    expect([...result.left]).toEqual([]);
    expect([...result.level.keys()].sort()).toEqual(['1', '2', '3', '4']);
    expect(await node(bad).texts(uid)).toEqual(await node(good).texts(uid));
    expect((await node(bad).texts(uid)).get('1')).toMatch(/"big":12345678901234567890,"real":1\.0/);
    expect(await listOf(uid, bad)).toEqual([]);
    // Once more there is nothing to do, and nothing is sent.
    expect((await level(entry, ['1', '2', '3', '4'], as(good))).repaired).toBe(0);
  });

  it('only after what owners had accepted is applied: a write on its way is no difference', async () => {
    const { entry, uid, bad } = await stage();
    await node(bad).pause();
    expect((await client.put(uid, [{ id: 1, name: 'newer' }])).status).toBe(202);
    const levelled = level(entry, ['1'], as(bad));
    await fleet.base.clock.sleep(500);
    expect(await isPending(levelled)).toBe(true);
    await node(bad).resume();
    expect(await levelled).toMatchObject({ repaired: 0 });
    expect((await node(bad).texts(uid)).get('1')).toContain('newer');
  });

  it('while clients’ writes of the same ids wait, and those of others do not', async () => {
    const { entry, uid, good, bad } = await stage();
    await node(bad).remove(uid, 1);
    const writes: Promise<unknown>[] = [];
    let isOver = false;
    await level(entry, ['1', '2'], async (copies) => {
      writes.push(client.put(uid, [{ id: 1, name: 'newest' }]).then(() => (isOver = true)));
      expect((await client.put(uid, [{ id: 5, name: 'beside' }])).status).toBe(202);
      expect(isOver).toBe(false);
      return as(good)(copies);
    });
    await Promise.all(writes);
    for (const id of [good, bad]) {
      await untilTrue(async () => (await node(id).texts(uid)).get('1')?.includes('newest') === true);
    }
  });

  it('never on the word of an owner that has lost its data', async () => {
    const { entry, uid, good, bad } = await stage();
    await node(good).wipe();
    // A client's write makes the index anew there, with none of our settings.
    expect((await client.put(uid, [{ id: 9, name: 'first after' }])).status).toBe(202);
    const result = await level(entry, ['1', '2'], as(good));
    expect(result).toMatchObject({ repaired: 0 });
    expect(result.left.get('1')).toContain('its data is lost');
    expect(await idsOn(fleet, bad, uid)).toEqual(['1', '2', '3', '4', '5', '9']);
  });

  it('with their ids in the journal while the shard moves', async () => {
    const { entry, uid, good, bad } = await stage();
    const target = ['n1', 'n2', 'n3'].find((id) => id !== good && id !== bad) ?? '';
    await node(target).pause();
    await fleet.startWorker();
    const { id } = await fleet.orderMove({ index: uid, target });
    await fleet.untilMove(id, ({ phase }) => phase === 'DualWriteStarted');
    await node(bad).remove(uid, 1);
    const moving = async (): Promise<Levelled> => level(entry, ['1', '2'], as(good));
    let result = await moving();
    await untilTrue(async () => {
      if (result.level.size === 0) result = await moving();
      return result.level.size > 0;
    });
    expect(result.repaired).toBe(1);
    expect(await fleet.base.redis.zrange(`{miroir}:move:${id}:journal`, '0', '-1')).toEqual(['1']);
    await node(target).resume();
    await fleet.untilEnded(id, 20_000);
    expect((await node(target).texts(uid)).get('1')).toContain('as written');
  });

  it('not once the registration has lapsed on the way to the journal', async () => {
    const { entry, uid, good, bad } = await stage();
    const target = ['n1', 'n2', 'n3'].find((id) => id !== good && id !== bad) ?? '';
    let aheadMs = 0;
    const { clock, scripts } = fleet.base;
    const base: Base = {
      ...fleet.base,
      clock: { ...clock, now: () => clock.now() + aheadMs },
      scripts: {
        ...scripts,
        async run(name, ...rest) {
          const answer = await scripts.run(name, ...rest);
          // The machine sleeps for a minute.
          if (name === 'journal-append') aheadMs += 60_000;
          return answer;
        },
      },
    };
    const frozen = await RouterCalls.open(base);
    try {
      await node(target).pause();
      await fleet.startWorker();
      const { id } = await fleet.orderMove({ index: uid, target });
      await fleet.untilMove(id, ({ phase }) => phase === 'DualWriteStarted');
      await node(bad).remove(uid, 1);
      const path = `^/indexes/${uid}/documents\\?`;
      const before = (await node(bad).asked(path)).length;
      await untilTrue(async () => {
        const { left } = await level(entry, ['1'], as(good), frozen);
        return aheadMs > 0 || (left.get('1') ?? '').includes('changes owners');
      });
      expect(aheadMs).toBeGreaterThan(0);
      expect(await node(bad).asked(path)).toHaveLength(before);
      await node(target).resume();
      await fleet.untilEnded(id, 20_000);
    } finally {
      await frozen.close();
    }
  });

  it('not where a shard has one owner, nor where one of two does not answer', async () => {
    const { entry } = await stage(1);
    const alone = await level(entry, ['1'], as('n1'));
    expect(alone.left.get('1')).toBe('there is one owner');
    const two = await stage();
    await node(two.bad).fault({
      match: { path: `/indexes/${two.uid}/` },
      do: 'status',
      status: 401,
      code: 'invalid_api_key',
    });
    const half = await level(two.entry, ['1'], as(two.good));
    expect(half.left.get('1')).toContain(two.bad);
    await node(two.bad).clearFaults();
  });

  it('not while the shard is frozen, since nobody knows which copy is right', async () => {
    const { entry, uid, good } = await stage();
    const key = `{miroir}:routing:${uid}`;
    const text = (await fleet.base.redis.hget(key, 's:0')) ?? '';
    const epoch = Number(await fleet.base.redis.hget(key, 'epoch')) + 1;
    const frozen = JSON.stringify({ ...(JSON.parse(text) as object), epoch, frozen: true });
    await fleet.base.redis.hset(key, 's:0', frozen, 'epoch', String(epoch));
    const why = async (): Promise<string | undefined> => (await level(entry, ['1'], as(good))).left.get('1');
    await untilTrue(async () => (await why()) !== undefined);
    expect(await why()).toContain('frozen');
  });

  it('or an owner that does not take it is on its list', async () => {
    const { entry, uid, good, bad } = await stage();
    await node(bad).remove(uid, 1);
    await node(bad).fault({
      match: { path: `^/indexes/${uid}/documents\\?` },
      do: 'fail-task',
      times: 1,
      code: 'internal',
    });
    const result = await level(entry, ['1', '2'], as(good));
    expect(result.left.get('1')).toContain(bad);
    expect(result.level.get('1')).toEqual([good]);
    // Of the other document of the turn it was sent nothing, so it missed nothing.
    expect(await listOf(uid, bad)).toEqual(['1']);
  });

  it('only under a turn that was theirs to the end: what others have written since counts', async () => {
    const { entry, uid, good, bad } = await stage();
    const { redis, turns, repairs } = fleet.base;
    const result = await level(entry, ['1'], async (copies) => {
      // As if this process had been frozen for longer than its registration lives.
      await redis.del('{miroir}:routers');
      await turns.endDead(uid, 0);
      await repairs.add(uid, 0, ['1'], [bad]);
      return as(good)(copies);
    });
    expect(result.level.size).toBe(0);
    expect(result.left.get('1')).toContain('not ours to the end');
    await untilTrue(async () => (await level(entry, ['1'], as(good))).level.size === 1);
    await untilTrue(async () => (await client.search(uid)).status === 200);
  });

  it('under a turn that ends although Redis does not answer its end at first', async () => {
    const { entry, uid, good, bad } = await stage();
    const points = ['turn-end', 'repairs-add'].map((name) => `-/script:${name}@before#1=throw`);
    const base = await openBase({ ...fleet.config, failpoint: points.join(';') }, 'test');
    const cut = await RouterCalls.open(base);
    try {
      await node(bad).remove(uid, 1);
      const match = { path: `^/indexes/${uid}/documents\\?` };
      await node(bad).fault({ match, do: 'fail-task', times: 1, code: 'internal' });
      await level(entry, ['1', '2'], as(good), cut);
      expect((await client.put(uid, [{ id: 1, name: 'newest' }])).status).toBe(202);
      expect(await listOf(uid, bad)).toEqual(['1']);
    } finally {
      await cut.close();
      await closeBase(base);
    }
  });
});
