// What the doctor finds: a fleet in order, and each trouble planted by itself, with its remedy.
import { Queue } from 'bullmq';
import { afterEach, describe, expect, it } from 'vitest';
import { doctor, type Finding } from '../../src/control/doctor.ts';
import { nodeChecks } from '../../src/control/doctor/node-checks.ts';
import { proposed } from '../../src/core/settings-broadcast.ts';
import type { TopologyNode } from '../../src/core/topology.ts';
import { createProbe } from '../../src/nodes/index.ts';
import { startNodeLooks } from '../../src/planning/node-looks.ts';
import { indexQueue, QUEUE_PREFIX } from '../../src/queue/names.ts';
import { keys, rebalanceScope } from '../../src/redis/keys.ts';
import { openControl } from '../../src/service/control.ts';
import { someDocuments, startTestFleet, type TestFleet, type TestFleetOptions } from '../support/fleet.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { untilTrue } from '../support/until.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function makeFleet(options: TestFleetOptions = {}): Promise<TestFleet> {
  const fleet = await startTestFleet({ nodes: 2, aof: 'always', config: { node_max_bytes: 1e12 }, ...options });
  closers.push(() => fleet.stop());
  await fleet.createIndex({ shards: 4, replicationFactor: 2, documents: someDocuments(40) });
  await fleet.startWorker();
  observe(fleet, 'host/1', 'planner');
  observe(fleet, 'host/2', 'reconciler');
  await untilTrue(async () => (await fleet.base.observations.read()).reports.length === 2);
  return fleet;
}
function observe({ base }: TestFleet, holder: string, role: string): void {
  const looks = startNodeLooks({ ...base, ...base.timings, probe: createProbe(base), holder, role });
  closers.push(() => looks.close());
}
async function look(fleet: TestFleet): Promise<Finding[]> {
  const control = await openControl(fleet.config, { anyRedis: true });
  try {
    return await doctor(control);
  } finally {
    await control.close();
  }
}
const bad = async (fleet: TestFleet): Promise<Finding[]> => (await look(fleet)).filter(({ level }) => level !== 'ok');

