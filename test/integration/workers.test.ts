// The processes as an operator meets them: what they print, how they end, what they leave behind.
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../src/devnode/switches.ts';
import { environmentOf, loadConfig } from '../../src/config.ts';
import { type Child, startChild } from '../../src/fleet/child.ts';
import { spawnWorker, startWorker } from '../../src/fleet/processes.ts';
import { keys, PLANNER_SCOPE, rebalanceScope } from '../../src/redis/keys.ts';
import { createProgressHistory } from '../../src/redis/progress.ts';
import { type TestFleet, someDocuments, startTestFleet } from '../support/fleet.ts';
import { promtool } from '../support/promtool.ts';
import { scene } from '../support/scene.ts';
import { withRedis } from '../support/redis.ts';
import { untilTrue } from '../support/until.ts';

/** What a supervisor waits before it kills, and what the README promises. */
const DRAIN_MS = 5_000;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

async function terminated(child: Child): Promise<{ code: number | null; ms: number }> {
  const startedMs = performance.now();
  const { code } = await child.stop(20_000);
  return { code, ms: performance.now() - startedMs };
}

const NO_WRITES = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission';
/** Files may only be read, as where the root file system is read-only; what compiles sources needs more than that. */
const READ_ONLY = process.env['TEST_BUILT'] === undefined ? {} : { NODE_OPTIONS: `${NO_WRITES} --allow-fs-read=*` };

const environment = (redisUrl: string): Record<string, string> => ({
  MIROIR_REDIS_URL: redisUrl,
  MIROIR_METRICS_PORT: '0',
  MIROIR_API_PORT: '0',
  MIROIR_GATEWAY_PORT: '0',
});

