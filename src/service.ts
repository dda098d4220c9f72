/** Composition root: the only file that knows every part. Workers and edges start what they need from here. */
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { systemClock } from './clock.ts';
import type { Config } from './config.ts';
import { leaseTimings } from './core/timing.ts';
import { DocumentRejectedError, NodeTaskFailedError, NodeUnknownError } from './errors.ts';
import { createFailpoint } from './failpoint.ts';
import { createNodes } from './nodes/index.ts';
import type { PhaseContext } from './phases/context.ts';
import { phases } from './phases/index.ts';
import { TargetLoads } from './phases/target-load.ts';
import { type TaskWatch, watchTasks } from './phases/task-watch.ts';
import { OUTDATED, OutdatedMove, undo } from './phases/undo.ts';
import type { Lease, MoveState, NodeClient, Permit } from './ports.ts';
import { type Claims, startClaims } from './queue/claims.ts';
import { createMoveQueue } from './queue/flows.ts';
import { jobKeys } from './queue/job-keys.ts';
import { PhaseRunner, type PhaseWork } from './queue/phase-runner.ts';
import { MoveSlots } from './queue/slots.ts';
import { writeCheckpoint } from './redis/checkpoint.ts';
import { assertSafeRedis, connect, untilReady } from './redis/connection.ts';
import { PLANNER_SCOPE, rebalanceScope } from './redis/keys.ts';
import { watchLeases } from './redis/lease-watch.ts';
import { createLeases } from './redis/lease.ts';
import { createMoveWriter } from './redis/move-writer.ts';
import { createRecords } from './redis/records.ts';
import { createScripts } from './redis/scripts.ts';
import { type Logger, createLogger } from './telemetry/logger.ts';
import { startMetricsServer } from './telemetry/metrics-server.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { createObserver, setGauges } from './telemetry/observer.ts';

/** How long a process waits for Redis at its start before it says so and ends. */
const REDIS_START_MS = 10_000;
/** Exit code of a process that cannot be sure that its requests have ended. */
const EXIT_UNSETTLED = 75;

/** A part of the system that runs until it is closed; `close` drains. */
export interface Running {
  readonly metricsUrl: string | null;
  close(): Promise<void>;
}

/** What every process has: connections, records, nodes, telemetry. */
export async function openBase(config: Config, role: string) {
  const logger = createLogger({ level: config.logLevel, role });
  const metrics = createMetrics();
  const observer = createObserver(metrics);
  const failpoint = createFailpoint(config.failpoint);
  const timings = leaseTimings(config.leaseTtlSecs * 1_000, config.leaseRenewalIntervalMs);
  const redis = connect({ url: config.redisUrl, kind: 'commands', commandMs: timings.attemptMs, logger });
  await untilReady(redis, config.redisUrl, REDIS_START_MS);
  await assertSafeRedis(redis, config.allowVolatileRedis);
  const scripts = createScripts(redis, failpoint, (reason) => observer.refused(reason));
  const records = createRecords({ redis, scripts, runChangeMs: timings.runChangeMs });
  const nodes = createNodes({ config, clock: systemClock, logger, metrics, failpoint });
  const holder = `${hostname()}/${process.pid}`;
  return { config, logger, metrics, observer, failpoint, timings, redis, scripts, records, nodes, holder, clock: systemClock };
}
export type Base = Awaited<ReturnType<typeof openBase>>;

/** Leases of a process, and the watch that lets it take over sooner. */
export function openLeases(base: Base) {
  const { scripts, clock, timings, logger, observer, holder } = base;
  const watch = watchLeases({ scripts, clock, everyMs: timings.watchMs, logger });
  // The planner writes only to Redis, where the fence stops a predecessor; nothing of it is under way elsewhere.
  const waits = (scope: string): boolean => scope !== PLANNER_SCOPE;
  return { watch, leases: createLeases({ scripts, clock, timings, holder, watch, logger, observer, waits }) };
}

/** Metrics server of a process; the gauges from records are read at each scrape. */
export async function serveMetrics(base: Base, serving: ReadonlySet<string>) {
  const { config, metrics, logger, records } = base;
  return startMetricsServer({
    host: config.metricsHost,
    port: config.metricsPort,
    metrics,
    logger,
    beforeScrape: () => setGauges(metrics, records, serving),
  });
}

export async function closeBase(base: Base): Promise<void> {
  await base.nodes.close();
  base.metrics.close();
  base.redis.disconnect();
}

