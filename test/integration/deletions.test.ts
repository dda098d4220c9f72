// Deletions of indexes end: whoever hangs up, drains, dies or sleeps, and whichever nodes are silent meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createIndex } from '../../src/control/indexes.ts';
import type { Deletion, DutyResult } from '../../src/ports.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import { deletionsDuty } from '../../src/reconcile/deletions.ts';
import { keys } from '../../src/redis/keys.ts';
import { createFleetWriter } from '../../src/redis/plan-writer.ts';
import { openLeases } from '../../src/service.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { said } from '../support/observed.ts';
import { type Answer, RouterCalls } from '../support/router-calls.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const NEVER = new AbortController().signal;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open({ nodes = 3, aheadMs = (): number => 0 } = {}) {
  const fleet = await startTestFleet({ nodes, config: { new_index_shards: 1 } });
  closers.push(() => fleet.stop());
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs() };
  const calls = await RouterCalls.open({ ...fleet.base, clock });
  closers.push(() => calls.close());
  const { base } = fleet;
  const writer = createFleetWriter(base.scripts, 1_000);
  const parsed = async (call: ReturnType<typeof calls.router.task>): Promise<Answer> => {
    const { status, headers, body } = await call;
    return { status, headers, body: JSON.parse(body) as Record<string, unknown> };
  };
  const { logger } = said();
  const duty = deletionsDuty({
    ...base,
    everyMs: 1_000,
    isOn: true,
    fleet: writer,
    clientOf: (node, { lease }) => base.nodes.client(node, lease),
    logger,
  });
  /** One round of a reconciler. */
  const reconcile = async (): Promise<DutyResult[]> => {
    const { watch, leases } = openLeases(base);
    const results: DutyResult[] = [];
    for (const task of await duty.tasks(NEVER)) {
      const answer = await leases.acquire(`reconcile:deletions:${task}`);
      if (!('lease' in answer)) throw new Error('busy');
      await answer.lease.ready;
      results.push(await duty.run(task, { lease: answer.lease, signal: answer.lease.signal }));
      await answer.lease.release(true);
    }
    watch.stop();
    return results;
  };
  return {
    fleet,
    calls,
    writer,
    create: (uid: string) =>
      parsed(calls.router.createIndex(JSON.stringify({ uid, primaryKey: 'id' }), { signal: NEVER })),
    remove: (uid: string, signal = NEVER) => parsed(calls.router.deleteIndex(uid, { signal })),
    ownerOf: async (uid: string): Promise<string> => (await base.records.route(uid, 0)).route.owners[0] ?? '',
    reconcile,
  };
}

const applied = async (fleet: TestFleet, node: string, task: number): Promise<void> => {
  await untilTrue(async () => (await fleet.client(node).tasks({ uids: [task], limit: 1 }))[0]?.finishedAt != null);
};

/** What a router that knows the index and is silent leaves in the registry, so that a deletion has to wait for it. */
const silentRouter = async ({ base }: TestFleet, uid: string): Promise<void> => {
  const entry = { untilMs: Date.now() + 60_000, run: 'any', name: 'frozen', acks: { [uid]: { epoch: 1 } } };
  await base.redis.hset(keys.routers, 'frozen', JSON.stringify(entry));
};

/** As if the time was over in which only the one who deletes tells nodes. */
const leaveToReconcilers = async ({ base }: TestFleet, uid: string): Promise<void> => {
  const deletion = JSON.parse((await base.redis.hget(keys.deletions, uid)) ?? '') as Deletion;
  await base.redis.hset(keys.deletions, uid, JSON.stringify({ ...deletion, untilMs: 1 }));
};

