// Reads over development nodes: an index split over three of them by a routing table, and the same documents on a fourth.
import { systemClock } from '../../src/clock.ts';
import { initialRoutes } from '../../src/core/placement.ts';
import type { IndexEntry, RoutingTable } from '../../src/core/routing.ts';
import type { Topology, TopologyNode } from '../../src/core/topology.ts';
import { IndexUnknownError } from '../../src/errors.ts';
import { startDevNodes } from '../../src/fleet/nodes.ts';
import type { DevNodeOptions, DevNodeProcess } from '../../src/fleet/nodes.ts';
import { createNodes, createTraffic } from '../../src/nodes/index.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import type { NodeClient, Nodes, Traffic } from '../../src/ports.ts';
import type { ReadOptions } from '../../src/routing/api.ts';
import { withMiroirSettings } from '../../src/routing/fields.ts';
import { loadDocuments } from '../../src/routing/load.ts';
import { createReads } from '../../src/routing/search/reads.ts';
import type { Reads, ReadsOptions } from '../../src/routing/search/reads.ts';
import type { ReadTables } from '../../src/routing/search/tables.ts';
import { untilTrue } from './until.ts';

const CONFIG = {
  nodeOrigins: ['http://127.0.0.1:*'],
  keysDir: '',
  nodeKeys: new Map<string, string>(),
  nodeKeyOrigins: new Map<string, readonly string[]>(),
};

/** Tables as a router keeps them, changed by the test. */
export class SceneTables implements ReadTables {
  readonly tables = new Map<string, { entry: IndexEntry; table: RoutingTable }>();
  readonly nodes = new Map<string, TopologyNode>();
  /** What was counted as in flight and has not ended. */
  readonly inFlight = new Set<{ readonly index: string; readonly shards: readonly number[]; readonly epoch: number }>();
  registration = 'first';
  lapsed: Error | null = null;
  snapshots = 0;

  snapshot(index: string): ReturnType<ReadTables['snapshot']> {
    this.snapshots += 1;
    if (this.lapsed !== null) throw this.lapsed;
    const known = this.tables.get(index);
    if (known === undefined) throw new IndexUnknownError(`no index ${index}`, { details: { index } });
    return { ...known, nodes: this.nodes, registration: this.registration };
  }

  sure(): Promise<void> {
    return Promise.resolve();
  }

  indexes(): readonly string[] {
    return [...this.tables.keys()];
  }

  reading(index: string, shards: readonly number[], epoch: number): { done(): void } {
    const count = { index, shards, epoch };
    this.inFlight.add(count);
    return { done: () => void this.inFlight.delete(count) };
  }
}

export interface SceneIndex {
  readonly uid: string;
  readonly documents: readonly string[];
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly shards?: number;
  readonly replicationFactor?: number;
}

export class ReadScene {
  /** `n1` … `n3` are split, `n4` holds everything without our fields. */
  readonly processes: DevNodeProcess[];
  readonly tables = new SceneTables();
  readonly traffic: Traffic;
  readonly #nodes: Nodes;

  constructor(processes: DevNodeProcess[]) {
    this.processes = processes;
    this.traffic = createTraffic({ config: CONFIG, clock: systemClock });
    this.#nodes = createNodes({ config: CONFIG, clock: systemClock });
    for (const { id, url } of processes.slice(0, 3)) {
      this.tables.nodes.set(id, { id, url, group: 0, state: 'active' });
    }
  }

  reads(options: Partial<ReadsOptions> = {}): Reads {
    return createReads({ tables: this.tables, traffic: this.traffic, clock: systemClock, ...options });
  }

  client(id: string): NodeClient {
    const process = this.processes.find((candidate) => candidate.id === id);
    if (process === undefined) throw new Error(`no node ${id}`);
    return this.#nodes.client({ id, url: process.url, group: 0, state: 'active' }, openPermit(4_000));
  }

  async add({ uid, documents, settings = {}, shards = 16, replicationFactor = 1 }: SceneIndex): Promise<void> {
    const entry: IndexEntry = { uid, primaryKey: 'id', shards, replicationFactor, groups: [0] };
    const topology: Topology = { version: 1, nodes: [...this.tables.nodes.values()] };
    const table: RoutingTable = { index: uid, epoch: 1, shards: initialRoutes(entry, topology) };
    for (const { id } of this.processes) {
      const client = this.client(id);
      await this.applied(id, await client.createIndex(uid, 'id'));
      const whole = id === 'n4' ? settings : withMiroirSettings(settings);
      await this.applied(id, await client.updateSettings(uid, whole));
    }
    const text = `[${documents.join(',')}]`;
    await loadDocuments({ clientOf: (id) => this.client(id), entry, table, documents: [text], clock: systemClock });
    await this.put('n4', uid, text);
    this.tables.tables.set(uid, { entry, table });
  }

  /** Puts documents past the table, as a mover or a leftover would. */
  async put(nodeId: string, uid: string, documents: string): Promise<void> {
    await this.applied(nodeId, await this.client(nodeId).putDocuments(uid, 'id', documents, 'test'));
  }

  async applied(nodeId: string, task: number): Promise<void> {
    await untilTrue(async () => {
      const [shown] = await this.client(nodeId).tasks({ uids: [task], limit: 1 });
      if (shown?.status === 'failed') throw new Error(shown.error?.message);
      return shown?.status === 'succeeded';
    });
  }

  /** The same request to the node that holds everything. */
  async whole(path: string, body?: string): Promise<{ status: number; body: string }> {
    const url = `${this.processes[3]?.url ?? ''}${path}`;
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, body === undefined ? {} : { method: 'POST', headers, body });
    return { status: response.status, body: await response.text() };
  }

  async stop(): Promise<void> {
    await Promise.all([this.traffic.close(), this.#nodes.close()]);
    await Promise.all(this.processes.map((process) => process.stop()));
  }
}

export async function startReadScene(options: DevNodeOptions = {}): Promise<ReadScene> {
  return new ReadScene(await startDevNodes(4, { batchMs: 0, docsPerS: 0, ...options }));
}

export const OPTIONS: ReadOptions = { signal: new AbortController().signal };

/** Runs a call and gives back its status and parsed answer, without what differs from call to call. */
export function view({ status, body }: { readonly status: number; readonly body: string }): unknown {
  const parsed: unknown = JSON.parse(body);
  return { status, body: withoutVolatile(parsed) };
}

function withoutVolatile(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutVolatile);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => name !== 'processingTimeMs' && name !== 'requestUid');
  return Object.fromEntries(kept.map(([name, inner]) => [name, withoutVolatile(inner)]));
}

/** The answer's body; what is expected of it is the test's to say. */
export const parsed = (answer: { readonly body: string }): unknown => JSON.parse(answer.body);
