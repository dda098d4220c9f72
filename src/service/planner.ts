/** The planner: contends for its lease; while it holds it, turns topology events into plans and keeps them going. */
import type { Config } from '../config.ts';
import { redisKind } from '../config/redis-url.ts';
import { createProbe } from '../nodes/index.ts';
import { startNodeLooks } from '../planning/node-looks.ts';
import { createPlanner } from '../planning/planner.ts';
import { createEventsWorker } from '../queue/events-worker.ts';
import { createMoveQueue } from '../queue/flows.ts';
import { accessOf } from '../redis/access.ts';
import { connect, untilReady } from '../redis/connection.ts';
import { PLANNER_SCOPE } from '../redis/keys.ts';
import { createPlanWriter } from '../redis/plan-writer.ts';
import { createRuns } from '../redis/runs.ts';
import { type Base, type Running, closeBase, openBase, openLeases, serveMetrics } from './base.ts';

/** The connection before this one has just been made. */
const QUEUE_START_MS = 10_000;

export interface PlannerPart {
  /** Resolves when this process leads for the first time. */
  readonly leading: Promise<void>;
  close(): Promise<void>;
}

/** Starts planning in a process that has its base already; `close` leaves the base open. */
export async function openPlanner(base: Base): Promise<PlannerPart> {
  const { config, clock, timings, failpoint, logger, observer, scripts, redis } = base;
  const { watch, leases } = openLeases(base);
  // Two connections: taking events waits for Redis for ever, adding jobs must notice that it is gone.
  const waiting = connect({ ...accessOf(config), kind: 'queue', logger });
  const prompt = connect({ ...accessOf(config), kind: 'commands', commandMs: timings.requestMs, logger });
  await untilReady(prompt, config.redisUrl, QUEUE_START_MS);
  const queue = createMoveQueue({ connection: prompt, failpoint, logger });
  const events = createEventsWorker({
    connection: waiting,
    leases,
    scope: PLANNER_SCOPE,
    lead: (lease) =>
      createPlanner({
        ...base,
        writer: createPlanWriter({ ...config, scripts, redis, lease }),
        runs: createRuns({ ...config, ...timings, scripts, lease }),
        queue,
        permit: lease,
      }),
    clock,
    timings,
    sweepIntervalMs: config.sweepIntervalMs,
    capacity: config.eventChannelCapacity,
    isOneSlot: redisKind(config.redisUrl) === 'cluster',
    logger,
    observer,
  });
  // Whether it leads or not: each observer counts.
  const looks = startNodeLooks({ ...base, ...timings, probe: createProbe(base), role: 'planner' });
  return {
    leading: events.leading,
    async close() {
      await events.close();
      await looks.close();
      watch.stop();
      await queue.close();
      prompt.disconnect();
      waiting.disconnect();
    },
  };
}

/** A planner process. Several may run: one leads, the others take over. */
export async function startPlanner(config: Config): Promise<Running> {
  const base = await openBase(config, 'planner');
  const metrics = await serveMetrics(base);
  const planner = await openPlanner(base);
  base.logger.info({ holder: base.holder, metrics: metrics?.url }, 'planner runs');
  return {
    metricsUrl: metrics?.url ?? null,
    async close() {
      await planner.close();
      await metrics?.close();
      await closeBase(base);
      base.logger.info({ holder: base.holder }, 'planner drained');
    },
  };
}