describe('the deletion of an index', () => {
  it('goes on when its client hangs up', async () => {
    const { fleet, create, remove, ownerOf } = await open();
    await create('left');
    const owner = await ownerOf('left');
    await silentRouter(fleet, 'left');
    const client = new AbortController();
    const deletion = remove('left', client.signal);
    await untilTrue(async () => (await fleet.base.records.deletion('left')) !== null);
    client.abort(new Error('hung up'));
    await fleet.base.redis.hdel(keys.routers, 'frozen');
    await deletion.catch(() => undefined); // nobody is there to be answered
    await untilTrue(async () => (await fleet.client(owner).index('left')) === null);
    expect(await fleet.base.records.deletion('left')).toBeNull();
    expect((await create('left')).status).toBe(202);
  });

  it('is finished by a reconciler when its router closes, and keeps the name until then', async () => {
    const { fleet, writer, create, reconcile, ownerOf } = await open();
    await create('closed');
    const owner = await ownerOf('closed');
    const other = await RouterCalls.open(fleet.base);
    await silentRouter(fleet, 'closed');
    const deletion = other.router.deleteIndex('closed', { signal: NEVER });
    await untilTrue(async () => (await fleet.base.records.deletion('closed')) !== null);
    await other.close();
    expect((await deletion).status).toBe(202);
    await fleet.base.redis.hdel(keys.routers, 'frozen');
    const left = await fleet.base.records.deletion('closed');
    expect(left?.nodes).toHaveLength(3);
    // Another router may still know the index.
    expect(await reconcile()).toEqual([]);
    await leaveToReconcilers(fleet, 'closed');
    const { version } = await fleet.base.records.topology();
    const route = { shard: 0, state: 'stable', owners: [owner], readers: [owner], epoch: 1 } as const;
    const entry = { uid: 'closed', primaryKey: 'id', shards: 1, replicationFactor: 1, groups: [0] };
    await expect(writer.createIndex(version, entry, [route], left?.epoch)).rejects.toThrow('has not been told');
    // Nobody is told while Redis may show less than was done, nor where it shows the index itself.
    const { redis } = fleet.base;
    await redis.hset(keys.run, 'accepted', 'another');
    expect(await reconcile()).toEqual([{ skipped: 'registered' }]);
    await redis.hdel(keys.run, 'accepted');
    await redis.hset(keys.indexes, 'closed', JSON.stringify({ v: 1, ...entry }));
    expect(await reconcile()).toEqual([{ skipped: 'registered' }]);
    await redis.hdel(keys.indexes, 'closed');
    expect(await fleet.client(owner).index('closed')).not.toBeNull();
    expect(await reconcile()).toEqual([{ left: 1 }]);
    await untilTrue(async () => (await fleet.client(owner).index('closed')) === null);
    expect(await reconcile()).toEqual([{ left: 0 }]);
    expect(await fleet.base.records.deletion('closed')).toBeNull();
    expect((await create('closed')).status).toBe(202);
  });

  it('is told to nodes that owned shards before, too', async () => {
    const { fleet, calls, create, remove, ownerOf } = await open();
    await create('moved');
    const former = (await ownerOf('moved')) === 'n1' ? 'n2' : 'n1';
    const client = fleet.client(former);
    await applied(fleet, former, await client.createIndex('moved', 'id'));
    await applied(fleet, former, await client.putDocuments('moved', 'id', '[{"id":1}]', 'old'));
    expect((await calls.ended(await remove('moved'))).status).toBe('succeeded');
    expect(await client.index('moved')).toBeNull();
  });

  it('passes silent nodes over, and its task succeeds once they have carried it out', async () => {
    const { fleet, calls, create, remove, reconcile, ownerOf } = await open();
    await create('silent');
    const owner = await ownerOf('silent');
    const others = fleet.nodes.filter(({ id }) => id !== owner);
    for (const node of others) {
      await applied(fleet, node.id, await fleet.client(node.id).createIndex('silent', 'id'));
      node.kill('SIGSTOP');
    }
    const begunMs = Date.now();
    const deletion = await remove('silent');
    expect(Date.now() - begunMs).toBeLessThan(9_000);
    await untilTrue(async () => (await fleet.client(owner).index('silent')) === null);
    await sleep(300);
    expect((await calls.task(deletion)).status).toBe('processing');
    expect((await fleet.base.records.deletion('silent'))?.nodes.toSorted()).toEqual(others.map(({ id }) => id).sort());
    const creation = create('silent');
    for (const node of others) node.kill('SIGCONT');
    await untilTrue(async () => {
      await reconcile();
      return (await fleet.base.records.deletion('silent')) === null;
    });
    expect((await calls.ended(deletion)).status).toBe('succeeded');
    expect((await calls.ended(await creation)).status).toBe('succeeded');
  }, 30_000);

  it('does not wait for a node that failed, neither its task nor the name', async () => {
    const { fleet, calls, create, remove, ownerOf } = await open();
    await create('failed');
    const lost = (await ownerOf('failed')) === 'n1' ? 'n2' : 'n1';
    await fleet.planner.handle('NodeFailed', { node_id: lost });
    expect((await calls.ended(await remove('failed'))).status).toBe('succeeded');
    expect((await fleet.base.records.deletion('failed'))?.nodes).toEqual([lost]);
    expect((await calls.ended(await create('failed'))).status).toBe('succeeded');
    expect(await fleet.base.records.deletion('failed')).toBeNull();
  });

  it('tells a node that failed and is back, and forgets one that is removed', async () => {
    const { fleet, create, remove, reconcile, ownerOf } = await open();
    await create('back');
    const lost = (await ownerOf('back')) === 'n1' ? 'n2' : 'n1';
    await applied(fleet, lost, await fleet.client(lost).createIndex('back', 'id'));
    await fleet.planner.handle('NodeFailed', { node_id: lost });
    await remove('back');
    expect(await reconcile()).toEqual([{ left: 1 }]);
    expect(await fleet.client(lost).index('back')).not.toBeNull();
    await fleet.planner.handle('NodeRecovered', { node_id: lost });
    await reconcile();
    await untilTrue(async () => (await fleet.client(lost).index('back')) === null);
    expect(await reconcile()).toEqual([{ left: 0 }]);
    await fleet.base.redis.hset(keys.deletions, 'gone', '{"v":1,"epoch":1,"untilMs":0,"nodes":["n9"]}');
    expect(await reconcile()).toEqual([{ left: 0 }]);
    expect(await fleet.base.records.deletion('gone')).toBeNull();
  });

  it('sends nothing more to a node after its time, however long its router slept', async () => {
    let aheadMs = 0;
    const { fleet, create, remove, ownerOf } = await open({ nodes: 1, aheadMs: () => aheadMs });
    await create('frozen');
    const owner = await ownerOf('frozen');
    const node = switchesOf(fleet.nodes.find(({ id }) => id === owner) ?? { url: '' });
    const match = { method: 'DELETE', path: '^/indexes/frozen$' };
    await node.fault({ match, do: 'status', status: 429, retryAfter: 1, times: 1 });
    const asked = async () => (await node.asked('^/indexes/frozen$')).filter(({ method }) => method === 'DELETE');
    const deletion = remove('frozen');
    await untilTrue(async () => (await asked()).length === 1);
    aheadMs = 60_000;
    await deletion;
    expect(await asked()).toHaveLength(1);
    expect((await fleet.base.records.deletion('frozen'))?.nodes).toEqual([owner]);
  });
});

