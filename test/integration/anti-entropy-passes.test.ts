// Passes of anti-entropy: reconcilers share the shards of each, beside writes and moves, and nodes hardly feel it.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { shardForKey } from '../../src/core/hashing.ts';
import type { Pass, ShardLook } from '../../src/ports.ts';
import { spawnWorker } from '../../src/fleet/processes.ts';
import { PacedReads } from '../../src/reconcile/paced-reads.ts';
import { createPasses, createReadingPlaces } from '../../src/redis/passes.ts';
import { type Running, startReconciler } from '../../src/service.ts';
import { openRouter } from '../../src/service/router.ts';
import { runPass } from '../support/anti-entropy.ts';
import { checkPlacement } from '../support/check.ts';
import { type TestFleet, someDocuments, startTestFleet } from '../support/fleet.ts';
import { readMetric } from '../support/metrics.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { type NodeSwitches, switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function makeFleet(config: Readonly<Record<string, string | number>> = {}, nodes = 3): Promise<TestFleet> {
  const fleet = await startTestFleet({
    nodes,
    config: {
      lease_ttl_secs: 10,
      lease_renewal_interval_ms: 2_000,
      anti_entropy_node_percent: 100,
      reconcile_concurrency: 8,
      ...config,
    },
  });
  closers.push(() => fleet.stop());
  return fleet;
}
async function reconcile({ config }: TestFleet): Promise<Running> {
  const reconciler = await startReconciler(config);
  closers.push(() => reconciler.close());
  return reconciler;
}
const node = ({ nodes }: TestFleet, id: string): NodeSwitches =>
  switchesOf(nodes.find((one) => one.id === id) ?? { url: '' });
const ended = async (fleet: TestFleet): Promise<Pass> => {
  const passes = createPasses(fleet.base);
  let done: Pass | undefined;
  const isOver = async (): Promise<boolean> => {
    done = (await passes.list()).findLast(({ completed_at }) => completed_at !== null);
    return done !== undefined;
  };
  await untilTrue(isOver, 25_000, () => JSON.stringify(done));
  return done!;
};
const METRICS = [
  'miroir_antientropy_shards_scanned_total',
  'miroir_antientropy_mismatches_found_total',
  'miroir_antientropy_docs_repaired_total',
  'miroir_antientropy_last_scan_completed_seconds',
] as const;

