// A node dies under writes: observers report it, the planner takes it out of its shards, writes go on, nothing is lost; and
// what must not happen: one observer alone, the last owner, a node that is back and is read before it is restored.
import { afterEach, describe, expect, it } from 'vitest';
import type { NodeReport } from '../../src/core/observations.ts';
import { createProbe } from '../../src/nodes/index.ts';
import { Health } from '../../src/planning/health.ts';
import { startNodeLooks, type NodeLooks } from '../../src/planning/node-looks.ts';
import { createRegistry } from '../../src/redis/registry.ts';
import { someDocuments, startTestFleet } from '../support/fleet.ts';
import type { TestFleet } from '../support/fleet.ts';
import { HandMover } from '../support/hand-mover.ts';
import { said } from '../support/observed.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const CONFIG = {
  lease_ttl_secs: 10,
  lease_renewal_interval_ms: 2_000,
  node_failed_after_ms: 1_000,
  health_probe_interval_ms: 1_000,
};
const SHARDS = 3;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function makeFleet(nodes: number, config: Readonly<Record<string, string | number>> = CONFIG) {
  const fleet = await startTestFleet({ nodes, config });
  closers.push(() => fleet.stop());
  return fleet;
}
let opened = 0;
/** As the router of a process of its own. */
async function openRouter(fleet: TestFleet): Promise<RouterCalls> {
  opened += 1;
  const router = await RouterCalls.open({ ...fleet.base, holder: `router/${opened}` });
  closers.push(() => router.close());
  return router;
}
/** The planner process as an observer. */
function startLooks({ base }: TestFleet): NodeLooks {
  const looks = startNodeLooks({
    ...base,
    ...base.timings,
    probe: createProbe(base),
    holder: 'host/1',
    role: 'planner',
  });
  closers.push(() => looks.close());
  return looks;
}
const nodeOf = (fleet: TestFleet, id: string) => {
  const node = fleet.nodes.find((one) => one.id === id);
  if (node === undefined) throw new Error(`no node ${id}`);
  return node;
};
async function kill(fleet: TestFleet, id: string): Promise<void> {
  nodeOf(fleet, id).kill('SIGKILL');
  await nodeOf(fleet, id).exited;
}
const ownersOf = async (fleet: TestFleet, index = 'docs'): Promise<readonly (readonly string[])[]> =>
  (await fleet.base.records.table(index))?.shards.map(({ owners }) => owners) ?? [];
const stateOf = async (fleet: TestFleet, id: string): Promise<string | undefined> =>
  (await fleet.base.records.topology()).nodes.find((node) => node.id === id)?.state;
/** Of trouble. */
const reports = async (fleet: TestFleet): Promise<readonly NodeReport[]> =>
  (await fleet.base.observations.read()).reports.filter(({ nodes }) => nodes.size > 0);

