// What observers make of nodes on real processes: killed, frozen, cut off from one observer, with a key that is refused,
// too many at once, too often; and how a node comes back by itself.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { listNodes } from '../../src/control/nodes.ts';
import type { Topology, TopologyNode } from '../../src/core/topology.ts';
import { startDevNode } from '../../src/fleet/nodes.ts';
import { startWorker } from '../../src/fleet/processes.ts';
import { createProbe } from '../../src/nodes/index.ts';
import { startNodeLooks } from '../../src/planning/node-looks.ts';
import { type Base, openControl } from '../../src/service.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { startProxy } from '../support/proxy.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const CONFIG = {
  lease_ttl_secs: 4,
  lease_renewal_interval_ms: 800,
  node_failed_after_ms: 3_000,
  health_probe_interval_ms: 500,
  health_probe_timeout_ms: 500,
};

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function makeFleet(nodes: number, config: Readonly<Record<string, string | number>> = {}): Promise<TestFleet> {
  const fleet = await startTestFleet({ nodes, config: { ...CONFIG, ...config } });
  closers.push(() => fleet.stop());
  return fleet;
}

/** A process that looks at nodes, at other addresses where told. */
function observe({ base }: TestFleet, holder: string, urls: Readonly<Record<string, string>> = {}): void {
  const topology = async (): Promise<Topology> => {
    const { version, nodes } = await base.records.topology();
    return { version, nodes: nodes.map((node) => ({ ...node, url: urls[node.id] ?? node.url })) };
  };
  const looks = startNodeLooks({
    ...base,
    ...base.timings,
    records: { topology },
    probe: createProbe(base),
    holder,
    role: 'planner',
  });
  closers.push(() => looks.close());
}

const nodeOf = ({ nodes }: TestFleet, id: string) => {
  const node = nodes.find((one) => one.id === id);
  if (node === undefined) throw new Error(`no node ${id}`);
  return node;
};
const entryOf = async ({ base }: TestFleet, id: string): Promise<TopologyNode | undefined> =>
  (await base.records.topology()).nodes.find((node) => node.id === id);

/** The planner looks again and again until the node is in one of these states, which is returned. */
async function untilState(fleet: TestFleet, id: string, ...states: readonly string[]): Promise<TopologyNode> {
  let entry: TopologyNode | undefined;
  await untilTrue(
    async () => {
      await fleet.planner.tick();
      entry = await entryOf(fleet, id);
      return entry !== undefined && states.includes(entry.state);
    },
    30_000,
    () => JSON.stringify(entry),
  );
  if (entry === undefined) throw new Error(`no node ${id}`);
  return entry;
}

/** The planner looks for so long; the states that the node was in meanwhile. */
async function statesFor(fleet: TestFleet, id: string, ms: number): Promise<ReadonlySet<string>> {
  const states = new Set<string>();
  const endsMs = performance.now() + ms;
  while (performance.now() < endsMs) {
    await fleet.planner.tick();
    states.add((await entryOf(fleet, id))?.state ?? '');
    await fleet.base.clock.sleep(100, new AbortController().signal);
  }
  return states;
}

async function scrape(base: Base, env: Readonly<Record<string, string>>): Promise<string> {
  const worker = await startWorker('planner', { ...env, MIROIR_REDIS_URL: base.config.redisUrl });
  closers.push(() => worker.child.stop());
  return (await fetch(`${worker.ready.metrics ?? ''}/metrics`)).text();
}

