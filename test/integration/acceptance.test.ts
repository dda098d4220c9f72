// The original's acceptance tests A2 to A4, with real processes. A1 is in lease.test.ts.
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from '../../src/fleet/child.ts';
import { freePort } from '../../src/fleet/port.ts';
import { spawnWorker } from '../../src/fleet/processes.ts';
import type { MoveState } from '../../src/ports.ts';
import type { PhaseJob } from '../../src/queue/jobs.ts';
import { QUEUE_PREFIX, indexQueue, phaseJobId } from '../../src/queue/names.ts';
import { keys } from '../../src/redis/keys.ts';
import { startRebalancer } from '../../src/service.ts';
import { checkPlacement } from '../support/check.ts';
import { type TestFleet, someDocuments, startTestFleet } from '../support/fleet.ts';
import { readMetric } from '../support/metrics.ts';
import { type PlanningFleet, startPlanningFleet } from '../support/planning.ts';
import { type Scene, scene } from '../support/scene.ts';
import { untilTrue } from '../support/until.ts';

const DOCUMENTS = 8_000;

describe('a worker that is killed in the middle of a copy', () => {
  let fleet: TestFleet;
  let at: Scene;
  const workers: Child[] = [];
  /** As the killed worker left them. */
  let left: {
    readonly move: MoveState;
    readonly job: PhaseJob;
    readonly migrated: number;
    readonly killedAtMs: number;
  };
  let ended: MoveState;
  let second = '';

  async function startWorker(): Promise<string> {
    const port = String(await freePort());
    const label = `rebalancer ${workers.length + 1}`;
    workers.push(await spawnWorker('rebalancer', { ...fleet.env, MIROIR_METRICS_PORT: port }, { label }));
    const url = `http://127.0.0.1:${port}`;
    const isUp = (): Promise<boolean> =>
      readMetric(url, 'miroir_rebalance_in_progress').then(Number.isFinite, () => false);
    await untilTrue(isUp, 20_000, () => workers.at(-1)?.tail().join('\n') ?? '');
    return url;
  }

  beforeAll(async () => {
    fleet = await startTestFleet({ nodes: 2, config: { migration_batch_delay_ms: 150, target_tasks: 2 } });
    at = await scene(fleet, { documents: someDocuments(DOCUMENTS) });
    const first = await startWorker();
    const { id } = await at.move();
    await fleet.untilMove(id, (move) => move.docsMigrated >= 2_000, 20_000);
    await at.target.pause();
    await untilTrue(
      async () => (await at.sent()).length > 0 && (await readMetric(first, 'miroir_target_tasks_in_flight')) > 0,
    );
    const migrated = await readMetric(first, 'miroir_rebalance_documents_migrated_total');
    workers[0]?.kill('SIGKILL');
    await workers[0]?.exited;
    const killedAtMs = Date.now();
    const move = await fleet.untilMove(id, () => true);
    const connection = new Redis(fleet.redis.url, { maxRetriesPerRequest: null });
    const queue = new Queue<PhaseJob>(indexQueue(at.index), { connection, prefix: QUEUE_PREFIX });
    const job = await queue.getJob(phaseJobId(id, 0, 'MigrationInProgress'));
    if (job === undefined) throw new Error('no job');
    left = { move, job: job.data, migrated, killedAtMs };
    await queue.close();
    connection.disconnect();
    await at.target.resume();
    second = await startWorker();
    ended = await fleet.untilEnded(id, 30_000);
  }, 90_000);
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await fleet.stop();
  });

  it('A2: record and job both hold how far it was', () => {
    expect(left.move.phase).toBe('DualWriteStarted');
    expect(left.move.docsMigrated).toBeGreaterThanOrEqual(2_000);
    expect(left.move.docsMigrated).toBeLessThan(DOCUMENTS);
    expect(left.job).toMatchObject({ docs_migrated: left.move.docsMigrated, last_offset: left.move.lastOffset });
  });

  it('A2: another process takes it up where it stood, and sends nothing again', async () => {
    expect(ended).toMatchObject({ outcome: 'done', docsMigrated: DOCUMENTS, documents: DOCUMENTS, differences: 0 });
    const windows = (await at.sent()).flatMap(({ tag, status }) =>
      tag?.window === undefined ? [] : [{ fence: tag.fence, from: tag.window[0], to: tag.window[1], status }],
    );
    const fences = [...new Set(windows.map(({ fence }) => fence))];
    expect(fences).toHaveLength(2);
    const again = windows.filter(({ fence }) => fence === fences[1]);
    expect(again.length).toBeGreaterThan(0);
    expect(Math.min(...again.map(({ from }) => from))).toBeGreaterThanOrEqual(left.move.lastOffset);
    // Those that were in flight are found by their tags, so no slot is sent twice.
    const sorted = windows.filter(({ status }) => status === 202).sort((a, b) => a.from - b.from);
    expect(sorted.every(({ from }, n) => from > (sorted[n - 1]?.to ?? -1))).toBe(true);
    await at.check();
  });

  it('A3: the counters of both processes sum to the documents moved', async () => {
    expect(left.migrated).toBe(left.move.docsMigrated);
    expect(left.migrated + (await readMetric(second, 'miroir_rebalance_documents_migrated_total'))).toBe(DOCUMENTS);
  });

  it('A3: the duration is observed once, from the start that the first process recorded', async () => {
    expect(await readMetric(second, 'miroir_rebalance_duration_seconds_count')).toBe(1);
    const seconds = await readMetric(second, 'miroir_rebalance_duration_seconds_sum');
    expect(seconds).toBeGreaterThan((left.killedAtMs - (ended.startedAtMs ?? 0)) / 1_000 - 0.05);
    expect(await readMetric(second, 'miroir_rebalance_in_progress')).toBe(0);
  });
});