describe('a node that is killed under writes, where every shard has two owners', () => {
  it('leaves its shards on the reports of routers and planner; writes go on, and nothing acknowledged is lost', async () => {
    const fleet = await makeFleet(3);
    await fleet.createIndex({ shards: SHARDS, replicationFactor: 2, documents: [] });
    const routers = [await openRouter(fleet), await openRouter(fleet)] as const;
    startLooks(fleet);
    await untilTrue(async () => (await routers[0].search('docs')).status === 200);
    const before = (await ownersOf(fleet)).flat().filter((id) => id === 'n1').length;
    expect(before).toBeGreaterThan(0);

    const acknowledged = new Map<string, number>();
    const refused: { readonly code: unknown }[] = [];
    const over = new AbortController();
    const client = async (name: number): Promise<void> => {
      for (let version = 0; !over.signal.aborted; version += 1) {
        const id = `${name}-${version % 20}`;
        const { status, body } = await routers[version % 2 === 0 ? 0 : 1].put('docs', [{ id, version }]);
        if (status === 202) acknowledged.set(id, version);
        else refused.push({ code: body['code'] });
      }
    };
    const clients = [0, 1].map((name) => client(name));
    await untilTrue(() => acknowledged.size === 40);
    await kill(fleet, 'n1');
    await untilTrue(async () => {
      await fleet.planner.tick();
      return (await stateOf(fleet, 'n1')) === 'failed';
    }, 30_000);
    await untilTrue(async () => (await ownersOf(fleet)).every((owners) => !owners.includes('n1')));
    expect((await ownersOf(fleet)).every((owners) => owners.length > 0)).toBe(true);
    expect(refused.length).toBeGreaterThan(0);
    // Who waited for the dead node's answer may still say so; what is written from now on is accepted.
    const last = new Map<string, number>();
    for (let at = 0; at < 30; at += 1) {
      await untilTrue(
        async () => (await routers[at % 2 === 0 ? 0 : 1].put('docs', [{ id: `l-${at}`, version: 1 }])).status === 202,
      );
      last.set(`l-${at}`, 1);
    }
    over.abort();
    await Promise.all(clients);

    await fleet.startWorker();
    await fleet.untilQuiet(60_000);
    expect((await ownersOf(fleet)).map((owners) => owners.toSorted())).toEqual(
      Array.from({ length: SHARDS }, () => ['n2', 'n3']),
    );
    const wanted = [...acknowledged, ...last].map(([id]) => id).sort();
    let found = new Map<string, number>();
    await untilTrue(
      async () => {
        const { hits } = (await routers[1].search('docs')).body as { hits: { id: string; version: number }[] };
        found = new Map(hits.map(({ id, version }) => [id, version]));
        return wanted.every((id) => found.has(id));
      },
      15_000,
      () => JSON.stringify(wanted.filter((id) => !found.has(id))),
    );
    // A write of unknown outcome may have come after the one acknowledged last; never one before it.
    const stale = [...acknowledged].filter(([id, version]) => (found.get(id) ?? -1) < version);
    expect(stale).toEqual([]);
    const audit = await fleet.base.redis.xrange('{miroir}:audit', '-', '+');
    const texts = audit.map(([, fields]) => fields.join(' '));
    // Those of the three who had waited long enough when it was decided.
    const [, observers = ''] = /NodeFailed n1: no answer to (.*)$/m.exec(texts.join('\n')) ?? [];
    expect(observers.split(', ').length).toBeGreaterThanOrEqual(2);
    expect(texts.some((text) => text.startsWith('what left index docs nodes n1'))).toBe(true);
  }, 120_000);
});