describe('a node that is killed', () => {
  it('is degraded, then failed, and comes back by itself when routers and planners are answered again', async () => {
    const fleet = await makeFleet(3);
    for (const holder of ['host/1', 'host/2']) observe(fleet, holder);
    const router = await RouterCalls.open({ ...fleet.base, holder: 'host/3' });
    closers.push(() => router.close());
    nodeOf(fleet, 'n2').kill('SIGKILL');
    await nodeOf(fleet, 'n2').exited;
    expect(await untilState(fleet, 'n2', 'degraded', 'failed')).toMatchObject({
      state: 'degraded',
      seen: { why: 'no answer' },
    });
    expect(await untilState(fleet, 'n2', 'failed')).toMatchObject({ seen: { why: 'no answer', failed: true } });
    // A process that has just started shows it.
    const text = await scrape(fleet.base, fleet.env);
    expect(text).toContain('miroir_node_healthy{node_id="n2"} 0');
    expect(text).toContain('miroir_node_healthy{node_id="n1"} 1');
    expect(text).toContain('miroir_node_state{node_id="n2",state="failed"} 1');
    await nodeOf(fleet, 'n2').restart();
    const back = await untilState(fleet, 'n2', 'restoring', 'active');
    // What observers find counts as an event that somebody sends.
    const counted = await fleet.base.metrics.registry.metrics();
    for (const type of ['NodeFailed', 'NodeRecovered'])
      expect(counted).toContain(`miroir_events_total{type="${type}",result="planned"} 1`);
    expect(back.seen).toEqual({ failuresAtMs: [expect.any(Number)] });
    const audit = await fleet.base.redis.xrange('{miroir}:audit', '-', '+');
    expect(audit.map(([, fields]) => fields.join(' ')).join('\n')).toMatch(
      /NodeRecovered n2: it answers .*host\/\d/, // whoever of them saw it first
    );
  }, 90_000);

  it('stays failed when an operator said so, whatever observers see', async () => {
    const fleet = await makeFleet(3);
    for (const holder of ['host/1', 'host/2']) observe(fleet, holder);
    await fleet.planner.handle('NodeFailed', { node_id: 'n2' });
    expect(await statesFor(fleet, 'n2', 4_000)).toEqual(new Set(['failed']));
    await fleet.planner.handle('NodeRecovered', { node_id: 'n2' });
    expect((await entryOf(fleet, 'n2'))?.state).toBe('restoring');
  }, 60_000);
});

it('a frozen node fails like a dead one, and comes back when it goes on', async () => {
  const fleet = await makeFleet(3);
  for (const holder of ['host/1', 'host/2']) observe(fleet, holder);
  nodeOf(fleet, 'n3').kill('SIGSTOP');
  try {
    expect((await untilState(fleet, 'n3', 'failed')).seen?.why).toBe('no answer');
  } finally {
    nodeOf(fleet, 'n3').kill('SIGCONT');
  }
  expect((await untilState(fleet, 'n3', 'restoring', 'active')).seen?.failed).toBeUndefined();
}, 60_000);

describe('observers that disagree', () => {
  it('fail no node: two are cut off from it, two reach it and have nothing to tell', async () => {
    const fleet = await makeFleet(3);
    const proxy = await startProxy(nodeOf(fleet, 'n2').port);
    closers.push(() => proxy.stop());
    for (const holder of ['host/1', 'host/2']) observe(fleet, holder, { n2: `http://127.0.0.1:${proxy.port}` });
    for (const holder of ['host/3', 'host/4']) observe(fleet, holder);
    // The node's answers do not come through; what is asked of it does.
    proxy.cut('answers');
    await untilTrue(async () => {
      const { reports } = await fleet.base.observations.read();
      return reports.filter(({ nodes }) => (nodes.get('n2')?.forMs ?? 0) > 3_500).length === 2;
    });
    expect(await statesFor(fleet, 'n2', 1_500)).toEqual(new Set(['active']));
    proxy.heal();
  }, 60_000);

  it('leave it to those who reach half of the nodes', async () => {
    const fleet = await makeFleet(3);
    const gone = 'http://127.0.0.1:9';
    for (const holder of ['host/1', 'host/2']) observe(fleet, holder, { n2: gone });
    // Two that reach nothing but that node are no half of the observers against the two others.
    for (const holder of ['host/3', 'host/4']) observe(fleet, holder, { n1: gone, n3: gone });
    await untilState(fleet, 'n2', 'failed');
    expect(await statesFor(fleet, 'n1', 2_000)).toEqual(new Set(['active']));
    expect((await entryOf(fleet, 'n3'))?.state).toBe('active');
  }, 60_000);
});

