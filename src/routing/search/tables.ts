/** What reads need of a router's tables: one epoch to read by, and to be counted while they are in flight (R1, R2). */
import type { IndexEntry, RoutingTable } from '../../core/routing.ts';
import type { TopologyNode } from '../../core/topology.ts';
import type { SettingsRecord } from '../../ports.ts';

/** One epoch of an index. Every request of one read goes by one snapshot. */
export interface ReadSnapshot {
  readonly table: RoutingTable;
  readonly entry: IndexEntry;
  /** By id; at least those that the table names. */
  readonly nodes: ReadonlyMap<string, TopologyNode>;
  /** Absent: no versions of settings are told of. */
  readonly settings?: Pick<SettingsRecord, 'version' | 'nodeVersions'>;
  /** The registration under which the table was read. */
  readonly registration: string;
}

export interface ReadTables {
  /** Throws a `MiroirError` when the table has lapsed, and `IndexUnknownError`. Never waits. */
  snapshot(index: string): ReadSnapshot;
  /** Resolves when the tables have been confirmed since this call; throws a `MiroirError` when they could not be. */
  sure(signal: AbortSignal): Promise<void>;
  /** Indexes that are registered. */
  indexes(): readonly string[];
  /**
   * Counts a read of these shards as in flight until `done`, so that no newer epoch of them is acknowledged meanwhile.
   * Called in the same turn as `snapshot`.
   */
  reading(index: string, shards: readonly number[], tableEpoch: number): { done(): void };
}
