/**
 * What a router knows of each index: entry, routing table and nodes, replaced as a whole when Redis tells of another
 * epoch. A lower epoch than one seen is a fault, reported and never applied (R7); meanwhile the index is not served.
 */
import type { IndexEntry, RoutingTable, ShardRoute } from '../../core/routing.ts';
import type { TopologyNode } from '../../core/topology.ts';
import { EpochRegressedError, IndexUnknownError } from '../../errors.ts';
import type { Clock, Logger, Records, Registry, RouterObserver, SettingsRecord, SettingsRecords } from '../../ports.ts';
import type { Bell } from './bell.ts';

/** One index at one epoch. Never changes: a newer one takes its place. */
export interface Snapshot {
  readonly entry: IndexEntry;
  readonly table: RoutingTable;
  readonly nodes: ReadonlyMap<string, TopologyNode>;
  /** Changes of it raise the table's epoch. */
  readonly settings: SettingsRecord;
}

export interface TablesOptions {
  readonly records: Pick<Records, 'topology' | 'index' | 'table'>;
  readonly registry: Pick<Registry, 'handIn'>;
  readonly settings: Pick<SettingsRecords, 'read'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: RouterObserver;
  readonly bell: Bell;
}

/** States of nodes matter little here (owners and readers say who serves), so they may be this old. */
const TOPOLOGY_MS = 5_000;

/** Indexes that are gone and whose epoch is remembered. */
const GONE_MAX = 10_000;

/** Whether a shard of the index is in a move, its grace included. */
export const hasMoves = ({ table }: Snapshot): boolean => table.shards.some(({ state }) => state !== 'stable');

/** The name under which a change of an index's table is told. */
export const tableBell = (index: string): string => `table:${index}`;

export class Tables {
  readonly #options: TablesOptions;
  readonly #snapshots = new Map<string, Snapshot>();
  /** Indexes of which Redis shows a lower epoch than we have seen. */
  readonly #regressed = new Map<string, number>();
  /** Epochs of indexes that were missing: one that comes again does so at a higher one. */
  readonly #gone = new Map<string, number>();
  #nodes: ReadonlyMap<string, TopologyNode> = new Map();
  #nodesReadMs = Number.NEGATIVE_INFINITY;

  constructor(options: TablesOptions) {
    this.#options = options;
  }

  /** Throws `IndexUnknownError`, `EpochRegressedError`. */
  get(index: string): Snapshot {
    const snapshot = this.#snapshots.get(index);
    const shown = this.#regressed.get(index);
    if (snapshot === undefined && shown === undefined) {
      throw new IndexUnknownError(`no index ${index} is registered`, {
        field: 'index_uid',
        remedy: 'create it first (POST /indexes, or `miroir index create`), or correct the name',
        details: { index },
      });
    }
    if (snapshot !== undefined && shown === undefined) return snapshot;
    const seen = this.#seen(index);
    throw new EpochRegressedError(`index ${index}: Redis shows epoch ${shown}, ${seen} was seen`, {
      remedy: 'send it again later; look at Redis: it lost writes',
      details: { index, shown: shown ?? null, seen: seen ?? null },
    });
  }

  /** The highest epoch seen, also of an index that was missing since. */
  #seen(index: string): number | undefined {
    return this.#snapshots.get(index)?.table.epoch ?? this.#gone.get(index);
  }

  has(index: string): boolean {
    return this.#snapshots.has(index);
  }

  /** Undefined for an index that is not known. */
  settings(index: string): SettingsRecord | undefined {
    return this.#snapshots.get(index)?.settings;
  }

  all(): readonly Snapshot[] {
    return [...this.#snapshots.values()];
  }

  node(id: string): TopologyNode | undefined {
    return this.#nodes.get(id);
  }

  nodes(): Iterable<TopologyNode> {
    return this.#nodes.values();
  }

  /** The route of a shard at the present epoch; undefined when the index is gone. */
  route(index: string, shard: number): ShardRoute | undefined {
    return this.#snapshots.get(index)?.table.shards[shard];
  }

  /**
   * Brings the tables up to the epochs that Redis told; `everything` reads also those whose epoch is known. True when
   * something changed. Rejects when one could not be read: then nothing is confirmed.
   */
  async update(epochs: ReadonlyMap<string, number>, everything: boolean): Promise<boolean> {
    let isChanged = false;
    for (const index of this.#snapshots.keys()) {
      if (epochs.has(index)) continue;
      this.#forget(index);
      isChanged = true;
    }
    const stale = [...epochs].filter(([index, epoch]) => everything || this.#isStale(index, epoch));
    const { clock } = this.#options;
    if (stale.length > 0 || clock.monotonic() - this.#nodesReadMs > TOPOLOGY_MS) await this.#readNodes();
    const changes = await Promise.all(stale.map(([index, told]) => this.#read(index, told)));
    return isChanged || changes.includes(true);
  }

  #isStale(index: string, epoch: number): boolean {
    const known = this.#snapshots.get(index)?.table.epoch;
    if (known === undefined || epoch !== known) return true;
    return this.#regressed.has(index);
  }

  async #readNodes(): Promise<void> {
    const readMs = this.#options.clock.monotonic();
    const { nodes } = await this.#options.records.topology();
    this.#nodes = new Map(nodes.map((node) => [node.id, node]));
    this.#nodesReadMs = readMs;
    for (const [index, snapshot] of this.#snapshots) this.#snapshots.set(index, { ...snapshot, nodes: this.#nodes });
  }

  /** `told`: the epoch that Redis told, or that another router has handed in. */
  async #read(index: string, told: number): Promise<boolean> {
    const { records, registry, settings: kept, bell } = this.#options;
    const [entry, table, settings] = await Promise.all([records.index(index), records.table(index), kept.read(index)]);
    if (entry === null || table === null) return this.#forget(index);
    const seen = Math.max(this.#seen(index) ?? 0, told);
    if (table.epoch < seen) {
      const served = this.#snapshots.get(index)?.table;
      // One that was gone: its owners are not known here, but that Redis has lost its deletion is.
      const known = served ?? { index, epoch: this.#gone.get(index) ?? 0, shards: [] };
      if (known.epoch > table.epoch) await registry.handIn(known);
      return this.#refuse(index, table.epoch, seen);
    }
    const before = this.#snapshots.get(index)?.table.epoch;
    this.#regressed.delete(index);
    this.#gone.delete(index);
    this.#snapshots.set(index, { entry, table, nodes: this.#nodes, settings });
    if (before === table.epoch) return false;
    bell.ring(tableBell(index));
    return true;
  }

  #refuse(index: string, shown: number, seen: number): false {
    if (this.#regressed.get(index) !== shown) {
      this.#options.logger.error({ index, shown, seen }, 'Redis shows a lower epoch than was seen; index not served');
      this.#options.observer.fault('epoch_regressed');
    }
    this.#regressed.set(index, shown);
    return false;
  }

  #forget(index: string): boolean {
    this.#regressed.delete(index);
    const seen = this.#seen(index);
    const [oldest] = this.#gone.keys();
    if (seen !== undefined) this.#gone.set(index, seen);
    if (this.#gone.size > GONE_MAX && oldest !== undefined) this.#gone.delete(oldest);
    const isKnown = this.#snapshots.delete(index);
    this.#options.bell.ring(tableBell(index));
    return isKnown;
  }
}
