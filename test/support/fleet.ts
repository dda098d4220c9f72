// A whole fleet for a test: Redis, development nodes, an index with documents, a planner and workers in this process.
import { loadConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import { initialRoutes } from '../../src/core/placement.ts';
import type { IndexEntry } from '../../src/core/routing.ts';
import type { TopologyNode } from '../../src/core/topology.ts';
import { startDevNode } from '../../src/fleet/nodes.ts';
import type { DevNodeOptions, DevNodeProcess } from '../../src/fleet/nodes.ts';
import { startRedis } from '../../src/fleet/redis.ts';
import type { RedisProcess } from '../../src/fleet/redis.ts';
import type { PlanMove } from '../../src/core/planner.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import { createPlanner } from '../../src/planning/planner.ts';
import type { EventOutcome, MoveQueue, MoveState, NodeClient, PlanWriter, Planner, Runs } from '../../src/ports.ts';
import { createMoveQueue } from '../../src/queue/flows.ts';
import { connect } from '../../src/redis/connection.ts';
import { PLANNER_SCOPE } from '../../src/redis/keys.ts';
import { createFleetWriter, createPlanWriter } from '../../src/redis/plan-writer.ts';
import { createRuns } from '../../src/redis/runs.ts';
import { withMiroirSettings } from '../../src/routing/fields.ts';
import { loadDocuments } from '../../src/routing/load.ts';
import { type Base, type Running, closeBase, openBase, openLeases, startRebalancer } from '../../src/service.ts';
import { untilTrue } from './until.ts';

export interface TestFleetOptions {
  readonly nodes?: number;
  /** Replica group of each node by position; default all 0. */
  readonly groups?: readonly number[];
  readonly node?: DevNodeOptions;
  readonly aof?: 'everysec' | 'always' | 'off';
  /** MIROIR_* without the prefix, lower case. */
  readonly config?: Readonly<Record<string, string | number>>;
}

export interface IndexOptions {
  readonly uid?: string;
  readonly shards?: number;
  readonly replicationFactor?: number;
  readonly groups?: readonly number[];
  readonly documents: readonly string[];
  readonly primaryKey?: string;
  /** Settings of the index on every node, beside ours. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** One move that a test asks for without an event. */
export interface OrderedMove {
  readonly index: string;
  readonly target: string;
  /** Default 0. */
  readonly shard?: number;
  /** Default: the source. */
  readonly retires?: string | null;
  /** Default: balance. */
  readonly reason?: PlanMove['reason'];
}

/** `count` small documents with ids 0 to count - 1. */
export const someDocuments = (count: number): string[] =>
  Array.from({ length: count }, (_, id) => `{"id":${id},"name":"document ${id}","weight":${id}.5}`);

export class TestFleet {
  readonly redis: RedisProcess;
  readonly nodes: DevNodeProcess[];
  readonly config: Config;
  readonly env: Readonly<Record<string, string>>;
  readonly base: Base;
  readonly planner: Planner;
  readonly workers: Running[] = [];
  readonly documents = new Map<string, Map<string, string>>();
  /** The planner's own writer and queue, for moves that no event asks for. */
  readonly planWriter: PlanWriter;
  readonly moveQueue: MoveQueue;
  readonly runs: Runs;
  #orders = 0;
  readonly #nodeOptions: DevNodeOptions;
  readonly #stop: () => Promise<void>;

  constructor(
    parts: Pick<
      TestFleet,
      'redis' | 'nodes' | 'config' | 'env' | 'base' | 'planner' | 'planWriter' | 'moveQueue' | 'runs'
    > & {
      nodeOptions: DevNodeOptions;
      stop: () => Promise<void>;
    },
  ) {
    this.redis = parts.redis;
    this.nodes = parts.nodes;
    this.config = parts.config;
    this.env = parts.env;
    this.base = parts.base;
    this.planner = parts.planner;
    this.planWriter = parts.planWriter;
    this.moveQueue = parts.moveQueue;
    this.runs = parts.runs;
    this.#nodeOptions = parts.nodeOptions;
    this.#stop = parts.stop;
  }

  async startWorker(): Promise<Running> {
    const worker = await startRebalancer(this.config);
    this.workers.push(worker);
    return worker;
  }

  /** One more node, known to nobody yet. */
  async startNode(): Promise<DevNodeProcess> {
    const node = await startDevNode({ ...this.#nodeOptions, id: `n${this.nodes.length + 1}` });
    this.nodes.push(node);
    return node;
  }

  client(id: string): NodeClient {
    const node = this.nodes.find((one) => one.id === id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return this.base.nodes.client({ id, url: node.url, group: 0, state: 'active' }, openPermit(10_000));
  }

  async createIndex(options: IndexOptions): Promise<IndexEntry> {
    const topology = await this.base.records.topology();
    const entry: IndexEntry = {
      uid: options.uid ?? 'docs',
      primaryKey: options.primaryKey ?? 'id',
      shards: options.shards ?? 16,
      replicationFactor: options.replicationFactor ?? 1,
      groups: options.groups ?? [0],
    };
    const ended = async (client: NodeClient, uid: number): Promise<void> =>
      untilTrue(async () => (await client.tasks({ uids: [uid], limit: 1 }))[0]?.finishedAt != null);
    for (const node of topology.nodes) {
      const client = this.client(node.id);
      await ended(client, await client.createIndex(entry.uid, entry.primaryKey));
      await ended(
        client,
        await client.updateSettings(
          entry.uid,
          withMiroirSettings(options.settings ?? {}, { searchableAttributes: ['name'] }),
        ),
      );
    }
    const routes = initialRoutes(entry, topology);
    const epoch = (await this.base.records.table(entry.uid))?.epoch;
    await createFleetWriter(this.base.scripts, 1_000).createIndex(topology.version, entry, routes, epoch);
    const table = await this.base.records.table(entry.uid);
    if (table === null) throw new Error('no table');
    if (options.documents.length > 0) {
      await loadDocuments({
        clientOf: (id) => this.client(id),
        entry,
        table,
        documents: [`[${options.documents.join(',')}]`],
        clock: this.base.clock,
      });
    }
    this.documents.set(
      entry.uid,
      new Map(
        options.documents.map((text) => [
          String((JSON.parse(text) as Record<string, unknown>)[entry.primaryKey]),
          text,
        ]),
      ),
    );
    return entry;
  }

  addNode(id: string, group = 0): Promise<EventOutcome> {
    const node = this.nodes.find((one) => one.id === id);
    return this.planner.handle('NodeAdded', { node_id: id, replica_group: group, url: node?.url });
  }

  drainNode(id: string): Promise<EventOutcome> {
    return this.planner.handle('NodeDraining', { node_id: id });
  }

  /** Writes a plan of these moves, each from the shard's first owner, and gives them their jobs. */
  async orderMoves(...orders: readonly OrderedMove[]): Promise<readonly MoveState[]> {
    const { records } = this.base;
    this.#orders += 1;
    const planId = `ptest${this.#orders}`;
    const moves: PlanMove[] = [];
    for (const [step, { index, target, shard = 0, retires, reason = 'balance' }] of orders.entries()) {
      const { route } = await records.route(index, shard);
      const source = route.owners.find((owner) => owner !== target) ?? '';
      moves.push({
        id: `${planId}-${shard}-${step}-${index}`,
        step,
        index,
        shard,
        group: 0,
        source,
        target,
        retires: retires === undefined ? source : retires,
        reason,
      });
    }
    const { version } = await records.topology();
    const plan = { id: planId, topologyVersion: version, moves, blocked: [], keep: [], cancel: [], finish: [] };
    await this.planWriter.openPlan(plan, 'a test');
    await this.planWriter.addMoves(planId, moves);
    await this.planWriter.runPlan(planId, version, []);
    const stored = await records.moves(moves.map(({ id }) => id));
    await this.moveQueue.enqueue(stored);
    return stored;
  }

  async orderMove(order: OrderedMove): Promise<MoveState> {
    const [move] = await this.orderMoves(order);
    if (move === undefined) throw new Error('no move');
    return move;
  }

  /** The move's record once the condition holds. */
  async untilMove(id: string, condition: (move: MoveState) => boolean, deadlineMs = 10_000): Promise<MoveState> {
    let move: MoveState | null = null;
    await untilTrue(
      async () => {
        move = await this.base.records.move(id);
        return move !== null && condition(move);
      },
      deadlineMs,
      () => JSON.stringify(move, null, 1),
    );
    if (move === null) throw new Error(`no move ${id}`);
    return move;
  }

  untilEnded(id: string, deadlineMs?: number): Promise<MoveState> {
    return this.untilMove(id, (move) => move.outcome !== undefined, deadlineMs);
  }

  async #isQuiet(): Promise<boolean> {
    await this.planner.tick();
    return (await this.base.records.unfinishedMoves()).length === 0;
  }

  /** Until no move is unfinished; the planner ticks meanwhile, as its process does. */
  async untilQuiet(deadlineMs = 25_000): Promise<void> {
    const state = async (): Promise<string> =>
      JSON.stringify(await this.base.records.unfinishedMoves(), null, 1).slice(0, 4_000);
    await untilTrue(() => this.#isQuiet(), deadlineMs, state);
    // Once more, so that what ended with the last move (its plan, its node) is closed, too.
    await untilTrue(() => this.#isQuiet(), deadlineMs, state);
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()));
    await this.#stop();
  }
}

export async function startTestFleet(options: TestFleetOptions = {}): Promise<TestFleet> {
  const redis = await startRedis({ aof: options.aof ?? 'off' });
  const nodeOptions: DevNodeOptions = { batchMs: 0, docsPerS: 0, switches: true, ...options.node };
  const nodes = await Promise.all(
    Array.from({ length: options.nodes ?? 3 }, (_, at) => startDevNode({ ...nodeOptions, id: `n${at + 1}` })),
  );
  const env: Record<string, string> = {
    MIROIR_REDIS_URL: redis.url,
    MIROIR_ALLOW_VOLATILE_REDIS: '1',
    MIROIR_LEASE_TTL_SECS: '2',
    MIROIR_LEASE_RENEWAL_INTERVAL_MS: '400',
    MIROIR_GRACE_MS: '0',
    MIROIR_REPAIR_DELAY_MS: '0',
    MIROIR_MIGRATION_BATCH_DELAY_MS: '0',
    MIROIR_METRICS_PORT: '0',
    MIROIR_LOG_LEVEL: process.env['TEST_LOG'] ?? 'silent',
  };
  for (const [name, value] of Object.entries(options.config ?? {})) env[`MIROIR_${name.toUpperCase()}`] = String(value);
  const config = loadConfig(env);
  const base = await openBase(config, 'test');
  const { watch, leases } = openLeases(base);
  const answer = await leases.acquire(PLANNER_SCOPE);
  if (!('lease' in answer)) throw new Error('planner lease is taken');
  const connection = connect({ url: config.redisUrl, kind: 'queue', logger: base.logger });
  const queue = createMoveQueue({ connection, failpoint: base.failpoint, logger: base.logger });
  const writer = createPlanWriter({ ...config, scripts: base.scripts, redis: base.redis, lease: answer.lease });
  const runs = createRuns({ ...config, ...base.timings, scripts: base.scripts, lease: answer.lease });
  const planner = createPlanner({ ...base, config, writer, runs, queue, permit: openPermit(10_000) });
  const topology: TopologyNode[] = nodes.map((node, at) => ({
    id: node.id,
    url: node.url,
    group: options.groups?.[at] ?? 0,
    state: 'active',
  }));
  await createFleetWriter(base.scripts, 1_000).initTopology(topology);
  return new TestFleet({
    redis,
    nodes,
    config,
    env,
    base,
    planner,
    planWriter: writer,
    moveQueue: queue,
    runs,
    nodeOptions,
    async stop() {
      watch.stop();
      await answer.lease.release(true);
      await queue.close();
      connection.disconnect();
      await closeBase(base);
      await Promise.all([redis.stop(), ...nodes.map((node) => node.stop())]);
    },
  });
}
