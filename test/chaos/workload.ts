// The workload: a fleet of processes with one index, and the event that makes its shards move. Nothing here knows what
// will go wrong, or what counts as right.
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../src/config.ts';
import { initialRoutes } from '../../src/core/placement.ts';
import type { IndexEntry } from '../../src/core/routing.ts';
import { startDevNode } from '../../src/fleet/nodes.ts';
import type { DevNodeProcess } from '../../src/fleet/nodes.ts';
import { startRedis } from '../../src/fleet/redis.ts';
import type { RedisProcess } from '../../src/fleet/redis.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import { createProducer } from '../../src/queue/producer.ts';
import { createFleetWriter } from '../../src/redis/plan-writer.ts';
import { withMiroirSettings } from '../../src/routing/fields.ts';
import { loadDocuments } from '../../src/routing/load.ts';
import { type Base, closeBase, openBase } from '../../src/service.ts';
import { someDocuments } from '../support/fleet.ts';
import { untilTrue } from '../support/until.ts';
import { type Role, Supervised } from './supervised.ts';

export const INDEX = 'docs';
export const TTL_MS = 1_500;
/** Windows that may wait in the target at a time: the most that a fault may make us send again. */
export const TARGET_TASKS = 4;

const SHARDS = 16;
const DOCUMENTS = 3_200;
const BATCH_MS = 30;
const DOCS_PER_S = 20_000;
const NEW_NODE = 'n4';

const leaseEnvironment = (ttlMs: number): Readonly<Record<string, string>> => ({
  MIROIR_LEASE_TTL_SECS: String(ttlMs / 1_000),
  MIROIR_LEASE_RENEWAL_INTERVAL_MS: String(ttlMs / 5),
});
const ENVIRONMENT: Readonly<Record<string, string>> = {
  MIROIR_MIGRATION_BATCH_SIZE: '50',
  MIROIR_MIGRATION_BATCH_DELAY_MS: '20',
  MIROIR_VERIFY_WINDOW_DOCS: '100',
  MIROIR_DELETE_STEP_DOCS: '100',
  MIROIR_TARGET_TASKS: String(TARGET_TASKS),
  MIROIR_GRACE_MS: '100',
  MIROIR_SWEEP_INTERVAL_MS: '1000',
  MIROIR_METRICS_PORT: '0',
  MIROIR_LOG_LEVEL: 'debug',
};

const expected = (documents: readonly string[]): ReadonlyMap<string, string> =>
  new Map(documents.map((text) => [String((JSON.parse(text) as { id: number }).id), text]));

export class Fleet {
  readonly redis: RedisProcess;
  readonly nodes: readonly DevNodeProcess[];
  /** Of the checker and the nemesis; loses nothing but answers while Redis is gone. */
  readonly client: Redis;
  readonly entry: IndexEntry = { uid: INDEX, primaryKey: 'id', shards: SHARDS, replicationFactor: 1, groups: [0] };
  readonly documents: ReadonlyMap<string, string>;
  processes: Supervised[] = [];
  readonly #base: Base;
  readonly #isBuilt: boolean;
  #eventJobs: readonly string[] = [];

  private constructor(
    redis: RedisProcess,
    nodes: readonly DevNodeProcess[],
    client: Redis,
    base: Base,
    isBuilt: boolean,
  ) {
    this.redis = redis;
    this.nodes = nodes;
    this.client = client;
    this.#base = base;
    this.#isBuilt = isBuilt;
    this.documents = expected(someDocuments(DOCUMENTS));
  }

  /** `isBuilt`: workers run as built code, see `Supervised`. */
  static async start(isBuilt = false): Promise<Fleet> {
    const redis = await startRedis({ aof: 'always' });
    const node = { batchMs: BATCH_MS, docsPerS: DOCS_PER_S, switches: true };
    const nodes = await Promise.all(['n1', 'n2', 'n3', NEW_NODE].map((id) => startDevNode({ ...node, id })));
    const client = new Redis(redis.url, {
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      retryStrategy: () => 50,
    });
    client.on('error', () => undefined); // gone now and then: that is what this is about
    const base = await openBase(loadConfig({ MIROIR_REDIS_URL: redis.url, MIROIR_LOG_LEVEL: 'silent' }), 'chaos');
    await untilTrue(() => client.status === 'ready');
    return new Fleet(redis, nodes, client, base, isBuilt);
  }

  get base(): Base {
    return this.#base;
  }