describe('the creation of an index', () => {
  it('says which nodes it waited for, and what to do, when one of that name is not deleted in time', async () => {
    const { fleet, writer } = await open({ nodes: 1 });
    const { records, redis, nodes } = fleet.base;
    await redis.hset(keys.deletions, 'taken', '{"v":1,"epoch":1,"untilMs":0,"nodes":["n1","n9"]}');
    let looks = 0;
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + 40_000 * (looks += 1) };
    const creation = createIndex(
      { records, fleet: writer, clock, clientOf: (one) => nodes.client(one, openPermit(10_000)) },
      { uid: 'taken', primaryKey: 'id', shards: 1, replicationFactor: 1 },
    );
    await expect(creation).rejects.toMatchObject({
      code: 'miroir_timeout',
      message: 'index taken is still being deleted: not told yet: n1',
      remedy: expect.stringContaining('send NodeFailed'),
    });
    expect(await fleet.client('n1').index('taken')).toBeNull();
  });

  it('is made anew when one of that name was created and deleted while it prepared nodes', async () => {
    const { fleet, writer, remove } = await open({ nodes: 1 });
    const [node] = fleet.nodes;
    const switches = switchesOf(node ?? { url: '' });
    const { records, clock, nodes } = fleet.base;
    // The settings of the first creation arrive late; the index is created, served and deleted meanwhile.
    await switches.fault({ match: { path: '^/indexes/raced/settings' }, do: 'delay', ms: 2_500, times: 1 });
    const creation = createIndex(
      { records, fleet: writer, clock, clientOf: (one) => nodes.client(one, openPermit(10_000)) },
      { uid: 'raced', primaryKey: 'id', shards: 1, replicationFactor: 1 },
    );
    await untilTrue(async () => (await switches.asked('^/indexes/raced/settings')).length === 1);
    const { version } = await records.topology();
    const route = { shard: 0, state: 'stable', owners: ['n1'], readers: ['n1'], epoch: 1 } as const;
    await writer.createIndex(
      version,
      { uid: 'raced', primaryKey: 'id', shards: 1, replicationFactor: 1, groups: [0] },
      [route],
    );
    await remove('raced');
    await untilTrue(async () => (await fleet.client('n1').index('raced')) === null);
    await creation;
    expect(JSON.stringify(await fleet.client('n1').settings('raced'))).toContain('_miroir_shard');
    expect((await switches.asked('^/indexes$')).filter(({ method }) => method === 'POST').length).toBe(2);
  });
});

describe('a new run of Redis', () => {
  it('shows a deleted index as it was: a router that knows better hands its epoch in', async () => {
    const { fleet, create, remove } = await open({ nodes: 1 });
    const { redis } = fleet.base;
    await create('risen');
    const entry = (await redis.hget(keys.indexes, 'risen')) ?? '';
    const table = await redis.hgetall(keys.routing('risen'));
    const epoch = Number(table['epoch']);
    await redis.hset(keys.routing('risen'), 'epoch', epoch + 4);
    await untilTrue(async () =>
      Object.values(await redis.hgetall(keys.routers)).some((text) => text.includes(`"epoch":${epoch + 4}`)),
    );
    await remove('risen');
    await redis.hset(keys.routing('risen'), table);
    await redis.hset(keys.indexes, 'risen', entry);
    await untilTrue(async () => (await redis.hget(keys.handed, 'risen')) !== null);
    expect(JSON.parse((await redis.hget(keys.handed, 'risen')) ?? '')).toEqual({ epoch: epoch + 4, shards: [] });
  });
});