describe('observers', () => {
  it('are two at least: one alone fails no node, and takes its word back when the node answers', async () => {
    const fleet = await makeFleet(3, { ...CONFIG, node_failed_after_ms: 300 });
    await fleet.createIndex({ shards: SHARDS, replicationFactor: 2, documents: [] });
    const router = await openRouter(fleet);
    await untilTrue(async () => (await router.search('docs')).status === 200);
    await kill(fleet, 'n2');
    // No traffic, no word of it: a router asks no node of which nobody complains.
    const documents = Array.from({ length: 20 }, (_, id) => ({ id }));
    await router.put('docs', documents);
    await untilTrue(async () => {
      const [report] = await reports(fleet);
      return (report?.nodes.get('n2')?.forMs ?? 0) > 1_000;
    });
    await fleet.planner.tick();
    await fleet.planner.sweep();
    expect(await stateOf(fleet, 'n2')).toBe('active');
    expect((await ownersOf(fleet)).flat()).toContain('n2');
    await nodeOf(fleet, 'n2').restart();
    await untilTrue(async () => (await reports(fleet)).length === 0);
  }, 60_000);

  it('make up their own minds: a router without traffic joins what another one reports, and leaves with it', async () => {
    const fleet = await makeFleet(2, { ...CONFIG, node_failed_after_ms: 600_000 });
    await fleet.createIndex({ shards: 1, replicationFactor: 2, documents: [] });
    const [busy] = [await openRouter(fleet), await openRouter(fleet)];
    await untilTrue(async () => (await busy.search('docs')).status === 200);
    await kill(fleet, 'n2');
    await busy.put('docs', [{ id: 1 }]);
    const names = async () =>
      (await reports(fleet)).filter(({ nodes }) => nodes.has('n2')).map(({ observer }) => observer);
    await untilTrue(async () => (await names()).length === 2);
    const { routers } = await fleet.base.observations.read();
    expect(new Set(await names())).toEqual(routers);
    await nodeOf(fleet, 'n2').restart();
    await untilTrue(async () => (await reports(fleet)).length === 0);
  }, 60_000);

  it('that see too much of the fleet down are not believed, which is said once', async () => {
    const fleet = await makeFleet(3);
    const { logger, lines } = said();
    const { records, planHolds, observations, clock, config, nodes, turns, repairs, groupChecks, observer } =
      fleet.base;
    const parts = {
      records,
      planHolds,
      repairs,
      observations,
      turns,
      groupChecks,
      nodes,
      clock,
      config,
      logger,
      observer,
      writer: fleet.planWriter,
      runs: fleet.runs,
      queue: fleet.moveQueue,
      progress: fleet.base.progress,
      permit: { signal: new AbortController().signal, budgetMs: () => 1_000 },
    };
    const health = new Health(parts);
    const report = async (...ids: string[]): Promise<void> => {
      for (const id of ['a', 'b'])
        await observations.report(
          { id, name: id, process: id },
          new Map(ids.map((node) => [node, { what: 'silent', forMs: 60_000, looks: 9 }])),
        );
    };
    const told = (): number => lines.filter(({ level }) => level === 'error').length;
    await report('n1', 'n2');
    expect((await health.judge()).failed).toEqual([]);
    expect((await health.judge()).failed).toEqual([]);
    expect(told()).toBe(1);
    await report('n1');
    expect((await health.judge()).failed).toEqual([{ id: 'n1', why: 'no answer', observers: ['a', 'b'] }]);
    await report('n1', 'n2');
    await health.judge();
    expect(told()).toBe(2);
    // Switched off nothing is made of it, and repairs of what an event has failed go on.
    const off = new Health({ ...parts, config: { ...config, healthEnabled: false } });
    await report('n1');
    expect(await off.judge()).toMatchObject({ failed: [], recovered: [] });
    expect(off.isBraked).toBe(false);
  });
});

