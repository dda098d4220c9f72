// Everything that plans, in this process: Redis, development nodes, an index with documents, planner processes that
// contend for the lease, and a failpoint that ends a planner where a test wants it.
import { Queue } from 'bullmq';
import { loadConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import { initialRoutes } from '../../src/core/placement.ts';
import type { IndexEntry } from '../../src/core/routing.ts';
import { startDevNodes } from '../../src/fleet/nodes.ts';
import type { DevNodeProcess } from '../../src/fleet/nodes.ts';
import { startRedis } from '../../src/fleet/redis.ts';
import type { RedisProcess } from '../../src/fleet/redis.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import { createPlanner } from '../../src/planning/planner.ts';
import type { EventOutcome, Failpoint, FleetWriter, Logger, NodeClient } from '../../src/ports.ts';
import { createEventsWorker } from '../../src/queue/events-worker.ts';
import type { EventsWorker } from '../../src/queue/events-worker.ts';
import { createMoveQueue } from '../../src/queue/flows.ts';
import { EVENTS_QUEUE, indexQueue, QUEUE_PREFIX } from '../../src/queue/names.ts';
import { createProducer } from '../../src/queue/producer.ts';
import type { Producer } from '../../src/queue/producer.ts';
import { connect } from '../../src/redis/connection.ts';
import { keys, PLANNER_SCOPE } from '../../src/redis/keys.ts';
import { createFleetWriter, createPlanWriter } from '../../src/redis/plan-writer.ts';
import { createRuns } from '../../src/redis/runs.ts';
import { createScripts } from '../../src/redis/scripts.ts';
import { withMiroirSettings } from '../../src/routing/fields.ts';
import { loadDocuments } from '../../src/routing/load.ts';
import { type Base, closeBase, openBase, openLeases } from '../../src/service.ts';
import { untilTrue } from './until.ts';

/** Throws at one point, once, and from then on at every point until it is reset: what a dead process would do. */
export class BreakingFailpoint implements Failpoint {
  #point = '';
  #broken = false;
  readonly seen: string[] = [];

  breakAt(point: string): void {
    this.#point = point;
  }

  get isBroken(): boolean {
    return this.#broken;
  }

  hit(point: string, when: 'before' | 'after'): Promise<void> {
    const here = `${when} ${point}`;
    this.seen.push(here);
    if (here === this.#point) this.#broken = true;
    // Leases go on by themselves: the point is what planning writes.
    return this.#broken && !point.includes('lease') ? Promise.reject(new Error(`broken ${here}`)) : Promise.resolve();
  }
}

const COMMAND_MS = 5_000;

export interface PlannerProcess {
  readonly worker: EventsWorker;
  readonly failpoint: BreakingFailpoint;
  /** What it has warned of, newest last. */
  readonly warnings: readonly string[];
  /** Ends it without a word, as a crash would: the lease is left to run out. */
  abandon(): Promise<void>;
  close(): Promise<void>;
}

export class PlanningFleet {
  readonly redis: RedisProcess;
  readonly nodes: readonly DevNodeProcess[];
  readonly config: Config;
  readonly base: Base;
  readonly producer: Producer;
  readonly events: Queue;
  readonly planners: PlannerProcess[] = [];

  constructor(parts: Pick<PlanningFleet, 'redis' | 'nodes' | 'config' | 'base' | 'producer' | 'events'>) {
    this.redis = parts.redis;
    this.nodes = parts.nodes;
    this.config = parts.config;
    this.base = parts.base;
    this.producer = parts.producer;
    this.events = parts.events;
  }

  get fleet(): FleetWriter {
    return createFleetWriter(this.base.scripts, 1_000);
  }

  url(id: string): string {
    return this.nodes.find((node) => node.id === id)?.url ?? '';
  }

  client(id: string): NodeClient {
    return this.base.nodes.client({ id, url: this.url(id), group: 0, state: 'active' }, openPermit(10_000));
  }

  /** Empties Redis, then the first `count` nodes are active. */
  async reset(count = 3): Promise<void> {
    await Promise.all(this.planners.splice(0).map((planner) => planner.abandon()));
    await this.base.redis.flushall();
    await this.fleet.initTopology(
      this.nodes.slice(0, count).map(({ id, url }) => ({ id, url, group: 0, state: 'active' as const })),
    );
  }

  async createIndex(uid: string, shards: number, documents = 0, replicationFactor = 1): Promise<IndexEntry> {
    const { records } = this.base;
    const entry: IndexEntry = { uid, primaryKey: 'id', shards, replicationFactor, groups: [0] };
    const topology = await records.topology();
    for (const { id } of topology.nodes) await this.prepare(id, uid);
    await this.fleet.createIndex(topology.version, entry, initialRoutes(entry, topology));
    const table = await records.table(uid);
    if (table === null) throw new Error('no table');
    if (documents > 0) {
      const texts = Array.from({ length: documents }, (_, id) => `{"id":${id},"name":"document ${id}"}`);
      const clientOf = (id: string): NodeClient => this.client(id);
      await loadDocuments({ clientOf, entry, table, documents: [`[${texts.join(',')}]`], clock: this.base.clock });
    }
    return entry;
  }

  /** An index on a node, with our settings; what it held under that name is gone. */
  async prepare(id: string, uid: string): Promise<void> {
    const client = this.client(id);
    await fetch(`${this.url(id)}/indexes/${uid}`, { method: 'DELETE' });
    await this.applied(id, await client.createIndex(uid, 'id'));
    await this.applied(id, await client.updateSettings(uid, withMiroirSettings({})));
  }

  async applied(id: string, task: number): Promise<void> {
    await untilTrue(async () => {
      const [found] = await this.client(id).tasks({ uids: [task], limit: 1 });
      return found?.finishedAt != null;
    });
  }

  startPlanner(sweepIntervalMs = 300): PlannerProcess {
    const { base, config } = this;
    const { clock, timings, observer } = base;
    const warnings: string[] = [];
    const recording = (under: Logger): Logger => ({
      debug: (fields, message) => under.debug(fields, message),
      info: (fields, message) => under.info(fields, message),
      warn(fields, message) {
        warnings.push(message);
        under.warn(fields, message);
      },
      error: (fields, message) => under.error(fields, message),
      child: (fields) => recording(under.child(fields)),
    });
    const logger = recording(base.logger);
    const failpoint = new BreakingFailpoint();
    const redis = connect({ url: config.redisUrl, kind: 'commands', logger });
    const connection = connect({ url: config.redisUrl, kind: 'queue', logger });
    const scripts = createScripts(redis, failpoint);
    const { watch, leases } = openLeases({ ...base, scripts, redis });
    const queue = createMoveQueue({ connection, failpoint, logger });
    const worker = createEventsWorker({
      connection,
      leases,
      scope: PLANNER_SCOPE,
      clock,
      timings,
      sweepIntervalMs,
      capacity: config.eventChannelCapacity,
      logger,
      observer,
      lead: (lease) => {
        const writer = createPlanWriter({ ...config, scripts, redis, lease });
        return createPlanner({
          ...base,
          config,
          writer,
          runs: createRuns({ ...base.timings, ...config, scripts, lease }),
          queue,
          permit: lease,
        });
      },
    });
    const end = async (): Promise<void> => {
      watch.stop();
      await queue.close();
      redis.disconnect();
      connection.disconnect();
    };
    const planner: PlannerProcess = {
      worker,
      failpoint,
      warnings,
      async abandon() {
        // Cut off from Redis first: nothing of it can be released or written any more.
        redis.disconnect();
        await worker.close();
        await end();
      },
      async close() {
        await worker.close();
        await end();
      },
    };
    this.planners.push(planner);
    return planner;
  }

  /** Sends an event as any service would, and waits for what the planner says. */
  async send(name: string, data: object): Promise<EventOutcome> {
    const job = await this.events.add(name, data);
    return this.producer.result(job.id ?? '', { timeoutMs: 15_000 });
  }

  /** The reason a job failed with. */
  async refusal(name: string, data: unknown): Promise<string> {
    const job = await this.events.add(name, data);
    let reason: string | undefined;
    await untilTrue(async () => {
      const found = await this.events.getJob(job.id ?? '');
      reason = found?.failedReason;
      return found?.finishedOn !== undefined;
    });
    return reason ?? '';
  }

  /** All records of ours as text, without what goes on by itself. */
  async snapshot(): Promise<string> {
    const { redis } = this.base;
    const names = (await redis.keys('{miroir}:*')).filter(
      (name) => !/bull|topology-events|lease|planner|:audit|:run|:sightings/.test(name),
    );
    const values = await Promise.all(
      names.sort().map(async (name) => {
        const type = await redis.type(name);
        return type === 'hash' ? [name, await redis.hgetall(name)] : [name, type];
      }),
    );
    return JSON.stringify(values);
  }

  /** Ids of the index's jobs by state. */
  async jobs(index: string): Promise<{ ids: string[]; waiting: number }> {
    const queue = new Queue(indexQueue(index), { connection: this.base.redis, prefix: QUEUE_PREFIX });
    try {
      const jobs = await queue.getJobs(['wait', 'prioritized', 'delayed', 'waiting-children', 'failed', 'active']);
      const { wait = 0, prioritized = 0, delayed = 0 } = await queue.getJobCounts('wait', 'prioritized', 'delayed');
      return { ids: jobs.map((job) => job.id ?? '').sort(), waiting: wait + prioritized + delayed };
    } finally {
      await queue.close();
    }
  }

  /** Writes the end of moves that nobody moves here: what a worker would have reached. */
  async finishMoves(ids?: readonly string[]): Promise<void> {
    const { records, redis } = this.base;
    for (const move of await records.unfinishedMoves()) {
      if (ids?.includes(move.id) === false) continue;
      const { route } = await records.route(move.index, move.shard);
      const owners = [...route.owners.filter((id) => id !== move.retires), move.target];
      const isCancelled = move.cancelWished;
      const epoch = await redis.hincrby(keys.routing(move.index), 'epoch', 1);
      const stable = { epoch, state: 'stable', owners, readers: owners };
      if (!isCancelled) await redis.hset(keys.routing(move.index), `s:${move.shard}`, JSON.stringify(stable));
      await redis.hset(keys.move(move.id), { outcome: isCancelled ? 'cancelled' : 'done', phase: 'OldReplicaDeleted' });
      await redis.srem(keys.moves, move.id);
      await redis.zadd(keys.movesEnded, Date.now(), move.id);
      const left = await redis.hincrby(keys.plan(move.planId), 'left', -1);
      if (left === 0) await redis.hset(keys.plan(move.planId), { state: 'done', endedAt: Date.now() });
    }
  }

  /** Writes that every move has failed before it changed a route, as a worker would that could not begin. */
  async failMoves(): Promise<void> {
    const { records, redis } = this.base;
    for (const { id, planId } of await records.unfinishedMoves()) {
      await redis.hset(keys.move(id), { outcome: 'failed', error: 'refused' });
      await redis.srem(keys.moves, id);
      await redis.zadd(keys.movesEnded, Date.now(), id);
      const left = await redis.hincrby(keys.plan(planId), 'left', -1);
      if (left === 0) await redis.hset(keys.plan(planId), { state: 'done', endedAt: Date.now() });
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.planners.map((planner) => planner.abandon()));
    await this.producer.close();
    await this.events.close();
    await closeBase(this.base);
    await Promise.all([this.redis.stop(), ...this.nodes.map((node) => node.stop())]);
  }
}

export async function startPlanningFleet(
  nodeCount: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<PlanningFleet> {
  const redis = await startRedis({ aof: 'off' });
  const nodes = await startDevNodes(nodeCount, { batchMs: 0, docsPerS: 0 });
  const config = loadConfig({
    MIROIR_REDIS_URL: redis.url,
    MIROIR_ALLOW_VOLATILE_REDIS: '1',
    MIROIR_LEASE_TTL_SECS: '2',
    MIROIR_LEASE_RENEWAL_INTERVAL_MS: '400',
    MIROIR_METRICS_PORT: '0',
    MIROIR_REPAIR_DELAY_MS: '0',
    MIROIR_LOG_LEVEL: process.env['TEST_LOG'] ?? 'silent',
    ...environment,
  });
  const base = await openBase(config, 'test');
  // A tenth of this short lease is not enough for an answer when the machine is busy, and nothing here tests that.
  base.redis.options.commandTimeout = COMMAND_MS;
  const events = new Queue(EVENTS_QUEUE, { connection: base.redis, prefix: QUEUE_PREFIX });
  const producer = createProducer({ redis: redis.url });
  return new PlanningFleet({ redis, nodes, config, base, producer, events });
}