  node(id: string): DevNodeProcess {
    const node = this.nodes.find((one) => one.id === id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  /**
   * Everything as at the very start: no record, no job, three nodes with the index, a fourth with nothing. Processes of
   * the role of `helpers` stay: they find that they lead nothing any more, and contend again.
   */
  async reset(helpers?: Role): Promise<void> {
    await this.endProcesses(helpers);
    await untilTrue(() => this.client.status === 'ready' && this.#base.redis.status === 'ready');
    await this.client.flushall();
    for (const node of this.nodes) {
      await fetch(`${node.url}/_dev/faults`, { method: 'DELETE' });
      await fetch(`${node.url}/_dev/wipe`, { method: 'POST' });
    }
    const members = this.nodes.filter(({ id }) => id !== NEW_NODE);
    const writer = createFleetWriter(this.#base.scripts, 10_000);
    await writer.initTopology(members.map(({ id, url }) => ({ id, url, group: 0, state: 'active' })));
    const clientOf = (id: string) =>
      this.#base.nodes.client({ id, url: this.node(id).url, group: 0, state: 'active' }, openPermit(10_000));
    await Promise.all(
      members.map(async ({ id }) => {
        const client = clientOf(id);
        await client.createIndex(INDEX, 'id');
        const uid = await client.updateSettings(INDEX, withMiroirSettings({}, { searchableAttributes: ['name'] }));
        await untilTrue(async () => (await client.tasks({ uids: [uid], limit: 1 }))[0]?.finishedAt != null);
      }),
    );
    const { records } = this.#base;
    const topology = await records.topology();
    await writer.createIndex(topology.version, this.entry, initialRoutes(this.entry, topology));
    const table = await records.table(INDEX);
    if (table === null) throw new Error('no routing table');
    const documents = [`[${[...this.documents.values()].join(',')}]`];
    await loadDocuments({ clientOf, entry: this.entry, table, documents, clock: this.#base.clock });
  }

  /** Starts a process and, when it ends otherwise than by `endProcesses`, another in its place, without failpoint. */
  async launch(role: Role, failpoint = '', ttlMs = TTL_MS): Promise<Supervised> {
    const label = `${role} ${this.processes.filter((one) => one.role === role).length + 1}`;
    const env = { ...ENVIRONMENT, ...leaseEnvironment(ttlMs), MIROIR_REDIS_URL: this.redis.url };
    const supervised = await Supervised.start({ role, label, env, failpoint, isBuilt: this.#isBuilt });
    this.processes.push(supervised);
    return supervised;
  }

  /**
   * A node is added. With `turns`, it is to be drained again as soon as something is copied to it: what has not switched by
   * then is undone, what has switched moves back.
   */
  async sendEvents(turns = false): Promise<void> {
    const producer = createProducer({ redis: this.redis.url });
    try {
      const added = await producer.nodeAdded({ nodeId: NEW_NODE, replicaGroup: 0, url: this.node(NEW_NODE).url });
      this.#eventJobs = [added.jobId];
      if (!turns) return;
      await untilTrue(async () =>
        (await this.#base.records.unfinishedMoves()).some(({ docsMigrated }) => docsMigrated > 0),
      );
      const drained = await producer.nodeDraining({ nodeId: NEW_NODE });
      this.#eventJobs = [added.jobId, drained.jobId];
    } finally {
      await producer.close();
    }
  }

  /** Whether the events were planned, every move has ended and its plan is closed. */
  async isQuiet(): Promise<boolean> {
    for (const job of this.#eventJobs) {
      if ((await this.client.hget(`{miroir}:topology-events:${job}`, 'finishedOn')) === null) return false;
    }
    return (await this.client.scard('{miroir}:moves')) + (await this.client.scard('{miroir}:plans')) === 0;
  }

  /** A process of this role that runs since an earlier case, or a new one. */
  async helper(role: Role): Promise<Supervised> {
    return this.processes.find((one) => one.role === role) ?? this.launch(role);
  }

  /** SIGKILL: how processes end by themselves is what cases look at, not this. */
  async endProcesses(except?: Role): Promise<void> {
    const kept = this.processes.filter((one) => one.role === except && one.isUnharmed);
    const others = this.processes.filter((one) => !kept.includes(one));
    this.processes = kept;
    await Promise.all(others.map((one) => one.end()));
  }

  async stop(): Promise<void> {
    await this.endProcesses();
    this.client.disconnect();
    await closeBase(this.#base);
    await Promise.all([this.redis.stop(), ...this.nodes.map((node) => node.stop())]);
    await sleep(0);
  }
}