describe('a failed node', () => {
  it('never leaves as the last owner, and a shard that is held is left alone until it is not', async () => {
    const fleet = await makeFleet(3);
    await fleet.createIndex({ uid: 'one', shards: SHARDS, documents: someDocuments(20) });
    await fleet.createIndex({ uid: 'two', shards: 1, replicationFactor: 2, documents: someDocuments(20) });
    const [first = '', second = ''] = (await ownersOf(fleet, 'two'))[0] ?? [];
    const target = ['n1', 'n2', 'n3'].find((id) => id !== first && id !== second) ?? '';
    const mover = await HandMover.start(fleet, { index: 'two', target });
    closers.push(() => mover.stop());
    await mover.track();
    await mover.hold(3_000);
    const before = await ownersOf(fleet, 'one');
    await fleet.planner.handle('NodeFailed', { node_id: first });
    expect(await ownersOf(fleet, 'one')).toEqual(before);
    expect((await mover.route()).route).toMatchObject({ state: 'held', owners: [first, second] });
    await untilTrue(async () => {
      const read = await mover.route();
      if (read.route.state === 'held') await fleet.base.records.endHold('two', read);
      return read.route.state === 'tracking';
    });
    await fleet.planner.tick();
    const { route } = await mover.route();
    expect(route).toMatchObject({
      state: 'tracking',
      moveId: mover.id,
      owners: [second],
      readers: [second],
      left: [first],
    });
    // Its source is another owner from now on, which stays: writes take turns already.
    expect(route.staying).toBe(true);
    expect(await fleet.base.redis.zrange(`{miroir}:repair:two:0:${first}`, '0', '-1')).toEqual(['*']);
  }, 60_000);

  it('that is back is neither written nor read before moves have restored it', async () => {
    const fleet = await makeFleet(2);
    await fleet.createIndex({ shards: SHARDS, replicationFactor: 2, documents: someDocuments(30) });
    const router = await openRouter(fleet);
    await untilTrue(async () => (await router.search('docs')).status === 200);
    const failed = await fleet.planner.handle('NodeFailed', { node_id: 'n1' });
    // Nobody can take its place.
    expect(failed).toMatchObject({ change: 'changed', moves: 0, blocked: SHARDS });
    expect(await ownersOf(fleet)).toEqual(Array.from({ length: SHARDS }, () => ['n2']));
    const written = await router.put('docs', [{ id: 1, name: 'changed meanwhile' }]);
    expect(written.status).toBe(202);
    expect(await router.ended(written)).toMatchObject({ status: 'succeeded' });
    const recovered = await fleet.planner.handle('NodeRecovered', { node_id: 'n1' });
    expect(recovered).toMatchObject({ moves: SHARDS, blocked: 0 });
    await fleet.planner.tick();
    const n1 = switchesOf(nodeOf(fleet, 'n1'));
    const asked = async (): Promise<number> =>
      (await n1.asked('^/(indexes/docs/(documents|search)|multi-search)')).length;
    const before = await asked();
    for (let at = 0; at < 10; at += 1) {
      const { hits } = (await router.search('docs')).body as { hits: { id: number; name: string }[] };
      expect(hits.find(({ id }) => id === 1)?.name).toBe('changed meanwhile');
    }
    expect((await router.put('docs', [{ id: 2, name: 'once more' }])).status).toBe(202);
    expect(await asked()).toBe(before);
    await fleet.startWorker();
    await fleet.untilQuiet(60_000);
    expect((await ownersOf(fleet)).map((owners) => owners.toSorted())).toEqual(
      Array.from({ length: SHARDS }, () => ['n1', 'n2']),
    );
    expect(await stateOf(fleet, 'n1')).toBe('active');
    expect(await n1.texts('docs')).toEqual(await switchesOf(nodeOf(fleet, 'n2')).texts('docs'));
    expect(await fleet.base.redis.keys('{miroir}:repair:docs:*')).toEqual([]);
  }, 120_000);
});

describe('turns of a router that is gone', () => {
  it('are ended by the planner’s sweep, their ids listed for every owner', async () => {
    const fleet = await makeFleet(2);
    await fleet.createIndex({ shards: 300, replicationFactor: 2, documents: [] });
    const { turns, redis, scripts, logger } = fleet.base;
    const openNudges = (): never => {
      throw new Error('nobody listens here');
    };
    const registry = createRegistry({ redis, scripts, entryMs: 60_000, openNudges, logger });
    for (const id of ['dead', 'alive']) await registry.register(id, id);
    const turn = (registration: string, shard: number) =>
      turns.take({ index: 'docs', shard, registration, ids: ['7'], owners: ['n1', 'n2'] }, null);
    for (const [registration, shard] of [
      ['dead', 0],
      ['dead', 299],
      ['alive', 150],
    ] as const) {
      expect(await turn(registration, shard)).toHaveProperty('taken');
    }
    await registry.leave('dead');
    await fleet.planner.sweep();
    const listed = (await redis.keys('{miroir}:repair:docs:*')).sort();
    expect(listed).toEqual(
      [0, 299].flatMap((shard) => ['n1', 'n2'].map((id) => `{miroir}:repair:docs:${shard}:${id}`)).sort(),
    );
    expect(await redis.zrange(listed[0] ?? '', '0', '-1')).toEqual(['7']);
    expect(await redis.keys('{miroir}:turns:docs:*:order')).toEqual(['{miroir}:turns:docs:150:order']);
  }, 60_000);
});
