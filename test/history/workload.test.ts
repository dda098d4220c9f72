import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDevNode } from '../../src/fleet/nodes.ts';
import type { DevNodeProcess } from '../../src/fleet/nodes.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';
import { Judge } from './check.ts';
import type { EndState } from './check.ts';
import { Keyspace } from './keyspace.ts';
import { latencyOf } from './latency.ts';
import { dumps, untilIdle } from './nodes.ts';
import { Recorder } from './record.ts';
import type { WriteCall } from './record.ts';
import { HttpTarget, prepareIndex } from './targets.ts';
import { describeVerdict } from './verdict.ts';
import type { FaultKind, Verdict } from './verdict.ts';
import { runWorkload } from './workload.ts';
import type { WorkloadSummary } from './workload.ts';

const INDEX = 'docs';
const SEED = 20_260_501;

let node: DevNodeProcess;
let target: HttpTarget;

beforeAll(async () => {
  node = await startDevNode({ id: 'n1', batchMs: 5, docsPerS: 50_000, switches: true });
  target = new HttpTarget({ name: 'r1', url: node.url, index: INDEX });
});
afterAll(async () => {
  await target.close();
  await node.stop();
});

/** The counts that are not 0. */
const faultsOf = ({ counts }: Verdict): Partial<Record<FaultKind, number>> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

const RUN_MS = 25_000;

interface Run {
  readonly recorder: Recorder;
  readonly judge: Judge;
  readonly keyspace: Keyspace;
  readonly summary: WorkloadSummary;
}

/** By calls, not by time: a busy machine does less in a second, and what is found depends on what was done. */
async function runFor(calls: number, disturb?: () => Promise<void>): Promise<Run> {
  await switchesOf(node).wipe();
  await prepareIndex(target, INDEX);
  const recorder = new Recorder();
  const judge = new Judge(recorder.history, { readsInOrder: true });
  const keyspace = new Keyspace({ hot: 3, cold: 120, groups: 6 });
  const ending = new AbortController();
  const running = runWorkload({ targets: [target], recorder, keyspace, seed: SEED, signal: ending.signal, clients: 6 });
  const looking = (async () => {
    while (!ending.signal.aborted) {
      judge.look();
      await sleep(200);
    }
  })();
  const done = (share: number) => untilTrue(() => recorder.history.length >= calls * share, RUN_MS);
  await done(1 / 2);
  await disturb?.();
  await done(1);
  ending.abort();
  await looking;
  const summary = await running;
  await untilIdle([node], 10_000);
  return { recorder, judge, keyspace, summary };
}

const endOf = async ({ recorder }: Run): Promise<EndState> => ({
  idleAtMs: recorder.now(),
  dumps: await dumps([node], INDEX),
  owners: () => ['n1'],
});