// Each starts processes from their sources, which takes seconds on a busy machine.
describe('a worker process', { timeout: 60_000 }, () => {
  const redis = withRedis({ aof: 'everysec' });

  it.each(['planner', 'rebalancer', 'reconciler', 'gateway', 'api'])(
    '%s says where its metrics are, exits with 0 on SIGTERM, and writes no file',
    async (name) => {
      const { child, ready } = await startWorker(name, { ...environment(redis.url), ...READ_ONLY });
      expect(ready.role).toBe(name);
      const scrape = await fetch(`${ready.metrics}/metrics`);
      const text = await scrape.text();
      expect(text).toContain('miroir_rebalance_in_progress 0');
      const findings = promtool(['check', 'metrics'], text).text.split('\n');
      // Three gauges that prom-client names so.
      expect(findings.filter((line) => !/^(?:nodejs_active_\w+_total non-counter.*)?$/.test(line))).toEqual([]);
      expect((await fetch(`${ready.metrics}/readyz`)).status).toBe(200);
      const { code, ms } = await terminated(child);
      expect(code, child.tail().join('\n')).toBe(0);
      expect(ms).toBeLessThan(DRAIN_MS);
    },
  );

  it('planner: releases its lease clean on SIGTERM, so that another one plans at once', async () => {
    const records = new Redis(redis.url);
    const lease = (): Promise<(string | null)[]> => records.hmget(keys.lease(PLANNER_SCOPE), 'state', 'holder', 'how');
    try {
      const first = await startWorker('planner', environment(redis.url));
      const holder = `${hostname()}/${first.child.pid}`;
      await untilTrue(async () => (await lease())[1] === holder);
      const second = await startWorker('planner', environment(redis.url));
      const { code, ms } = await terminated(first.child);
      expect(code).toBe(0);
      expect(ms).toBeLessThan(DRAIN_MS);
      const successor = ['held', `${hostname()}/${second.child.pid}`, 'clean'];
      await untilTrue(async () => (await lease()).join() === successor.join());
      await second.child.stop();
      expect((await lease())[0]).toBe('clean');
    } finally {
      records.disconnect();
    }
  });

  it('all: starts its mover again when that one dies, and takes it along when it ends', async () => {
    const lines: string[] = [];
    const { child } = await startWorker('all', environment(redis.url), { onLine: (line) => lines.push(line) });
    const movers = (): number[] =>
      lines.flatMap((line) => {
        const { msg, pid } = JSON.parse(line) as { msg?: string; pid: number };
        return msg === 'rebalancer runs' ? [pid] : [];
      });
    expect(movers()).toHaveLength(1);
    process.kill(movers()[0] ?? 0, 'SIGKILL');
    await untilTrue(() => movers().length === 2, 20_000);
    const { code } = await terminated(child);
    expect(code).toBe(0);
    await untilTrue(() => !isAlive(movers()[1] ?? 0));
  });

  it('all: runs a gateway where it is told to, and starts it again where it was when it dies', async () => {
    const env = { ...environment(redis.url), MIROIR_ALL_GATEWAY: '1', MIROIR_GATEWAY_PORT: '0' };
    const { child, ready } = await startWorker('all', env, { tailLines: 1_000 });
    expect(ready.gateway).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const gateways = (): number[] =>
      child.tail().flatMap((line) => {
        const { msg, pid } = JSON.parse(line) as { msg?: string; pid: number };
        return msg === 'the gateway runs' ? [pid] : [];
      });
    const isHealthy = async (): Promise<boolean> => (await fetch(`${ready.gateway}/health`)).status === 200;
    await untilTrue(isHealthy);
    process.kill(gateways()[0] ?? 0, 'SIGKILL');
    await untilTrue(() => gateways().length === 2, 20_000);
    await untilTrue(isHealthy);
    const { code } = await terminated(child);
    expect(code).toBe(0);
    await untilTrue(() => !isAlive(gateways()[1] ?? 0));
  });

  it('all: does not start where its gateway would be open to everybody', async () => {
    const env = { ...environment(redis.url), MIROIR_ALL_GATEWAY: '1', MIROIR_GATEWAY_HOST: '0.0.0.0' };
    const child = await spawnWorker('all', env);
    expect((await child.exited).code).toBe(78);
    expect(child.tail().join('\n')).toContain('gateway_keys_file');
  });

  it.each([
    ['planner', { MIROIR_LEASE_TTL_SECS: 'soon', MIROIR_API_PRT: '1' }],
    ['rebalancer', { MIROIR_WINDOW_BYTES: '-1', MIROIR_LEASE_TTL: '3' }],
  ])('%s ends with 78 and names each wrong key', async (name, wrong) => {
    const child = await spawnWorker(name, { ...environment(redis.url), ...wrong });
    expect(await child.exited).toEqual({ code: 78, signal: null });
    const said = child.tail().join('\n');
    for (const key of Object.keys(wrong)) expect(said).toContain(key);
    expect(said.split('\n').length).toBeLessThan(24);
    expect(said).not.toContain('    at ');
  });

  it('ends with 1 and a remedy when Redis would forget its records', async () => {
    const volatile = await startTestFleet({ nodes: 1 });
    try {
      const refused = await spawnWorker('planner', environment(volatile.redis.url));
      expect(await refused.exited).toEqual({ code: 1, signal: null });
      expect(refused.tail().join('\n')).toMatch(/append-only file[\s\S]*what to do: set appendonly yes/);
    } finally {
      await volatile.stop();
    }
  });

  it('ends with 1 after an uncaught error, its stack logged', async () => {
    const source = `
      import { runProcess } from './src/service.ts';
      await runProcess('test', async () => ({ metricsUrl: null, close: async () => console.log('drained') }));
      setTimeout(() => { throw new Error('out of the blue'); }, 20);
    `;
    const child = await startChild(
      { command: process.execPath, args: ['--import', 'tsx', '--input-type=module', '-e', source] },
      { name: 'process with a defect', cwd: ROOT },
    );
    expect(await child.exited).toEqual({ code: 1, signal: null });
    const said = child.tail().join('\n');
    expect(said).toContain('drained');
    expect(said).toMatch(/"level":"fatal".*out of the blue.*"stack":"Error: out of the blue\\n {4}at /);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // no such process
  }
}

describe('a configuration for a child process', () => {
  it('is read back as it was resolved', () => {
    const config = loadConfig({
      MIROIR_NODE_ORIGINS: 'http://a:1,https://*.example.com',
      MIROIR_LEASE_TTL_SECS: '2.5',
      MIROIR_LEASE_RENEWAL_INTERVAL_MS: '500',
      MIROIR_ALLOW_VOLATILE_REDIS: '1',
      MIROIR_NODE_KEY_N1: 'one',
      MIROIR_NODE_KEY_ORIGINS_N1: 'http://a:1,http://b:2',
    });
    expect(loadConfig(environmentOf(config))).toEqual(config);
  });
});

describe('SIGTERM while shards move', { timeout: 60_000 }, () => {
  let fleet: TestFleet | undefined;
  afterEach(async () => {
    await fleet?.stop();
    fleet = undefined;
  });

  it('releases the lease clean, and the next process goes on at once', async () => {
    fleet = await startTestFleet({ nodes: 2, aof: 'everysec', node: { batchMs: 30, docsPerS: 4_000 } });
    await fleet.createIndex({ documents: someDocuments(6_000) });
    await fleet.startNode();
    const leases = fleet.base.redis;
    const { child } = await startWorker('rebalancer', { ...fleet.env, MIROIR_LOG_LEVEL: 'info' });
    await fleet.addNode('n3');
    const lease = keys.lease(rebalanceScope('docs'));
    await untilTrue(async () => {
      const moves = await fleet?.base.records.unfinishedMoves();
      return moves?.some(({ docsMigrated }) => docsMigrated > 0) ?? false;
    });
    expect(await leases.hget(lease, 'state')).toBe('held');
    const { code, ms } = await terminated(child);
    expect(code, child.tail().join('\n')).toBe(0);
    expect(ms).toBeLessThan(DRAIN_MS);
    expect(await leases.hget(lease, 'state')).toBe('clean');
    expect((await fleet.base.records.unfinishedMoves()).length).toBeGreaterThan(0);
    const history = createProgressHistory(fleet.base.redis, fleet.base.records);
    const [plan] = await fleet.base.records.plans(1);
    if (plan === undefined) throw new Error('no plan');
    const before = await history.of(plan);
    expect(before.samples.length).toBeGreaterThan(0);
    await fleet.startWorker();
    await fleet.untilQuiet();
    // What the first process had brought about is where the second one goes on.
    const after = await history.of(plan);
    const sampled = before.samples.slice(0, -1);
    expect(after.samples.slice(0, sampled.length)).toEqual(sampled);
    const moves = await fleet.base.records.moves(await fleet.base.records.planMoveIds(plan.id));
    expect(after.samples.at(-1)).toMatchObject({
      documents: moves.reduce((sum, { docsMigrated }) => sum + docsMigrated, 0),
      over: moves.length,
    });
    expect(await history.predicted(plan.id)).toMatchObject({ documents: expect.any(Number) as number });
    expect(after).toMatchObject({ left: 0, running: [], settled: { moves: moves.length } });
    const { results } = await history.throughput();
    expect(Math.max(...results.map(({ longestWriteWaitMs }) => longestWriteWaitMs))).toBe(
      Math.max(...moves.map(({ holdMs }) => holdMs ?? 0)),
    );
    expect(await leases.hget(lease, 'how')).toBe('clean');
  });

  /** A move whose documents meet a fault at the target, and its process, which is told to end then. */
  async function ending(fault: Pick<Fault, 'do' | 'ms'>) {
    const running = await startTestFleet({ nodes: 2, aof: 'everysec', config: { lease_ttl_secs: 10 } });
    fleet = running;
    const at = await scene(running);
    await at.target.fault({ match: { method: 'POST', path: `^/indexes/${at.index}/documents\\?` }, ...fault });
    const { child } = await startWorker('rebalancer', running.env);
    const { id } = await at.move();
    await untilTrue(async () => (await at.sent()).length > 0);
    return { at, id, child, state: () => running.base.redis.hget(keys.lease(rebalanceScope(at.index)), 'state') };
  }

  it('waits for the answer of a window that is being accepted, and leaves nothing on its way behind', async () => {
    const { at, id, child, state } = await ending({ do: 'delay', ms: 1_500 });
    const { code, ms } = await terminated(child);
    expect(code, child.tail().join('\n')).toBe(0);
    expect(ms).toBeLessThan(DRAIN_MS);
    expect((await at.sent()).map(({ status }) => status)).toEqual([202]);
    expect(await state()).toBe('clean');
    await at.target.clearFaults();
    await fleet?.startWorker();
    expect(await fleet?.untilEnded(id)).toMatchObject({ outcome: 'done', differences: 0 });
    await at.check();
  });

  it('has its successor wait where the answer of a write was lost, since it may arrive later', async () => {
    const { at, id, child, state } = await ending({ do: 'drop-before' });
    await fleet?.untilMove(id, ({ waiting }) => waiting?.reason.includes('putDocuments') === true);
    expect((await terminated(child)).code).toBe(0);
    expect(await state()).toBe('dirty');
    await at.target.clearFaults();
    const before = performance.now();
    await fleet?.startWorker();
    expect(await fleet?.untilEnded(id, 20_000)).toMatchObject({ outcome: 'done', differences: 0 });
    expect(performance.now() - before).toBeGreaterThan(5_000);
    await at.check();
  });
});
