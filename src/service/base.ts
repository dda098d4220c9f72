/** What every process has: connections, records, nodes, telemetry; and the leases of those that act. */
import { hostname } from 'node:os';
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { leaseTimings } from '../core/timing.ts';
import { createFailpoint } from '../failpoint.ts';
import { createNodes } from '../nodes/index.ts';
import type { Registry } from '../ports.ts';
import { accessOf } from '../redis/access.ts';
import { assertSafeRedis, connect, untilReady } from '../redis/connection.ts';
import { PLANNER_SCOPE } from '../redis/keys.ts';
import { watchLeases } from '../redis/lease-watch.ts';
import { createGroupChecks } from '../redis/group-checks.ts';
import { createLeases } from '../redis/lease.ts';
import { createObservations } from '../redis/observations.ts';
import { createPasses } from '../redis/passes.ts';
import { createPlanHolds } from '../redis/plan-holds.ts';
import { createProgressHistory } from '../redis/progress.ts';
import { createRecords } from '../redis/records.ts';
import { createRegistry } from '../redis/registry.ts';
import { createRepairLists } from '../redis/repairs.ts';
import { createScripts } from '../redis/scripts.ts';
import { createSettingsRecords } from '../redis/settings.ts';
import { createThrottles } from '../redis/throttles.ts';
import { createTombstones } from '../redis/tombstones.ts';
import { createTurns } from '../redis/turns.ts';
import { createLogger } from '../telemetry/logger.ts';
import { type MetricsServer, type ProbeOptions, startMetricsServer } from '../telemetry/metrics-server.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createObserver, setGauges, setNodeGauges } from '../telemetry/observer.ts';

/** How long a process waits for Redis at its start before it says so and ends. */
const REDIS_START_MS = 10_000;

/** A part of the system that runs until it is closed; `close` drains. */
export interface Running {
  readonly metricsUrl: string | null;
  close(): Promise<void>;
}

/** `anyRedis`: also one that evicts or forgets, for whoever looks at it and keeps nothing there. */
export async function openBase(
  config: Config,
  role: string,
  { anyRedis = false }: { readonly anyRedis?: boolean } = {},
) {
  const logger = createLogger({ level: config.logLevel, role });
  const metrics = createMetrics();
  const observer = createObserver(metrics);
  const failpoint = createFailpoint(config.failpoint);
  const timings = leaseTimings(config.leaseTtlSecs * 1_000, config.leaseRenewalIntervalMs);
  const redis = connect({ ...accessOf(config), kind: 'commands', commandMs: timings.attemptMs, logger });
  try {
    await untilReady(redis, config.redisUrl, REDIS_START_MS);
    if (!anyRedis) await assertSafeRedis(redis, config);
  } catch (error) {
    // A connection that goes on trying would keep the process alive.
    redis.disconnect();
    metrics.close();
    throw error;
  }
  const scripts = createScripts(redis, failpoint, (reason) => observer.refused(reason));
  const records = createRecords({ redis, scripts, runChangeMs: timings.runChangeMs });
  const settings = createSettingsRecords({ redis, scripts, auditMaxEntries: config.auditMaxEntries });
  const nodes = createNodes({ config, clock: systemClock, logger, metrics, failpoint });
  const observations = createObservations({ scripts, reportMs: timings.reportMs });
  const turns = createTurns({ scripts, clock: systemClock, entryMs: timings.routerEntryMs });
  const repairs = createRepairLists({ redis, scripts, clock: systemClock, entryMs: timings.routerEntryMs });
  const tombstones = createTombstones({ scripts });
  const passes = createPasses({ redis, scripts });
  const planHolds = createPlanHolds({ redis, scripts });
  const throttles = createThrottles({ redis, scripts });
  const groupChecks = createGroupChecks({ redis, scripts });
  const progress = createProgressHistory(redis, records);
  const holder = `${hostname()}/${process.pid}`;
  return {
    config,
    logger,
    metrics,
    observer,
    failpoint,
    timings,
    redis,
    scripts,
    records,
    settings,
    nodes,
    observations,
    turns,
    repairs,
    tombstones,
    passes,
    planHolds,
    throttles,
    groupChecks,
    progress,
    holder,
    clock: systemClock,
  };
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

/** Who routes; the connection for nudges is opened by the first who listens. */
export function openRegistry({ config, redis, scripts, timings, logger }: Base): Registry {
  const openNudges = () => connect({ ...accessOf(config), kind: 'nudges', logger });
  return createRegistry({ redis, scripts, entryMs: timings.routerEntryMs, openNudges, logger });
}

/** True, or why this process can do nothing now; what `/readyz` answers. */
const readiness =
  ({ redis }: Base) =>
  (): true | string =>
    redis.status === 'ready' || `redis is ${redis.status}`;

/** Of a process that holds no lease of an index. */
const SERVES_NONE: ReadonlySet<string> = new Set();

/** `/metrics`, `/livez` and `/readyz` of a process; the gauges from records are read at each scrape. */
export function probesOf(base: Base, serving = SERVES_NONE): ProbeOptions {
  const { config, metrics, logger, records, observations } = base;
  const judging = { failedAfterMs: config.nodeFailedAfterMs, flapQuietMs: config.nodeFlapQuietMs };
  return {
    metrics,
    logger,
    async beforeScrape() {
      await setGauges(metrics, base, serving);
      await setNodeGauges(metrics, records, observations, judging);
    },
    readiness: readiness(base),
  };
}

/** Metrics server of a process. Null when its port is taken. */
export const serveMetrics = (base: Base, serving = SERVES_NONE): Promise<MetricsServer | null> =>
  startMetricsServer({ host: base.config.metricsHost, port: base.config.metricsPort, ...probesOf(base, serving) });

export async function closeBase(base: Base): Promise<void> {
  await base.nodes.close();
  base.metrics.close();
  base.redis.disconnect();
}

/** A process that serves one thing and does nothing else; what is open is closed in reverse, also where the start fails. */
export async function serveAlone<T extends { close(): Promise<void> }>(
  config: Config,
  role: string,
  open: (base: Base) => Promise<T>,
): Promise<Running & { readonly base: Base; readonly opened: T }> {
  const base = await openBase(config, role);
  const closers: (() => Promise<void>)[] = [() => closeBase(base)];
  const close = async (): Promise<void> => {
    for (const one of [...closers].reverse()) await one();
  };
  try {
    const metrics = await serveMetrics(base);
    if (metrics !== null) closers.push(() => metrics.close());
    const opened = await open(base);
    closers.push(() => opened.close());
    return { metricsUrl: metrics?.url ?? null, base, opened, close };
  } catch (error) {
    await close();
    throw error;
  }
}