describe('clients of one node', () => {
  it('find nothing wrong with it, whatever they do', async () => {
    const run = await runFor(2_500);
    const verdict = run.judge.end(await endOf(run));
    expect(faultsOf(verdict), describeVerdict(verdict)).toEqual({});
    expect(run.summary).toMatchObject({ calls: run.recorder.history.length, unfinishedTasks: 0, wasFull: false });
    expect(verdict).toMatchObject({ unknown: 0, refused: 0, failed: 0 });
    expect(verdict.acknowledged).toBe(verdict.applied);
    // Every kind of call was there, and often enough to mean something.
    const kinds = new Set(run.recorder.history.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(['delete', 'deleteByFilter', 'get', 'list', 'put', 'search', 'update']);
    expect(verdict.acknowledged).toBeGreaterThan(500);
    expect(verdict.reads).toBeGreaterThan(100);
    const { calls, p50Ms, maxMs } = latencyOf(run.recorder.history, ({ is }) => is === 'write');
    expect(calls).toBeGreaterThan(300);
    expect(p50Ms).toBeLessThanOrEqual(maxMs);
  });

  it('find what goes wrong with it once they have stopped', async () => {
    // So many that one of each kind below is there, in whatever order answers come.
    const run = await runFor(2_500);
    const switches = switchesOf(node);
    const before = (await endOf(run)).dumps.get('n1') ?? new Map<string, string>();
    const putOf = (key: string): WriteCall[] =>
      run.recorder.history.filter(
        (call): call is WriteCall => call.is === 'write' && call.kind === 'put' && call.keys.includes(key),
      );
    // Ends in such a write, begun after every other one of it was answered: only then is it certain what must be there, and
    // that what comes back is resurrected, and what is gone lost.
    const endsIn = (key: string, kind: WriteCall['kind']): boolean => {
      const writes = run.recorder.history.filter(
        (call): call is WriteCall => call.is === 'write' && call.keys.includes(key),
      );
      const last = writes.at(-1);
      if (last?.kind !== kind) return false;
      return writes.every((write) => write === last || (write.answeredAtMs ?? Infinity) < last.invokedAtMs);
    };
    const [lost, gone] = [...before.keys()].filter((key) => key.startsWith('cold') && endsIn(key, 'put'));
    const [absent] = run.keyspace.keys.filter(
      (key) => !before.has(key) && putOf(key).length > 0 && endsIn(key, 'delete'),
    );
    const [stale] = run.keyspace.hot.filter((key) => before.has(key) && putOf(key).length > 1);
    if (lost === undefined || gone === undefined || absent === undefined || stale === undefined) {
      throw new Error('the clients have done too little');
    }
    const old = (key: string): Record<string, unknown> => {
      const value = putOf(key)[0]?.value ?? null;
      return run.keyspace.document(key, { base: value, patch: value });
    };
    await switches.remove(INDEX, lost);
    await switches.remove(INDEX, gone);
    await switches.put(INDEX, old(absent));
    await switches.put(INDEX, old(stale));
    const verdict = run.judge.end(await endOf(run));
    expect(faultsOf(verdict), describeVerdict(verdict)).toEqual({ lost: 2, resurrected: 1, stale: 1 });
    expect(verdict.examples.map(({ key }) => key).sort()).toEqual([lost, gone, absent, stale].sort());
  });

  it('find a document that vanishes under them while they go on', async () => {
    let victim = '';
    const run = await runFor(2_000, async () => {
      // Many, and seldom written: of some, somebody reads that they are missing before they are written again.
      const documents = (await dumps([node], INDEX)).get('n1') ?? new Map<string, string>();
      for (const key of [...documents.keys()].filter((one) => one.startsWith('cold')).slice(0, 40)) {
        await switchesOf(node).remove(INDEX, key);
        victim = key;
      }
    });
    expect(victim).not.toBe('');
    const live = run.judge.look();
    expect(live.counts.missing, describeVerdict(live)).toBeGreaterThan(0);
    const verdict = run.judge.end(await endOf(run));
    expect(verdict.counts.missing).toBeGreaterThanOrEqual(live.counts.missing);
    expect(verdict.counts).toMatchObject({ doubled: 0, resurrected: 0, phantom: 0, diverged: 0, undecided: 0 });
  });
});

describe('a target', () => {
  const key = 'cold-1';
  const write = (to: HttpTarget): ReturnType<HttpTarget['write']> =>
    to.write({ kind: 'delete', ids: [key] }, AbortSignal.timeout(300));

  it('tells what was certainly not executed from what nobody knows', async () => {
    const answers: (readonly [number, string, string])[] = [
      [400, 'invalid_document_id', 'refused'],
      [409, 'miroir_index_moving', 'refused'],
      [429, 'too_many', 'refused'],
      [503, 'miroir_write_waited', 'refused'],
      [503, 'miroir_overloaded', 'refused'],
      [503, 'miroir_router_unconfirmed', 'refused'],
      [408, 'timeout', 'unknown'],
      [500, 'internal', 'unknown'],
      [503, 'miroir_no_quorum', 'unknown'],
      [503, 'miroir_outcome_unknown', 'unknown'],
      [200, 'no task', 'unknown'],
    ];
    let next: readonly [number, string, string] | null = null;
    const server = createServer((_, response) => {
      if (next === null) response.destroy();
      else response.writeHead(next[0], { 'retry-after': '2' }).end(JSON.stringify({ code: next[1] }));
    });
    server.listen(0, '127.0.0.1');
    await untilTrue(() => server.listening);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const one = new HttpTarget({ name: 't', url, index: INDEX });
    try {
      for (next of answers) {
        const [status, code, outcome] = next;
        expect(await write(one)).toEqual({ outcome, note: `${status} ${code}`, retryAfterMs: 2_000 });
      }
      next = null;
      expect(await write(one)).toMatchObject({ outcome: 'unknown' });
      expect(await one.get(key, AbortSignal.timeout(300))).toHaveProperty('failure');
      server.close();
      server.closeAllConnections();
      await untilTrue(async () => (await write(one)).outcome === 'refused');
    } finally {
      await one.close();
      server.close();
    }
  });

  it('gives up at the deadline, which leaves open what became of the call', async () => {
    const server = createServer(() => undefined);
    server.listen(0, '127.0.0.1');
    await untilTrue(() => server.listening);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const one = new HttpTarget({ name: 't', url, index: INDEX });
    try {
      expect(await write(one)).toMatchObject({ outcome: 'unknown' });
      expect(await one.tasks([1], AbortSignal.timeout(50))).toBeNull();
    } finally {
      await one.close();
      server.closeAllConnections();
      server.close();
    }
  });
});

describe('a workload', () => {
  it('stops where the recorder is full', async () => {
    await switchesOf(node).wipe();
    await prepareIndex(target, INDEX);
    const recorder = new Recorder({ callsMax: 40 });
    const keyspace = new Keyspace({ hot: 1, cold: 10, groups: 2 });
    const { signal } = new AbortController();
    const summary = await runWorkload({ targets: [target], recorder, keyspace, seed: 1, signal });
    expect(summary).toMatchObject({ calls: 40, wasFull: true, unfinishedTasks: 0 });
  });

  it('waits when too much is accepted and not applied, and keeps to its rate and its mix', async () => {
    await switchesOf(node).wipe();
    await prepareIndex(target, INDEX);
    await switchesOf(node).pause();
    const recorder = new Recorder();
    const keyspace = new Keyspace({ hot: 1, cold: 0, groups: 1 });
    const ending = new AbortController();
    const clients = 3;
    const openTasksMax = 10;
    const running = runWorkload({
      targets: [target],
      recorder,
      keyspace,
      seed: 1,
      signal: ending.signal,
      clients,
      openTasksMax,
      callsPerS: 500,
      mix: { put: 1 },
    });
    try {
      await untilTrue(() => recorder.history.length >= openTasksMax);
      await sleep(200);
      // Those under way when the last place was taken may still come in.
      expect(recorder.history.length).toBeLessThan(openTasksMax + clients);
    } finally {
      await switchesOf(node).resume();
      await untilTrue(() => recorder.history.length > 2 * openTasksMax);
      ending.abort();
    }
    expect(await running).toMatchObject({ unfinishedTasks: 0 });
    expect(new Set(recorder.history.map(({ kind }) => kind))).toEqual(new Set(['put']));
  });
});
