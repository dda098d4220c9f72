// The fleet that clients write to while its shards move: Redis, development nodes, planner, movers and gateways, each a
// process of its own; gateways and movers reach Redis through a proxy each. Nothing here knows what will go wrong.
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { loadConfig } from '../../../src/config.ts';
import { startDevNode } from '../../../src/fleet/nodes.ts';
import type { DevNodeProcess } from '../../../src/fleet/nodes.ts';
import { freePort } from '../../../src/fleet/port.ts';
import { startRedis } from '../../../src/fleet/redis.ts';
import type { RedisProcess } from '../../../src/fleet/redis.ts';
import { createProducer } from '../../../src/queue/producer.ts';
import type { Producer } from '../../../src/queue/producer.ts';
import { createFleetWriter } from '../../../src/redis/plan-writer.ts';
import { type Base, closeBase, openBase } from '../../../src/service.ts';
import { HttpTarget, prepareIndex } from '../../history/targets.ts';
import { type TcpProxy, startProxy } from '../../support/proxy.ts';
import { untilTrue } from '../../support/until.ts';
import { type Role, Supervised } from '../supervised.ts';

export const INDEX = 'docs';
export const SHARDS = 16;
/** Short, so that lapses, takeovers and waits of a whole lease fit between two strikes. */
export const TTL_MS = 3_000;

const NODES = 5;
/** Known from the start; the others come by events. */
const NODES_AT_FIRST = 4;
const MOVERS = 2;
/** How long lost copies wait for the return of their node. */
export const REPAIR_DELAY_MS = 5_000;
const GATEWAYS = 3;
const START_MS = 30_000;
const REQUEST_MS = 2_000;
const BATCH_MS = 20;
const DOCS_PER_S = 20_000;

const ENVIRONMENT: Readonly<Record<string, string>> = {
  MIROIR_LEASE_TTL_SECS: String(TTL_MS / 1_000),
  MIROIR_LEASE_RENEWAL_INTERVAL_MS: String(TTL_MS / 5),
  // Small pages with pauses: the copy of a shard takes a while, and clients write into its middle.
  MIROIR_MIGRATION_BATCH_SIZE: '20',
  MIROIR_MIGRATION_BATCH_DELAY_MS: '20',
  MIROIR_VERIFY_WINDOW_DOCS: '50',
  MIROIR_DELETE_STEP_DOCS: '50',
  MIROIR_TARGET_TASKS: '4',
  MIROIR_GRACE_MS: '200',
  MIROIR_SWEEP_INTERVAL_MS: '1000',
  MIROIR_AUDIT_MAX_ENTRIES: '1000000',
  MIROIR_HISTORY_MAX: '100000',
  MIROIR_METRICS_PORT: '0',
  MIROIR_LOG_LEVEL: 'debug',
  MIROIR_NEW_INDEX_SHARDS: String(SHARDS),
  // Nodes come back within seconds here; who stays away longer is replaced.
  MIROIR_REPAIR_DELAY_MS: String(REPAIR_DELAY_MS),
  MIROIR_ANTI_ENTROPY_SCHEDULE: 'every 20s',
  MIROIR_ANTI_ENTROPY_NODE_PERCENT: '10',
};

/** Where nodes die for long: longer than any other strike keeps one silent, and then there is no time to lose. */
const DEATHS_ENVIRONMENT: Readonly<Record<string, string>> = {
  MIROIR_NODE_FAILED_AFTER_MS: '5000',
  MIROIR_HEALTH_PROBE_INTERVAL_MS: '1000',
  MIROIR_HEALTH_PROBE_TIMEOUT_MS: '1000',
  MIROIR_NODE_FLAP_QUIET_MS: '3000',
};

export interface WriteFleetOptions {
  /** Where processes write what they say. */
  readonly folder: string;
  readonly replicationFactor: number;
  /** Nodes die for so long that they fail: there is one more reconciler, and failures are seen soon. */
  readonly hasDeaths: boolean;
}

/** A process behind its own way to Redis. */
export interface Cuttable {
  readonly process: Supervised;
  readonly proxy: TcpProxy;
}

export interface Gateway extends Cuttable {
  readonly target: HttpTarget;
}

export class WriteFleet {
  readonly redis: RedisProcess;
  readonly nodes: readonly DevNodeProcess[];
  readonly client: Redis;
  readonly base: Base;
  readonly producer: Producer;
  readonly gateways: Gateway[] = [];
  readonly movers: Cuttable[] = [];
  readonly planners: Supervised[] = [];
  readonly reconcilers: Supervised[] = [];
  readonly #options: WriteFleetOptions;
  readonly #environment: Readonly<Record<string, string>>;
  #down: DevNodeProcess | null = null;