/** The phases of one index, wired to the lease that allows them. */
function phaseWork(base: Base, loads: TargetLoads, lease: Lease, stopping: () => AbortSignal, hurry: (move: MoveState) => Promise<void>): PhaseWork {
  const { config, records, nodes, clock, observer, timings, failpoint, logger, scripts } = base;
  const writer = createMoveWriter({ scripts, lease, movesPerNode: config.movesPerNode, auditMaxEntries: config.auditMaxEntries });
  const watches = new Map<string, TaskWatch>();

  const contextFor = async (move: MoveState, checkpoint: PhaseContext['checkpoint']): Promise<PhaseContext> => {
    const [entry, topology] = await Promise.all([records.index(move.index), records.topology()]);
    if (entry === null) throw new NodeUnknownError(`index ${move.index} is not registered any more`);
    const permit: Permit = { signal: stopping(), budgetMs: () => lease.budgetMs() };
    const clients = new Map<string, NodeClient>();
    return {
      move,
      entry,
      topology,
      fence: lease.fence,
      permit,
      records,
      writer,
      node(id) {
        const node = topology.nodes.find((one) => one.id === id);
        if (node === undefined) throw new NodeUnknownError(`move ${move.id} names node ${id}, which the topology does not know`);
        const client = clients.get(id) ?? nodes.client(node, permit);
        clients.set(id, client);
        return client;
      },
      tasks(client) {
        const watch = watches.get(client.node.id) ?? watchTasks(client, clock, permit.signal);
        watches.set(client.node.id, watch);
        return watch;
      },
      loads,
      settings: config,
      timings,
      clock,
      observer,
      log: logger.child({ index: move.index, move: move.id, shard: move.shard, fence: lease.fence }),
      checkpoint,
      hurry,
    };
  };

  return {
    async run(phase, move, checkpoint) {
      const context = await contextFor(move, checkpoint);
      await failpoint.within(phase, () => phases[phase].run(context));
    },
    async undo(move, outcome, why) {
      const context = await contextFor(move, () => Promise.resolve());
      await failpoint.within('Undo', () => undo(context, outcome, why));
    },
    outcomeOf(error) {
      if (error instanceof OutdatedMove) return { outcome: 'cancelled', why: `${OUTDATED}: ${error.message}` };
      if (error instanceof DocumentRejectedError) return { outcome: 'failed', why: error.message };
      if (error instanceof NodeTaskFailedError && !error.retryable) return { outcome: 'failed', why: error.message };
      return null;
    },
  };
}

/** The claims of a process: takes indexes, holds their leases, runs their phases. */
function openClaims(base: Base, connection: Redis): { claims: Claims; close(): Promise<void> } {
  const { config, records, clock, observer, timings, failpoint, logger, scripts, holder } = base;
  const { watch, leases } = openLeases(base);
  const loads = new TargetLoads({ ...config, windowDocs: config.migrationBatchSize }, observer);
  const slots = new MoveSlots(config.maxConcurrentMigrations);
  const moveQueue = createMoveQueue({ connection, failpoint, logger });
  const claims: Claims = startClaims({
    ...config,
    connection,
    leases,
    scopeOf: rebalanceScope,
    slots,
    timings,
    clock,
    failpoint,
    holder,
    logger,
    runnerFor: (_index, lease, stopping) =>
      new PhaseRunner({
        records,
        writer: createMoveWriter({ scripts, lease, movesPerNode: config.movesPerNode, auditMaxEntries: config.auditMaxEntries }),
        lease,
        work: phaseWork(base, loads, lease, stopping, (move) => moveQueue.promote(move)),
        slots,
        clock,
        observer,
        logger,
        checkpoint: async (job, token, move, progress) => {
          const { job: jobKey, lock: lockKey } = jobKeys(job);
          job.data = { ...job.data, docs_migrated: progress.docsMigrated, last_offset: progress.lastOffset };
          const target = { moveId: move.id, jobKey, lockKey, token, data: JSON.stringify(job.data) };
          await writeCheckpoint(scripts, lease, target, progress);
        },
        claimAt: (index, dueMs) => claims.claimAt(index, dueMs),
      }),
    onUnsettled: (index) => {
      logger.error({ index }, 'requests did not end after the lease was lost: ending this process');
      process.exit(EXIT_UNSETTLED);
    },
  });
  return {
    claims,
    async close() {
      await claims.close();
      watch.stop();
      await moveQueue.close();
    },
  };
}

/** A worker process: claims indexes and moves their shards. */
export async function startRebalancer(config: Config): Promise<Running> {
  const base = await openBase(config, 'rebalancer');
  const connection = connect({ url: config.redisUrl, kind: 'queue', logger: base.logger });
  const { claims, close } = openClaims(base, connection);
  const metrics = await serveMetrics(base, claims.serving);
  base.logger.info({ holder: base.holder, metrics: metrics?.url }, 'rebalancer runs');
  return {
    metricsUrl: metrics?.url ?? null,
    async close() {
      await close();
      await metrics?.close();
      connection.disconnect();
      await closeBase(base);
      base.logger.info({ holder: base.holder }, 'rebalancer drained');
    },
  };
}

export type { Logger };