describe('passes of anti-entropy', () => {
  it('find one drift among 64 shards, which two processes together look at once each', async () => {
    const fleet = await makeFleet();
    await fleet.createIndex({ documents: someDocuments(500), shards: 64, replicationFactor: 2 });
    const shard = shardForKey('7', 64);
    const { route } = await fleet.base.records.route('docs', shard);
    const [good = '', bad = ''] = route.owners;
    await node(fleet, bad).remove('docs', 7);
    const both = [await reconcile(fleet), await reconcile(fleet)];
    const pass = await ended(fleet);
    expect(pass).toMatchObject({
      shards_scanned: 64,
      shards_with_drift: 1,
      repairs_performed: 1,
      errors: 0,
      documents_left: 0,
      shards_left: 0,
    });
    expect(await node(fleet, bad).texts('docs')).toEqual(
      new Map([...(await node(fleet, bad).texts('docs')), ['7', (await node(fleet, good).texts('docs')).get('7')]]),
    );
    const counts = await Promise.all(
      METRICS.map((name) => Promise.all(both.map(({ metricsUrl }) => readMetric(metricsUrl, name)))),
    );
    const [scanned = [], mismatches = [], repaired = [], last = []] = counts;
    expect(scanned.reduce((sum, count) => sum + count, 0)).toBe(64);
    for (const count of scanned) expect(count).toBeGreaterThan(0);
    expect([Math.max(...mismatches), Math.max(...repaired)]).toEqual([1, 1]);
    expect(Math.max(...last)).toBeCloseTo((pass.completed_at ?? 0) / 1_000, -1);
    // Six hours until the next.
    expect(await createPasses(fleet.base).list()).toHaveLength(1);
  });

  it('go on where a process is killed in the middle: another looks at what it had', async () => {
    const fleet = await makeFleet({ lease_ttl_secs: 2, lease_renewal_interval_ms: 400, reconcile_concurrency: 2 });
    await fleet.createIndex({ documents: someDocuments(200), shards: 64, replicationFactor: 2 });
    const killed = await spawnWorker('reconciler', fleet.env);
    closers.push(() => killed.stop());
    const passes = createPasses(fleet.base);
    const left = async (): Promise<number> => (await passes.list())[0]?.shards_left ?? 64;
    await untilTrue(async () => (await left()) < 50, 20_000);
    killed.kill('SIGKILL');
    expect(await left()).toBeGreaterThan(0);
    await reconcile(fleet);
    expect(await ended(fleet)).toMatchObject({ shards_scanned: 64, errors: 0, shards_left: 0 });
    expect(await passes.list()).toHaveLength(1);
  });

  it('go on beside writes and moves, and change nothing that these do', async () => {
    const fleet = await makeFleet({ anti_entropy_schedule: 'every 1s', grace_ms: 0 }, 4);
    const spare = 'n4';
    await fleet.base.redis.hdel('{miroir}:topology', `node:${spare}`);
    const entry = await fleet.createIndex({ documents: someDocuments(300), shards: 8, replicationFactor: 2 });
    await Promise.all([reconcile(fleet), reconcile(fleet)]);
    await Promise.all([fleet.startWorker(), fleet.startWorker()]);
    const client = await RouterCalls.open(fleet.base);
    closers.push(() => client.close());
    await untilTrue(async () => (await client.search('docs')).status === 200);
    const expected = fleet.documents.get('docs')!;
    const over = new AbortController();
    const refused: unknown[] = [];
    const writing = [0, 1, 2].map(async (lane) => {
      for (let at = lane; !over.signal.aborted; at += 3) {
        const id = at % 100;
        const isRemoved = at % 7 === 0;
        const document = { id, name: `written ${at}`, weight: at };
        const answer = isRemoved ? await client.remove('docs', [id]) : await client.put('docs', [document]);
        if (answer.status !== 202) refused.push(answer.body);
        else if (isRemoved) expected.delete(String(id));
        else expected.set(String(id), JSON.stringify(document));
        await sleep(5);
      }
    });
    await fleet.addNode(spare);
    // Planted beside it: documents that nobody writes.
    const { route } = await fleet.base.records.route('docs', shardForKey('250', 8));
    await node(fleet, route.owners[0] ?? '').remove('docs', 250);
    await fleet.untilQuiet(40_000);
    over.abort();
    await Promise.all(writing);
    expect(refused).toEqual([]);
    const passes = createPasses(fleet.base);
    const before = (await passes.list()).length;
    // Two more that begin and end after all that.
    await untilTrue(async () => (await passes.list()).length >= Math.min(100, before + 3), 20_000);
    const table = await fleet.base.records.table('docs');
    const check = await checkPlacement(fleet.nodes, entry, table!, expected);
    expect(check).toMatchObject({ lost: [], wrong: [], misplaced: [] });
    const [, last] = await passes.list();
    expect(last).toMatchObject({ shards_scanned: 8, shards_with_drift: 0, repairs_performed: 0, errors: 0 });
    const all = await passes.list();
    expect(all.reduce((sum, one) => sum + one.repairs_performed, 0)).toBe(1);
  });

  it('skip a shard that moves, and begin the next time with what was looked at longest ago', async () => {
    const fleet = await makeFleet();
    await fleet.createIndex({ documents: someDocuments(20), shards: 4, replicationFactor: 2 });
    const router = openRouter(fleet.base, { role: 'reconciler' });
    closers.push(() => router.close());
    await untilTrue(() => router.readiness() === true);
    const first = await runPass(fleet.base, router, { shardsPerPass: 3 });
    expect([...first.results.keys()]).toEqual(['docs/0', 'docs/1', 'docs/2']);
    expect(first.pass).toMatchObject({ shards_scanned: 3, completed_at: expect.any(Number) });
    const text = await fleet.base.redis.hget('{miroir}:routing:docs', 's:3');
    const moving = JSON.stringify({ ...(JSON.parse(text ?? '') as object), state: 'tracking', moveId: 'm' });
    await fleet.base.redis.hset('{miroir}:routing:docs', 's:3', moving);
    const second = await runPass(fleet.base, router, { shardsPerPass: 2 });
    expect([...second.results]).toEqual([
      ['docs/3', { skipped: 'the shard is tracking' }],
      ['docs/0', expect.objectContaining({ isComplete: true })],
    ]);
    expect(second.pass).toMatchObject({ shards_scanned: 1, errors: 0, shards_left: 0 });
    await fleet.base.redis.hset('{miroir}:routing:docs', 's:3', text ?? '');
    const third = await runPass(fleet.base, router, { shardsPerPass: 2 });
    expect([...third.results.keys()]).toEqual(['docs/3', 'docs/1']);
  });

  it('are records: what is left goes on, each shard counts once, a wish brings the next, 100 stay', async () => {
    const { base } = await makeFleet({}, 1);
    const passes = createPasses(base);
    const good: ShardLook = { isScanned: true, hasDrift: false, repairs: 0, left: 0, isFailed: false };
    expect(await passes.list()).toEqual([]);
    expect(await passes.due([], 60_000, 0)).toEqual([]);
    expect(await passes.due(['a/0', 'a/1', 'b/0'], 60_000, 0)).toEqual(['a/0', 'a/1', 'b/0']);
    expect(await passes.has('a/0')).toBe(true);
    expect(await passes.note('a/0', { ...good, hasDrift: true, repairs: 4, left: 2 })).toBe('on');
    expect(await passes.note('a/0', { ...good, repairs: 4 })).toBe('on');
    expect(await passes.has('a/0')).toBe(false);
    expect((await passes.due(['a/0', 'a/1', 'b/0'], 60_000, 0)).toSorted()).toEqual(['a/1', 'b/0']);
    expect(await passes.list()).toEqual([
      {
        started_at: expect.any(Number),
        completed_at: null,
        shards_scanned: 1,
        shards_with_drift: 1,
        repairs_performed: 4,
        errors: 0,
        documents_left: 2,
        shards_left: 2,
      },
    ]);
    expect(await passes.note('a/1', { ...good, isScanned: false, isFailed: true })).toBe('on');
    // An index that is gone leaves nothing to be done.
    expect(await passes.due(['a/0', 'a/1'], 60_000, 0)).toEqual([]);
    expect(await passes.list()).toMatchObject([{ shards_scanned: 1, errors: 1, completed_at: expect.any(Number) }]);
    expect(await passes.due(['a/0', 'a/1'], 60_000, 0)).toEqual([]);
    await passes.wish();
    expect(await passes.due(['a/0', 'a/1'], 60_000, 0)).toEqual(['a/1', 'a/0']);
    expect(await passes.note('a/1', good)).toBe('on');
    expect(await passes.note('a/0', good)).toBe('over');
    for (let at = 0; at < 105; at += 1) {
      await passes.due(['a/0'], 0, 0);
      expect(await passes.note('a/0', good)).toBe('over');
    }
    expect(await passes.list()).toHaveLength(100);
  });

  it('ask a node for one page at a time, of all processes together, and leave it alone for most of the time', async () => {
    const { base } = await makeFleet({}, 1);
    const { scripts, clock } = base;
    const readers = [1, 2, 3].map(() => {
      const places = createReadingPlaces({ scripts, clock, most: 1 });
      return new PacedReads({ places, clock, percent: 20, most: 1, keepMs: 5_000 });
    });
    const { signal } = new AbortController();
    let [reading, most, busyMs] = [0, 0, 0];
    const startedMs = performance.now();
    await Promise.all(
      readers.map(async (reader) => {
        for (let page = 0; page < 4; page += 1) {
          await reader.read('n1', signal, async () => {
            reading += 1;
            most = Math.max(most, reading);
            const beganMs = performance.now();
            await sleep(20);
            busyMs += performance.now() - beganMs;
            reading -= 1;
          });
        }
      }),
    );
    expect(most).toBe(1);
    expect(busyMs / (performance.now() - startedMs)).toBeLessThan(0.25);
    // Another node is not waited for, and what fails gives its place back.
    const one = readers[0]!;
    await expect(one.read('n2', signal, () => Promise.reject(new Error('no answer')))).rejects.toThrow('no answer');
    const againMs = performance.now();
    await one.read('n2', signal, () => Promise.resolve());
    expect(performance.now() - againMs).toBeLessThan(1_000);
  });

  it('end with their signal while they wait for a node', async () => {
    const { base } = await makeFleet({}, 1);
    const { scripts, clock } = base;
    const places = createReadingPlaces({ scripts, clock, most: 1 });
    const reads = new PacedReads({ places, clock, percent: 100, most: 1, keepMs: 60_000 });
    await places.take('n1', 60_000);
    const over = new AbortController();
    const waiting = reads.read('n1', over.signal, () => Promise.resolve());
    setTimeout(() => over.abort(new Error('drained')), 50);
    await expect(waiting).rejects.toThrow('drained');
  });
});