it('a node that refuses our key is degraded for that, never failed, and well again with the right key', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'miroir-keys-'));
  closers.push(() => rm(folder, { recursive: true }));
  const key = (secret: string): Promise<void> => writeFile(join(folder, 'k'), secret, { mode: 0o600 });
  await key('a-wrong-key-of-sixteen');
  const fleet = await makeFleet(3, { keys_dir: folder, node_failed_after_ms: 1_000 });
  const guarded = await startDevNode({ id: 'n4', masterKey: 'the-right-key-of-the-node' });
  closers.push(() => guarded.stop());
  const { version } = await fleet.base.records.topology();
  const node: TopologyNode = { id: 'n4', url: guarded.url, group: 0, apiKeyRef: 'k', state: 'active' };
  await fleet.planWriter.commitTopology(version, [{ id: 'n4', node }], { why: 'a test' });
  for (const holder of ['host/1', 'host/2']) observe(fleet, holder);
  expect((await untilState(fleet, 'n4', 'degraded')).seen).toEqual({ why: 'its key is refused' });
  expect(await statesFor(fleet, 'n4', 2_500)).toEqual(new Set(['degraded']));
  await key('the-right-key-of-the-node');
  expect((await untilState(fleet, 'n4', 'active')).seen).toBeUndefined();
}, 60_000);

it('when most of the fleet looks down nothing is failed, and every process says so', async () => {
  const fleet = await makeFleet(3);
  for (const holder of ['host/1', 'host/2']) observe(fleet, holder);
  for (const id of ['n1', 'n2']) nodeOf(fleet, id).kill('SIGSTOP');
  try {
    await untilTrue(async () => {
      const { reports } = await fleet.base.observations.read();
      return reports.length === 2 && reports.every(({ nodes }) => (nodes.get('n1')?.forMs ?? 0) > 3_500);
    }, 30_000);
    expect(await statesFor(fleet, 'n1', 1_000)).toEqual(new Set(['active']));
    expect(await scrape(fleet.base, fleet.env)).toContain('miroir_heal_brake 1');
    // One of them is back: the other one alone is nothing unusual.
    nodeOf(fleet, 'n1').kill('SIGCONT');
    await untilState(fleet, 'n2', 'failed');
    expect((await entryOf(fleet, 'n1'))?.state).toBe('active');
  } finally {
    for (const id of ['n1', 'n2']) nodeOf(fleet, id).kill('SIGCONT');
  }
}, 90_000);

it('a node that fails a fourth time in ten minutes comes back only after it has answered for long', async () => {
  const quietMs = 6_000;
  const fleet = await makeFleet(3, { node_failed_after_ms: 200, node_flap_quiet_ms: quietMs });
  for (const holder of ['host/1', 'host/2']) observe(fleet, holder);
  const n2 = switchesOf(nodeOf(fleet, 'n2'));
  const failing = async (): Promise<TopologyNode> => {
    await n2.fault({ match: { path: '^/(health|version)' }, do: 'drop-before' });
    const entry = await untilState(fleet, 'n2', 'failed');
    await n2.clearFaults();
    return entry;
  };
  for (let times = 1; times <= 3; times += 1) {
    expect((await failing()).seen?.flapping).toBeUndefined();
    const startedMs = performance.now();
    await untilState(fleet, 'n2', 'restoring', 'active');
    expect(performance.now() - startedMs).toBeLessThan(quietMs);
  }
  expect((await failing()).seen?.flapping).toBe(true);
  const startedMs = performance.now();
  const control = await openControl(fleet.config);
  closers.push(() => control.close());
  const listed = (await listNodes(control)).find(({ id }) => id === 'n2');
  expect(listed?.note).toContain('flapping');
  await untilState(fleet, 'n2', 'restoring', 'active');
  expect(performance.now() - startedMs).toBeGreaterThan(quietMs);
}, 90_000);
