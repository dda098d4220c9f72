// R1, R7 and R8: when a router serves, when it stops, and what it never believes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Clock, RouterEntry } from '../../src/ports.ts';
import { closeBase, openBase } from '../../src/service.ts';
import type { Base } from '../../src/service.ts';
import { openRouter } from '../../src/service/router.ts';
import { startTestFleet } from '../support/fleet.ts';
import type { TestFleet } from '../support/fleet.ts';
import { startProxy } from '../support/proxy.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

/** Time as it is, until a test sets the wall clock on: what a machine that was suspended sees when it wakes. */
function settableClock(): { readonly clock: Clock; readonly setOn: (ms: number) => void } {
  let aheadMs = 0;
  return {
    clock: { ...systemClock, now: () => systemClock.now() + aheadMs },
    setOn(ms) {
      aheadMs += ms;
    },
  };
}

const LAPSE_MS = 3_600;

describe('a router’s registration', () => {
  let fleet: TestFleet;

  beforeAll(async () => {
    fleet = await startTestFleet({
      nodes: 2,
      aof: 'always',
      config: { lease_ttl_secs: 6, lease_renewal_interval_ms: 1_000 },
    });
    await fleet.createIndex({ uid: 'docs', shards: 4, documents: ['{"id":1,"name":"one"}'] });
  });

  afterAll(() => fleet.stop());

  async function entries(): Promise<readonly RouterEntry[]> {
    const all = await fleet.base.redis.hgetall('{miroir}:routers');
    return Object.entries(all).map(([id, text]) => ({ ...(JSON.parse(text) as RouterEntry), id }));
  }

  /** The one router that there is; entries of those before it have been taken out by it. */
  async function registered(not = ''): Promise<string> {
    let found: readonly RouterEntry[] = [];
    await untilTrue(async () => {
      found = (await entries()).filter(({ id, acks }) => id !== not && acks['docs'] !== undefined);
      return found.length === 1;
    });
    return found[0]?.id ?? '';
  }

  async function close(calls: RouterCalls, base?: Base): Promise<void> {
    await calls.close();
    if (base !== undefined) await closeBase(base);
    await fleet.base.redis.del('{miroir}:routers');
  }

  it('comes before the first look at a table, and nothing is served before that (R1)', async () => {
    const looks: number[] = [];
    const { records } = fleet.base;
    const watched: Base['records'] = {
      ...records,
      async table(index) {
        looks.push((await entries()).length);
        return records.table(index);
      },
    };
    const calls = new RouterCalls(openRouter({ ...fleet.base, records: watched }, { role: 'test' }));
    expect(await calls.put('docs', [{ id: 1 }])).toMatchObject({ status: 503 });
    expect(await calls.search('docs')).toMatchObject({ status: 503 });
    await untilTrue(() => calls.router.readiness() === true);
    expect(looks).toEqual([1]);
    await close(calls);
  });

  it('is entered with what it acknowledges, and taken out at the end', async () => {
    const calls = await RouterCalls.open(fleet.base);
    const id = await registered();
    const table = await fleet.base.records.table('docs');
    expect((await entries()).find((entry) => entry.id === id)?.acks).toMatchObject({ docs: { epoch: table?.epoch } });
    await calls.close();
    expect(await entries()).toEqual([]);
  });

  it('stops when it was cut off for the time of its lapse, reads too, and goes on under a new id', async () => {
    const proxy = await startProxy(Number(new URL(fleet.redis.url).port));
    const base = await openBase({ ...fleet.config, redisUrl: `redis://127.0.0.1:${proxy.port}` }, 'test');
    const calls = await RouterCalls.open(base);
    const before = await registered();
    proxy.cut();
    await untilTrue(() => calls.router.readiness() !== true);
    for (const answer of [await calls.put('docs', [{ id: 2 }]), await calls.search('docs')]) {
      expect(answer).toMatchObject({ status: 503, body: { code: 'miroir_router_unconfirmed' } });
      expect(answer.headers['retry-after']).toBe('1');
    }
    proxy.heal();
    await untilTrue(() => calls.router.readiness() === true);
    expect(await registered(before)).not.toBe(before);
    expect((await calls.put('docs', [{ id: 2 }])).status).toBe(202);
    await close(calls, base);
    await proxy.stop();
  });

  it('never says of an index that it could not look for that it does not exist', async () => {
    const proxy = await startProxy(Number(new URL(fleet.redis.url).port));
    const base = await openBase({ ...fleet.config, redisUrl: `redis://127.0.0.1:${proxy.port}` }, 'test');
    const calls = await RouterCalls.open(base);
    proxy.cut();
    await fleet.createIndex({ uid: 'late', shards: 2, documents: ['{"id":1}'] });
    const answers = await Promise.all([calls.put('late', [{ id: 2 }]), calls.search('late')]);
    const { signal } = new AbortController();
    const raw = await Promise.all([
      calls.router.index('late', { signal }),
      calls.router.fetchDocuments('late', '{"limit":1}', { signal }),
      calls.router.document('late', '1', '', { signal }),
      calls.router.stats('late', { signal }),
      calls.router.multiSearch('{"queries":[{"indexUid":"late"}]}', { signal }),
      calls.router.settings('late', null, { signal }),
    ]);
    expect(raw.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503, 503]);
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 503, body: { code: 'miroir_router_unconfirmed' } });
    proxy.heal();
    await untilTrue(() => calls.router.readiness() === true);
    expect(await calls.search('late')).toMatchObject({ status: 200 });
    expect(await calls.search('never')).toMatchObject({ status: 404, body: { code: 'index_not_found' } });
    await close(calls, base);
    await proxy.stop();
  });

  it('lapses by the wall clock alone, which is what a suspended machine has', async () => {
    const { clock, setOn } = settableClock();
    const calls = await RouterCalls.open({ ...fleet.base, clock });
    const before = await registered();
    setOn(LAPSE_MS);
    expect(await calls.put('docs', [{ id: 3 }])).toMatchObject({ status: 503 });
    await untilTrue(() => calls.router.readiness() === true);
    expect(await registered(before)).not.toBe(before);
    await close(calls);
  });

  it('registers anew when its entry is gone', async () => {
    const calls = await RouterCalls.open(fleet.base);
    const before = await registered();
    await fleet.base.redis.hdel('{miroir}:routers', before);
    expect(await registered(before)).not.toBe(before);
    await close(calls);
  });

  it('sends a write again that was on the wire while it lapsed, before it answers (R8)', async () => {
    const { clock, setOn } = settableClock();
    const calls = await RouterCalls.open({ ...fleet.base, clock });
    const nodes = fleet.nodes.map((node) => switchesOf(node));
    const sent = async (): Promise<string[]> =>
      (await Promise.all(nodes.map((node) => node.asked('^/indexes/docs/documents\\?'))))
        .flat()
        .flatMap(({ customMetadata }) => customMetadata ?? []);
    const { length } = await sent();
    for (const node of nodes) {
      await node.fault({ match: { path: '^/indexes/docs/documents' }, do: 'delay', ms: 500, times: 1 });
    }
    const write = calls.put('docs', [{ id: 4 }]);
    await untilTrue(async () => (await sent()).length === length + 1);
    setOn(LAPSE_MS);
    const answer = await write;
    expect(answer.status).toBe(202);
    const routers = (await sent()).slice(length).map((tag) => (JSON.parse(tag) as { router: string }).router);
    expect(routers).toHaveLength(2);
    expect(new Set(routers).size).toBe(2);
    expect((await calls.ended(answer)).status).toBe('succeeded');
    for (const node of nodes) await node.clearFaults();
    await close(calls);
  });

  it('serves no index of which Redis shows a lower epoch than it has seen, and says so (R7)', async () => {
    const calls = await RouterCalls.open(fleet.base);
    const key = '{miroir}:routing:docs';
    const epoch = Number(await fleet.base.redis.hget(key, 'epoch'));
    await fleet.base.redis.hset(key, 'epoch', epoch + 5);
    await untilTrue(async () => (await entries()).some(({ acks }) => acks['docs']?.epoch === epoch + 5));
    await fleet.base.redis.hset(key, 'epoch', epoch + 4);
    await untilTrue(async () => (await calls.put('docs', [{ id: 5 }])).status === 503);
    expect(await calls.search('docs')).toMatchObject({ status: 503, body: { code: 'miroir_epoch_regressed' } });
    const scraped = await fleet.base.metrics.scrape();
    expect(scraped).toContain('miroir_router_faults_total{kind="epoch_regressed"} 1');
    expect(scraped).toMatch(/miroir_router_registrations_total\{event="registered"\} [1-9]/);
    expect(scraped).toMatch(/miroir_router_writes_total\{result="accepted"\} [1-9]/);
    expect((await entries()).map(({ acks }) => acks['docs']?.epoch)).toEqual([epoch + 5]);
    await fleet.base.redis.hset(key, 'epoch', epoch + 6);
    await untilTrue(async () => (await calls.put('docs', [{ id: 5 }])).status === 202);
    await close(calls);
  });

  it('remembers the epoch of an index that was missing for a while (R7, I5)', async () => {
    const calls = await RouterCalls.open(fleet.base);
    const { redis } = fleet.base;
    const [registry, table] = ['{miroir}:indexes', '{miroir}:routing:docs'];
    const [entry, epoch] = [(await redis.hget(registry, 'docs')) ?? '', Number(await redis.hget(table, 'epoch'))];
    await redis.hdel(registry, 'docs');
    await untilTrue(async () => (await calls.put('docs', [{ id: 6 }])).status === 404);
    await redis.hset(table, 'epoch', epoch - 1);
    await redis.hset(registry, 'docs', entry);
    await untilTrue(async () => (await calls.put('docs', [{ id: 6 }])).status !== 404);
    expect(await calls.put('docs', [{ id: 6 }])).toMatchObject({
      status: 503,
      body: { code: 'miroir_epoch_regressed' },
    });
    await redis.hset(table, 'epoch', epoch);
    await untilTrue(async () => (await calls.put('docs', [{ id: 6 }])).status === 202);
    await close(calls);
  });

  it('registers anew when Redis runs anew', async () => {
    const calls = await RouterCalls.open(fleet.base);
    const before = await registered();
    await fleet.redis.restart();
    await untilTrue(async () => (await entries().catch(() => [])).some(({ id }) => id !== before), 10_000);
    await untilTrue(() => calls.router.readiness() === true);
    expect((await calls.put('docs', [{ id: 6 }])).status).toBe(202);
    await close(calls);
  });
});
