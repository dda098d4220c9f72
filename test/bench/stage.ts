// The stage of a benchmark: Redis, priced development nodes (or real ones), an index loaded into them, worker processes.
import { loadConfig } from '../../src/config.ts';
import { initialRoutes } from '../../src/core/placement.ts';
import type { IndexEntry } from '../../src/core/routing.ts';
import type { TopologyNode } from '../../src/core/topology.ts';
import type { Child } from '../../src/fleet/child.ts';
import { type DevNodeOptions, startDevNode } from '../../src/fleet/nodes.ts';
import { spawnWorker } from '../../src/fleet/processes.ts';
import { startRedis } from '../../src/fleet/redis.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import type { NodeClient } from '../../src/ports.ts';
import { createFleetWriter } from '../../src/redis/plan-writer.ts';
import { withMiroirSettings } from '../../src/routing/fields.ts';
import { type LoadResult, loadDocuments } from '../../src/routing/load.ts';
import { type Base, closeBase, openBase } from '../../src/service.ts';
import { untilTrue } from '../support/until.ts';
import { assertUnused, environmentOf, type GivenNodes, headersOf, keyRefOf, removeIndex } from './given-nodes.ts';

/** A batch of a real node with 1 GiB of indexing memory, and the rate at which one indexes short documents. */
export const REAL_PRICE = { batchMs: 50, docsPerS: 15_000 };
const HOUR_MS = 3_600_000;

export interface NodeHandle {
  readonly id: string;
  readonly url: string;
  kill(signal: NodeJS.Signals): boolean;
  stop(): Promise<unknown>;
}

export interface StageOptions {
  readonly config?: Readonly<Record<string, string | number>>;
  readonly aof?: 'everysec' | 'off';
  /** Without them development nodes are started. */
  readonly given?: GivenNodes | null;
}

export class Stage {
  readonly base: Base;
  readonly env: Readonly<Record<string, string>>;
  readonly nodes = new Map<string, NodeHandle>();
  readonly workers: Child[] = [];
  /** How nodes are named in events and the topology, and asked without our driver. */
  readonly keyRef: { readonly apiKeyRef?: string };
  readonly headers: Readonly<Record<string, string>>;
  readonly #given: GivenNodes | null;
  readonly #stopRedis: () => Promise<unknown>;

  constructor(
    base: Base,
    env: Readonly<Record<string, string>>,
    given: GivenNodes | null,
    stopRedis: () => Promise<unknown>,
  ) {
    this.base = base;
    this.env = env;
    this.keyRef = keyRefOf(given);
    this.headers = headersOf(given);
    this.#given = given;
    this.#stopRedis = stopRedis;
  }

  /** A given node is taken in its order, and only if it has no index of this name. */
  async startNode(id: string, options: Omit<DevNodeOptions, 'id'> = REAL_PRICE): Promise<NodeHandle> {
    if (this.#given !== null) return this.#takeGiven(id, this.#given);
    const node = await startDevNode({ id, ...options });
    this.nodes.set(id, node);
    return node;
  }

  async #takeGiven(id: string, given: GivenNodes): Promise<NodeHandle> {
    const url = given.urls[Number(id.slice(1)) - 1];
    if (url === undefined) throw new Error(`no node was given for ${id}`);
    await assertUnused(url, given);
    const node: NodeHandle = {
      id,
      url,
      kill: () => {
        throw new Error(`${id} is not ours to kill`);
      },
      stop: () => removeIndex(url, given),
    };
    this.nodes.set(id, node);
    return node;
  }

  async stopNode(id: string): Promise<void> {
    await this.nodes.get(id)?.stop();
    this.nodes.delete(id);
  }

  client(id: string): NodeClient {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return this.base.nodes.client(
      { id, url: node.url, group: 0, state: 'active', ...this.keyRef },
      openPermit(600_000),
    );
  }

  async ended(client: NodeClient, uid: number): Promise<void> {
    await untilTrue(async () => (await client.tasks({ uids: [uid], limit: 1 }))[0]?.finishedAt != null, 600_000);
  }

  async prepareIndex(id: string, entry: IndexEntry): Promise<void> {
    const client = this.client(id);
    await this.ended(client, await client.createIndex(entry.uid, entry.primaryKey));
    const settings = withMiroirSettings({}, { searchableAttributes: ['name'] });
    await this.ended(client, await client.updateSettings(entry.uid, settings));
  }

  /** Topology and index in an empty Redis, as if these nodes had always been there. */
  async register(ids: readonly string[], entries: readonly IndexEntry[]): Promise<void> {
    await this.base.redis.flushall();
    const nodes: TopologyNode[] = ids.map((id) => ({
      id,
      url: this.nodes.get(id)?.url ?? '',
      group: 0,
      state: 'active',
      ...this.keyRef,
    }));
    const writer = createFleetWriter(this.base.scripts, 1_000);
    await writer.initTopology(nodes);
    const topology = await this.base.records.topology();
    for (const entry of entries) await writer.createIndex(topology.version, entry, initialRoutes(entry, topology));
  }

  async load(entry: IndexEntry, documents: Iterable<string>): Promise<LoadResult> {
    const table = await this.base.records.table(entry.uid);
    if (table === null) throw new Error(`no table of ${entry.uid}`);
    return loadDocuments({ clientOf: (id) => this.client(id), entry, table, documents, clock: this.base.clock });
  }

  async startWorkers(names: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Child[]> {
    const started = await Promise.all(
      names.map((name, at) => spawnWorker(name, { ...this.env, ...env }, { label: `${name} ${at + 1}` })),
    );
    this.workers.push(...started);
    return started;
  }

  async stopWorkers(): Promise<void> {
    await Promise.all(this.workers.splice(0).map((worker) => worker.stop()));
  }

  async close(): Promise<void> {
    await this.stopWorkers();
    await closeBase(this.base);
    await Promise.all([...this.nodes.values()].map((node) => node.stop()));
    await this.#stopRedis();
  }
}

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const { given = null } = options;
  const redis = await startRedis({ aof: options.aof ?? 'everysec' });
  const env: Record<string, string> = {
    MIROIR_REDIS_URL: redis.url,
    MIROIR_METRICS_PORT: '0',
    MIROIR_LOG_LEVEL: 'warn',
    MIROIR_GRACE_MS: String(HOUR_MS),
    MIROIR_ALLOW_VOLATILE_REDIS: '1',
    ...(given === null ? {} : environmentOf(given)),
  };
  for (const [name, value] of Object.entries(options.config ?? {})) env[`MIROIR_${name.toUpperCase()}`] = String(value);
  const base = await openBase(loadConfig(env), 'bench');
  return new Stage(base, env, given, () => redis.stop());
}