describe('A4: the same NodeAdded handled twice', () => {
  let fleet: PlanningFleet;
  beforeAll(async () => {
    fleet = await startPlanningFleet(4, { MIROIR_GRACE_MS: '0' });
    await fleet.reset();
    await fleet.createIndex('books', 16, 400);
  }, 60_000);
  afterAll(() => fleet.stop());

  it('by two planners and two workers gives one plan, and each move once', async () => {
    const { records, redis } = fleet.base;
    fleet.startPlanner();
    fleet.startPlanner();
    const workers = [await startRebalancer(fleet.config), await startRebalancer(fleet.config)];
    const event = { node_id: 'n4', url: fleet.url('n4') };
    const outcomes = await Promise.all([fleet.send('NodeAdded', event), fleet.send('NodeAdded', { NodeAdded: event })]);
    expect(outcomes.map(({ change }) => change).sort()).toEqual(['changed', 'repeated']);
    await untilTrue(
      async () => (await records.unfinishedMoves()).length === 0,
      25_000,
      async () => JSON.stringify(await records.unfinishedMoves()).slice(0, 2_000),
    );
    const changed = outcomes.find(({ change }) => change === 'changed');
    await untilTrue(async () => (await records.plans(10)).every(({ state }) => state === 'done'));
    expect((await records.plans(10)).map(({ id }) => id)).toEqual([changed?.plan]);
    const audit = (await redis.xrange(keys.audit, '-', '+')).map(([, fields]) => `${fields[1]} ${fields[3]}`);
    const ids = await records.planMoveIds(changed?.plan ?? '');
    expect(ids).toHaveLength(changed?.moves ?? 0);
    for (const what of ['tracking', 'settling', 'done']) {
      const told = audit.filter((line) => line.startsWith(`${what} `)).sort();
      expect(told).toEqual(ids.map((id) => `${what} ${id}`).sort());
    }
    const [entry, table] = await Promise.all([records.index('books'), records.table('books')]);
    if (entry === null || table === null) throw new Error('no index');
    const expected = new Map(
      Array.from({ length: 400 }, (_, id) => [String(id), `{"id":${id},"name":"document ${id}"}`]),
    );
    expect(await checkPlacement(fleet.nodes, entry, table, expected)).toMatchObject({
      lost: [],
      wrong: [],
      misplaced: [],
    });
    await Promise.all(workers.map((worker) => worker.close()));
  });
});