describe('the doctor', () => {
  it('finds nothing wrong with a fleet in order, and says what it looked at', async () => {
    const fleet = await makeFleet();
    const findings = await look(fleet);
    expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
    const subjects = new Set(findings.map(({ subject }) => subject));
    expect([...subjects].sort()).toEqual([
      'index docs',
      'moves',
      'node n1',
      'node n2',
      'observers',
      'planner',
      'reconcilers',
      'redis',
      'routers',
      'workers',
    ]);
  });

  it('tells of a Redis that forgets and evicts', async () => {
    const fleet = await makeFleet({ aof: 'off' });
    await fleet.base.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await bad(fleet)).toEqual([
      {
        level: 'fail',
        subject: 'redis',
        found: expect.stringContaining('allkeys-lru'),
        remedy: expect.stringContaining('noeviction'),
      },
      { level: 'fail', subject: 'redis', found: expect.stringContaining('append-only'), remedy: 'set appendonly yes' },
    ]);
  });

  it('tells of a Redis that answers before it has it on disk, or does not say', async () => {
    const fleet = await makeFleet({ aof: 'everysec' });
    expect(await bad(fleet)).toEqual([
      {
        level: 'warn',
        subject: 'redis',
        found: 'answers before it has it on disk (appendfsync everysec)',
        remedy: expect.stringContaining('appendfsync always'),
      },
    ]);
    await fleet.base.redis.acl('SETUSER', 'default', '-config');
    expect(await bad(fleet)).toMatchObject([{ level: 'warn', found: expect.stringContaining('CONFIG is denied') }]);
  });

  it('tells of a planner that is missing', async () => {
    const fleet = await makeFleet();
    await fleet.base.redis.hset(keys.lease('planner'), 'state', 'clean');
    expect(await bad(fleet)).toMatchObject([{ level: 'fail', subject: 'planner' }]);
    // Killed: its lease stands there as it was, and is over.
    await fleet.base.redis.hset(keys.lease('planner'), 'state', 'held', 'until', Date.now() - 1_000);
    expect(await bad(fleet)).toMatchObject([{ level: 'fail', subject: 'planner' }]);
  });

  it('tells that no worker runs, whether something is to move or not, and not of moves that are held', async () => {
    const fleet = await makeFleet();
    expect(await look(fleet)).toContainEqual({ level: 'ok', subject: 'workers', found: '1 run', remedy: null });
    await Promise.all(fleet.workers.splice(0).map((worker) => worker.close()));
    const workers = async () => (await look(fleet)).filter(({ subject }) => subject === 'workers');
    const remedy = 'start one: `miroir worker`';
    const idle = { level: 'warn', subject: 'workers', found: 'none runs: nothing that is planned would move', remedy };
    expect(await workers()).toEqual([idle]);
    const { planId: plan } = await fleet.orderMove({ index: 'docs', target: 'n1' });
    expect(await workers()).toEqual([{ ...idle, level: 'fail', found: 'none runs: 1 moves are unfinished' }]);
    await fleet.base.planHolds.hold(plan, 'operator', 'test');
    expect(await workers()).toEqual([idle]);
    await fleet.base.planHolds.release(plan, 'operator');
    // Of another network, where Redis denies to tell who is connected: leases are what is left.
    await fleet.base.redis.acl('SETUSER', 'default', '-client|list');
    expect(await workers()).toMatchObject([{ level: 'fail' }]);
    const lease = keys.lease(rebalanceScope('docs'));
    await fleet.base.redis.hset(lease, { state: 'held', holder: 'host/3', until: Date.now() + 60_000 });
    expect(await workers()).toMatchObject([{ level: 'ok', found: '1 run' }]);
    await fleet.base.planHolds.hold(plan, 'operator', 'test');
    expect(await workers()).toMatchObject([{ level: 'ok', found: expect.stringContaining('cannot be told') }]);
  });

  it('tells of a node that does not answer, and goes on with the others', async () => {
    const fleet = await makeFleet();
    fleet.nodes[1]!.kill('SIGKILL');
    await fleet.nodes[1]!.exited;
    const findings = await look(fleet);
    const remedy = 'check that the node runs and can be reached from here; moves that use it wait meanwhile';
    expect(findings).toContainEqual(expect.objectContaining({ level: 'fail', subject: 'node n2', remedy }));
    expect(findings).toContainEqual(expect.objectContaining({ level: 'ok', subject: 'node n1' }));
    expect(findings.filter(({ subject }) => subject === 'index docs')).toMatchObject([
      { level: 'warn', found: expect.stringContaining('not looked at on n2') },
    ]);
  });

  it('asks for an event only for a node that an event has failed', async () => {
    const fleet = await makeFleet();
    const control = await openControl(fleet.config);
    closers.push(() => control.close());
    const [node] = (await control.records.topology()).nodes;
    const failed = { ...node!, state: 'failed' } as const;
    const remedies = async (one: TopologyNode, more = {}): Promise<unknown> =>
      (await nodeChecks({ ...control, ...more }, [one])).map(({ remedy }) => remedy);
    const told = [expect.stringMatching(/^bring it back and send NodeRecovered: it is restored; or /)];
    expect(await remedies(failed)).toEqual(told);
    const bySight = { ...failed, seen: { failed: true } } as const;
    expect(await remedies(bySight, { healthEnabled: true })).toEqual([
      expect.stringMatching(/^bring it back: once it answers, it is restored; or /),
    ]);
    expect(await remedies(bySight, { healthEnabled: false })).toEqual(told);
  });

  it('tells of clocks of Redis and of nodes that are not ours', async () => {
    const fleet = await makeFleet();
    const control = await openControl(fleet.config);
    const offBy = async (aheadMs: number): Promise<Finding[]> => {
      const clock = { ...control.clock, now: () => Date.now() + aheadMs };
      return (await doctor({ ...control, clock })).filter(({ level }) => level !== 'ok');
    };
    const off = await offBy(60_000);
    // Nodes tell whole seconds: what that leaves open is no fault.
    const within = await offBy(990);
    await control.close();
    expect(within).toEqual([]);
    expect(off.map(({ subject }) => subject).sort()).toEqual(['node n1', 'node n2', 'redis']);
    for (const { level, found } of off)
      expect([level, found]).toEqual(['warn', expect.stringMatching(/^its clock is (5[89]|60)\d{3} ms off ours$/)]);
  });

  it('tells of a room that nobody knows', async () => {
    const fleet = await makeFleet({ config: {} });
    expect(await bad(fleet)).toMatchObject([
      { level: 'warn', subject: 'node n1', remedy: expect.stringContaining('node_max_bytes') },
      { level: 'warn', subject: 'node n2' },
    ]);
  });

  it('tells of too few who look at nodes, and of too many nodes that look down', async () => {
    const fleet = await makeFleet();
    const { observations } = fleet.base;
    const down = new Map(['n1', 'n2'].map((id) => [id, { what: 'silent', forMs: 60_000, looks: 9 }] as const));
    // Those of the fleet tell anew every beat what they see.
    await Promise.all(closers.splice(1).map((close) => close()));
    expect(await bad(fleet)).toMatchObject([
      { level: 'warn', subject: 'observers', found: expect.stringContaining('0 processes') },
      { level: 'warn', subject: 'reconcilers' },
    ]);
    const off = await openControl({ ...fleet.config, healthEnabled: false });
    expect(await doctor(off)).toContainEqual(
      expect.objectContaining({ level: 'warn', found: expect.stringContaining('health_enabled is off') as string }),
    );
    await off.close();
    for (const process of ['a', 'b'])
      await observations.report({ id: process, process, name: `${process} reconciler` }, down);
    expect(await bad(fleet)).toMatchObject([
      { level: 'warn', subject: 'observers', found: '2 of 2 reach less than half of the nodes, and do not count' },
      {
        level: 'fail',
        subject: 'observers',
        found: expect.stringContaining('2 of 2 nodes look down at once (n1, n2)'),
      },
    ]);
  });

  it('tells of settings that differ, by name', async () => {
    const fleet = await makeFleet();
    const n2 = fleet.client('n2');
    const task = await n2.updateSettings('docs', { stopWords: ['the'] });
    await untilTrue(async () => (await n2.tasks({ uids: [task], limit: 1 }))[0]?.finishedAt != null);
    expect(await bad(fleet)).toEqual([
      {
        level: 'fail',
        subject: 'index docs',
        found: 'n2 has other settings than n1: stopWords',
        remedy: expect.any(String),
      },
    ]);
  });

  it('measures settings against what is desired, and tells of a change under way and of refused writes', async () => {
    const fleet = await makeFleet();
    const { redis } = fleet.base;
    const settings = { ...(await fleet.client('n1').settings('docs')), stopWords: ['the'] };
    const kept = { v: 1, version: 3, fingerprint: 'x', settings: JSON.stringify(settings) };
    await redis.hset(keys.settings('docs'), { ...kept, frozen: 'hash mismatch on n2' });
    expect((await bad(fleet)).map(({ level, found }) => `${level} ${found}`)).toEqual([
      'fail its writes are refused since settings diverged: hash mismatch on n2',
      'fail n1 has other settings than are desired: stopWords',
      'fail n2 has other settings than are desired: stopWords',
    ]);
    const broadcast = {
      id: 'x',
      status: proposed('docs', ''),
      wanted: {},
      hasOwnSecrets: false,
      details: {},
      task: null,
    };
    await redis.hdel(keys.settings('docs'), 'frozen');
    await redis.hset(keys.settings('docs'), 'broadcast', JSON.stringify(broadcast));
    expect(await bad(fleet)).toMatchObject([{ level: 'warn', found: 'its settings are being changed (Propose)' }]);
  });

  it('tells of documents on a node that does not own their shard', async () => {
    const fleet = await makeFleet({ nodes: 3 });
    const table = await fleet.base.records.table('docs');
    const route = table!.shards[0]!;
    const stranger = ['n1', 'n2', 'n3'].find((id) => !route.owners.includes(id))!;
    const client = fleet.client(stranger);
    const tag = '{"router":"stray","epoch":1,"shards":[0],"attempt":1}';
    if ((await client.index('docs')) === null) {
      await client.createIndex('docs', 'id');
      await client.updateSettings('docs', await fleet.client(route.owners[0]!).settings('docs'));
    }
    const task = await client.putDocuments('docs', 'id', '[{"id":"x","_miroir_shard":0,"_miroir_slot":1}]', tag);
    await untilTrue(async () => (await client.tasks({ uids: [task], limit: 1 }))[0]?.finishedAt != null);
    expect((await bad(fleet)).map(({ found }) => found)).toEqual([
      `1 documents on ${stranger} are of shards that it neither owns nor is being given`,
    ]);
  });

  it('tells of shards that are frozen, with the way out', async () => {
    const fleet = await makeFleet();
    const { redis } = fleet.base;
    const text = (await redis.hget(keys.routing('docs'), 's:2')) ?? '';
    const table = { ...(JSON.parse(text) as object), frozen: true, others: ['n1', 'n3'] };
    await redis.hset(keys.routing('docs'), 's:2', JSON.stringify(table));
    expect(await bad(fleet)).toEqual([
      {
        level: 'fail',
        subject: 'index docs',
        found: '1 shards are frozen since Redis lost writes (2 also on n1, n3)',
        remedy: expect.stringContaining('miroir index thaw docs'),
      },
    ]);
  });

  it('tells of documents that were written past the routers', async () => {
    const fleet = await makeFleet();
    const client = fleet.client('n2');
    const task = await client.putDocuments('docs', 'id', '[{"id":"past"}]', 'nightly import');
    await untilTrue(async () => (await client.tasks({ uids: [task], limit: 1 }))[0]?.finishedAt != null);
    expect(await bad(fleet)).toMatchObject([
      {
        level: 'warn',
        subject: 'index docs',
        found: expect.stringContaining('1 documents on n2 lack our fields'),
        remedy: expect.stringContaining('`miroir index adopt docs --yes`; what that lists as left: send it through'),
      },
    ]);
  });

  it('tells what owners missed from copies that nodes have left, of which nothing is to be done', async () => {
    const fleet = await makeFleet();
    const { repairs } = fleet.base;
    await repairs.add('docs', 1, 'shard', ['n3']);
    expect(await bad(fleet)).toEqual([]);
    const found = 'n3 left 1 shard and may still have a copy, which is asked where every owner missed something';
    expect(await look(fleet)).toContainEqual({ level: 'ok', subject: 'index docs', found, remedy: null });
    await repairs.add('docs', 1, ['7'], ['n2']);
    await repairs.add('docs', 2, 'shard', ['n2']);
    expect(await bad(fleet)).toMatchObject([{ found: 'n2 missed 1 documents of 1 shards and 1 whole shard' }]);
  });

  it('tells of what an owner missed, of jobs without a move, and of a router ahead of Redis', async () => {
    const fleet = await makeFleet();
    const { base } = fleet;
    await base.repairs.add('docs', 1, ['7', '8'], ['n2']);
    const queue = new Queue(indexQueue('docs'), { prefix: QUEUE_PREFIX, connection: { url: base.config.redisUrl } });
    closers.push(() => queue.close());
    await queue.add('docs/1', { v: 1, move: 'gone', index: 'docs', phase: 'DualWriteStarted' });
    const calls = await RouterCalls.open(base);
    closers.push(() => calls.close());
    await untilTrue(async () => JSON.stringify(await base.redis.hgetall(keys.routers)).includes('docs'));
    await base.redis.hset(keys.routing('docs'), 'epoch', '0');
    const found = (await bad(fleet)).map((finding) => finding.found);
    expect(found).toContain('n2 missed 2 documents of 1 shards');
    expect(found).toContain('1 jobs belong to no move');
    expect(found.some((text) => /has seen epoch \d+ of docs, Redis shows 0/.test(text))).toBe(true);
  });
});
