// A router's writes in every state of a shard, driven by hand.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { locateKey } from '../../src/core/hashing.ts';
import { startTestFleet } from '../support/fleet.ts';
import type { TestFleet } from '../support/fleet.ts';
import { HandMover } from '../support/hand-mover.ts';
import { idsOn, isPending, RouterCalls } from '../support/router-calls.ts';
import { switchesOf } from '../support/switches.ts';
import type { NodeSwitches } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

describe('a router and a shard that moves', () => {
  let fleet: TestFleet;
  let calls: RouterCalls;
  let indexes = 0;
  let movers: HandMover[] = [];

  beforeAll(async () => {
    fleet = await startTestFleet({
      nodes: 2,
      config: { lease_ttl_secs: 10, lease_renewal_interval_ms: 2_000, moves_per_node: 64, hold_ms: 700 },
    });
    calls = await RouterCalls.open(fleet.base, { limits: { settleMs: 1_500 } });
  });

  afterAll(async () => {
    await calls.close();
    await Promise.all(movers.map((mover) => mover.stop()));
    await fleet.stop();
  });

  /** An index of one shard on one node, and a mover that has not begun to bring it to the other. */
  async function stage({ shards = 1, ...order }: { retires?: null; shards?: number } = {}) {
    const index = `states${(indexes += 1)}`;
    await fleet.createIndex({ uid: index, shards, documents: [] });
    const { route } = await fleet.base.records.route(index, 0);
    const [from = ''] = route.owners;
    const to = from === 'n1' ? 'n2' : 'n1';
    const mover = await HandMover.start(fleet, { index, target: to, ...order });
    movers.push(mover);
    await untilTrue(
      async () => (await calls.router.index(index, { signal: new AbortController().signal })).status === 200,
    );
    const node = (id: string): NodeSwitches => switchesOf(fleet.nodes.find((one) => one.id === id) ?? { url: '' });
    return { index, from, to, mover, source: node(from), target: node(to) };
  }

  it('appends the ids before it sends them, and marks the attempt before it answers', async () => {
    const { index, from, mover, source } = await stage();
    await mover.track();
    await mover.acknowledged();
    await source.fault({ match: { path: `^/indexes/${index}/documents` }, do: 'delay', ms: 400, times: 1 });
    const write = calls.put(index, [{ id: 1 }, { id: 'b' }]);
    await untilTrue(async () => (await mover.ids()).length === 2);
    expect(await mover.ids()).toEqual(['1', 'b']);
    expect(await isPending(write)).toBe(true);
    expect(await mover.state()).toMatchObject({ open: 1 });
    const answer = await write;
    expect(answer).toMatchObject({ status: 202, body: { type: 'documentAdditionOrUpdate', indexUid: index } });
    expect(await mover.state()).toMatchObject({ open: 0, size: 2 });
    expect(await calls.ended(answer)).toMatchObject({ status: 'succeeded', details: { indexedDocuments: 2 } });
    expect(await idsOn(fleet, from, index)).toEqual(['1', 'b']);
  });

  it('tags what it sends with its registration, the epoch, and the shards', async () => {
    const { index, source, mover } = await stage();
    await mover.track();
    await mover.acknowledged();
    await calls.put(index, [{ id: 1 }]);
    const [request] = await source.asked(`^/indexes/${index}/documents`);
    const { epoch } = (await mover.route()).route;
    const [router] = await fleet.base.redis.hkeys('{miroir}:routers');
    expect(JSON.parse(request?.customMetadata ?? '')).toMatchObject({ router, epoch, shards: [0] });
  });

  it('acknowledges an epoch only when no write of an older one is in flight', async () => {
    const { index, mover, source } = await stage();
    await source.fault({ match: { path: `^/indexes/${index}/documents` }, do: 'delay', ms: 500, times: 1 });
    const write = calls.put(index, [{ id: 1 }]);
    await untilTrue(async () => (await source.asked(`^/indexes/${index}/documents`)).length === 1);
    await mover.track();
    const { epoch } = (await mover.route()).route;
    await untilTrue(async () => {
      const [text = '{}'] = await fleet.base.redis.hvals('{miroir}:routers');
      const { acks } = JSON.parse(text) as { acks: Record<string, { epoch: number; late?: object }> };
      return acks[index]?.epoch === epoch && acks[index].late !== undefined;
    });
    expect(await isPending(write)).toBe(true);
    expect(await mover.isAcknowledged()).toBe(false);
    await write;
    await mover.acknowledged();
  });

  it('holds a write, and sends it to the new owners when the switch has come', async () => {
    const { index, from, to, mover } = await stage();
    await mover.track();
    await mover.acknowledged();
    await mover.hold();
    await mover.acknowledged();
    const write = calls.put(index, [{ id: 1 }]);
    expect(await mover.ids()).toEqual([]);
    expect(await isPending(write)).toBe(true);
    await mover.settle();
    expect((await write).status).toBe(202);
    await untilTrue(async () => (await idsOn(fleet, to, index)).length === 1);
    expect(await idsOn(fleet, from, index)).toEqual([]);
  });

  it('answers 503 with Retry-After after the longest hold, as it is configured', async () => {
    const { index, mover, source } = await stage();
    await mover.track();
    await mover.hold(30_000);
    await mover.acknowledged();
    const startedMs = performance.now();
    const answer = await calls.put(index, [{ id: 1 }]);
    const waitedMs = performance.now() - startedMs;
    expect(answer).toMatchObject({ status: 503, body: { code: 'miroir_write_waited' } });
    expect(waitedMs).toBeGreaterThan(650);
    expect(waitedMs).toBeLessThan(2_000);
    expect(answer.headers['retry-after']).toBe('1');
    expect(await source.asked(`^/indexes/${index}/documents`)).toEqual([]);
  });

  it('ends a hold that is over, whose mover is dead, and sends by the table that ends it', async () => {
    const { index, from, mover } = await stage();
    await mover.track();
    await mover.acknowledged();
    await mover.hold(300);
    await mover.acknowledged();
    const answer = await calls.put(index, [{ id: 1 }]);
    expect(answer.status).toBe(202);
    expect((await mover.route()).route).toMatchObject({ state: 'tracking', owners: [from] });
    expect(await mover.ids()).toEqual(['1']);
  });

  it('waits while settling for ids in the journal, and for no others', async () => {
    const { index, from, to, mover } = await stage();
    await mover.track();
    await mover.acknowledged();
    await calls.put(index, [{ id: 'moving' }]);
    await mover.hold();
    await mover.acknowledged();
    await mover.settle();
    await mover.acknowledged();
    const waiting = calls.remove(index, ['moving']);
    const others = await calls.put(index, [{ id: 'other' }]);
    expect(others.status).toBe(202);
    expect(await isPending(waiting)).toBe(true);
    await mover.clear();
    expect((await waiting).status).toBe(202);
    await untilTrue(async () => (await idsOn(fleet, to, index)).join() === 'other');
    expect(await idsOn(fleet, from, index)).toEqual(['moving']);
  });

  it('answers 503 when a document does not settle in time', async () => {
    const { index, mover } = await stage();
    await mover.track();
    await mover.acknowledged();
    await calls.put(index, [{ id: 'moving' }]);
    await mover.hold();
    await mover.acknowledged();
    await mover.settle();
    await mover.acknowledged();
    expect(await calls.put(index, [{ id: 'moving' }])).toMatchObject({
      status: 503,
      body: { code: 'miroir_write_waited' },
    });
  });

  it('says that the outcome is unknown when one part waited too long and others were sent', async () => {
    const { index, mover } = await stage({ shards: 2 });
    const idIn = (shard: number): number => {
      let id = 0;
      while (locateKey(String(id), 2).shard !== shard) id += 1;
      return id;
    };
    await mover.track();
    await mover.acknowledged();
    await calls.put(index, [{ id: idIn(0) }]);
    await mover.hold();
    await mover.acknowledged();
    await mover.settle();
    await mover.acknowledged();
    expect(await calls.put(index, [{ id: idIn(0) }, { id: idIn(1) }])).toMatchObject({
      status: 503,
      body: { code: 'miroir_outcome_unknown' },
    });
    expect(await mover.isAcknowledged()).toBe(true);
  });

  it('says succeeded only when readers see it: not while settling, and then when all have acknowledged (I11)', async () => {
    const { index, mover, to } = await stage();
    await mover.track();
    await mover.acknowledged();
    await mover.hold();
    await mover.acknowledged();
    await mover.settle();
    await mover.acknowledged();
    const answer = await calls.put(index, [{ id: 1 }]);
    await untilTrue(async () => (await idsOn(fleet, to, index)).length === 1);
    expect((await calls.search(index)).body['hits']).toEqual([]);
    expect((await calls.task(answer)).status).toBe('processing');
    // A router that never acknowledges: somebody may still read the old owner.
    await fleet.base.redis.hset(
      '{miroir}:routers',
      'silent',
      JSON.stringify({ untilMs: Date.now() + 600_000, name: 'silent', acks: {} }),
    );
    await mover.settled();
    await untilTrue(async () => ((await calls.search(index)).body['hits'] as unknown[]).length === 1);
    expect((await calls.task(answer)).status).toBe('processing');
    await fleet.base.redis.hdel('{miroir}:routers', 'silent');
    expect((await calls.ended(answer)).status).toBe('succeeded');
  });

  it('slows writes down where the mover asks for it', async () => {
    const { index, mover } = await stage();
    await mover.track();
    await mover.acknowledged();
    await mover.slowDown(300);
    await mover.acknowledged();
    const write = calls.put(index, [{ id: 1 }]);
    expect(await mover.ids()).toEqual([]);
    expect((await write).status).toBe(202);
    expect(await mover.ids()).toEqual(['1']);
  });

  it('counts a delete by filter, restricts it, and ends the count', async () => {
    const { index, from, mover, source } = await stage();
    await calls.ended(
      await calls.put(index, [
        { id: 1, name: 'a' },
        { id: 2, name: 'b' },
      ]),
    );
    await mover.track();
    await mover.acknowledged();
    await source.fault({ match: { path: `^/indexes/${index}/documents/delete` }, do: 'delay', ms: 400, times: 1 });
    const write = calls.removeByFilter(index, '_miroir_slot >= 0');
    await untilTrue(async () => (await mover.state()).reverifyOpen === 1);
    const answer = await write;
    expect(answer).toMatchObject({ status: 202, body: { type: 'documentDeletion' } });
    expect(await mover.state()).toMatchObject({ reverifyOpen: 0, reverify: [1] });
    expect(await calls.ended(answer)).toMatchObject({ status: 'succeeded', details: { deletedDocuments: 2 } });
    expect(await idsOn(fleet, from, index)).toEqual([]);
  });

  it('keeps a delete by filter waiting while its shard settles, whatever is in the journal', async () => {
    const { index, mover } = await stage();
    await mover.track();
    await mover.acknowledged();
    await mover.hold();
    await mover.acknowledged();
    await mover.settle();
    await mover.acknowledged();
    const write = calls.removeByFilter(index, null);
    await calls.put(index, [{ id: 1 }]);
    expect(await isPending(write)).toBe(true);
    await mover.settled();
    expect((await write).status).toBe(202);
  });

  it('refuses a filter that would not be one beside ours', async () => {
    const { index } = await stage();
    for (const filter of ['', ' ', [], [[]], [['']]]) {
      expect(await calls.removeByFilter(index, filter)).toMatchObject({
        status: 400,
        body: { code: 'invalid_document_filter' },
      });
    }
  });

  it('cuts requests small while the index has moves, the pieces of a document in their order', async () => {
    const { index, mover, source } = await stage();
    await mover.track();
    await mover.acknowledged();
    const text = 'x'.repeat(400_000);
    const documents = Array.from({ length: 6 }, (_, at) => ({ id: at % 2, at, text }));
    await calls.ended(await calls.put(index, documents));
    const sent = (await source.asked(`^/indexes/${index}/documents\\?`)).filter(({ status }) => status === 202);
    expect(sent.length).toBeGreaterThanOrEqual(3);
    const texts = await source.texts(index);
    expect(texts.get('0')).toContain('"at":4');
    expect(texts.get('1')).toContain('"at":5');
  });

  it('sends again to the owners of now when they have changed under it (R8)', async () => {
    const { index, from, to, mover, source } = await stage();
    await mover.track();
    await mover.acknowledged();
    await source.fault({ match: { path: `^/indexes/${index}/documents` }, do: 'delay', ms: 600, times: 1 });
    const write = calls.put(index, [{ id: 1 }]);
    await untilTrue(async () => (await source.asked(`^/indexes/${index}/documents`)).length === 1);
    // What a barrier keeps from happening while the router is confirmed: the switch with its write on the wire.
    await mover.hold();
    await mover.settle();
    await mover.clear();
    expect((await write).status).toBe(202);
    await untilTrue(async () => (await idsOn(fleet, to, index)).length === 1);
    expect(await fleet.base.redis.zrange(`{miroir}:repair:${index}:0:${from}`, '0', '-1')).toEqual([]);
  });
});