  private constructor(
    parts: Pick<WriteFleet, 'redis' | 'nodes' | 'client' | 'base' | 'producer'>,
    options: WriteFleetOptions,
  ) {
    this.redis = parts.redis;
    this.nodes = parts.nodes;
    this.client = parts.client;
    this.base = parts.base;
    this.producer = parts.producer;
    this.#options = options;
    this.#environment = {
      ...ENVIRONMENT,
      ...(options.hasDeaths ? DEATHS_ENVIRONMENT : {}),
      MIROIR_NEW_INDEX_REPLICATION_FACTOR: String(options.replicationFactor),
    };
  }

  static async start(options: WriteFleetOptions): Promise<WriteFleet> {
    const redis = await startRedis({ aof: 'always' });
    const nodes = await Promise.all(
      Array.from({ length: NODES }, (_, at) =>
        startDevNode({ id: `n${at + 1}`, batchMs: BATCH_MS, docsPerS: DOCS_PER_S, switches: true }),
      ),
    );
    const client = new Redis(redis.url, {
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      retryStrategy: () => 50,
    });
    client.on('error', () => undefined); // gone now and then: that is what this is about
    await untilTrue(() => client.status === 'ready');
    const base = await openBase(loadConfig({ MIROIR_REDIS_URL: redis.url, MIROIR_LOG_LEVEL: 'silent' }), 'chaos');
    const producer = createProducer({ redis: redis.url });
    const fleet = new WriteFleet({ redis, nodes, client, base, producer }, options);
    try {
      await fleet.#launch();
    } catch (error) {
      await fleet.stop();
      throw error;
    }
    return fleet;
  }

  get processes(): readonly Supervised[] {
    return [...this.planners, ...this.reconcilers, ...[...this.movers, ...this.gateways].map(({ process }) => process)];
  }

  /** No move is unfinished and no plan is open. Throws while Redis is gone. */
  async isQuiet(): Promise<boolean> {
    return (await this.client.scard('{miroir}:moves')) + (await this.client.scard('{miroir}:plans')) === 0;
  }

  /** Whoever kills a node asks first: one is down at a time. What ends that; null: another one is. */
  takeDown(node: DevNodeProcess): (() => void) | null {
    if (this.#down !== null) return null;
    this.#down = node;
    return () => {
      this.#down = null;
    };
  }

  /**
   * Every shard has all its copies on nodes that serve. What some of them missed was acknowledged to nobody, as long as a
   * write needs all owners. Throws as above.
   */
  async isWhole(): Promise<boolean> {
    const { records } = this.base;
    const [{ nodes }, table] = await Promise.all([records.topology(), records.table(INDEX)]);
    const away = new Set(nodes.filter(({ state }) => state === 'failed' || state === 'restoring').map(({ id }) => id));
    return (table?.shards ?? []).every(
      ({ owners }) => owners.filter((id) => !away.has(id)).length >= this.#options.replicationFactor,
    );
  }

  /** No owner is known to have missed a write. Throws as above. */
  async isLevel(): Promise<boolean> {
    const { records, repairs } = this.base;
    const [table, lists] = await Promise.all([records.table(INDEX), repairs.sizes(INDEX)]);
    return !lists.some(({ shard, owner }) => table?.shards[shard]?.owners.includes(owner) === true);
  }

  /** The mover that holds the index's lease. */
  async workingMover(): Promise<Cuttable | undefined> {
    const [holder, state] = await this.client.hmget(`{miroir}:rebalance:${INDEX}`, 'holder', 'state');
    return state === 'held' ? this.movers.find(({ process }) => holder?.endsWith(`/${process.pid}`)) : undefined;
  }

  async hasShardIn(state: string): Promise<boolean> {
    return (await this.client.hvals(`{miroir}:routing:${INDEX}`)).some((route) => route.includes(`"state":"${state}"`));
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.map((one) => one.end()));
    await Promise.all(this.gateways.map(({ target }) => target.close()));
    await Promise.all([...this.gateways, ...this.movers].map(({ proxy }) => proxy.stop()));
    await this.producer.close();
    this.client.disconnect();
    await closeBase(this.base);
    await Promise.all([this.redis.stop(), ...this.nodes.map((node) => node.stop())]);
  }

  async #launch(): Promise<void> {
    const first = this.nodes.slice(0, NODES_AT_FIRST);
    const writer = createFleetWriter(this.base.scripts, 1_000);
    await writer.initTopology(first.map(({ id, url }) => ({ id, url, group: 0, state: 'active' })));
    this.planners.push(await this.#supervise('planner', 1, this.redis.url));
    for (let at = 1; at <= (this.#options.hasDeaths ? 2 : 1); at += 1)
      this.reconcilers.push(await this.#supervise('reconciler', at, this.redis.url));
    for (let at = 1; at <= MOVERS; at += 1) {
      const proxy = await startProxy(this.redis.port);
      this.movers.push({ proxy, process: await this.#supervise('rebalancer', at, proxiedUrl(proxy)) });
    }
    for (let at = 1; at <= GATEWAYS; at += 1) {
      const proxy = await startProxy(this.redis.port);
      const port = await freePort();
      const process = await this.#supervise('gateway', at, proxiedUrl(proxy), { MIROIR_GATEWAY_PORT: String(port) });
      const target = new HttpTarget({ name: `g${at}`, url: `http://127.0.0.1:${port}`, index: INDEX });
      this.gateways.push({ proxy, process, target });
    }
    await untilTrue(() => this.processes.every(({ isReady }) => isReady), START_MS);
    const [gateway] = this.gateways;
    if (gateway === undefined) throw new Error('no gateway');
    // It has registered by then, or says that it has not: then it is asked again.
    await untilTrue(async () => (await this.#ready(gateway.target)) === 200, START_MS);
    await prepareIndex(gateway.target, INDEX);
  }

  async #ready(target: HttpTarget): Promise<number> {
    return (await target.send('GET', '/indexes', undefined, AbortSignal.timeout(REQUEST_MS))).status;
  }

  #supervise(role: Role, at: number, redisUrl: string, more: Readonly<Record<string, string>> = {}) {
    const label = `${role} ${at}`;
    const env = { ...this.#environment, MIROIR_REDIS_URL: redisUrl, ...more };
    const logFile = join(this.#options.folder, `${role}-${at}.log`);
    return Supervised.start({ role, label, env, failpoint: '', isBuilt: true, logFile });
  }
}

const proxiedUrl = ({ port }: TcpProxy): string => `redis://127.0.0.1:${port}`;
