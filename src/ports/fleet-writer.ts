/** What may be changed without a lease. */
import type { IndexEntry, ShardRoute } from '../core/routing.ts';
import type { TopologyNode } from '../core/topology.ts';
import type { RouteRead } from './records.ts';

/** An index that was taken out of the registry, and the nodes that are still to be told. */
export interface Deletion {
  readonly index: string;
  /** To which the deletion raised the index's epoch. */
  readonly epoch: number;
  /** Redis time (ms) until which only the one who deletes tells nodes, and nobody creates the index. */
  readonly untilMs: number;
  readonly nodes: readonly string[];
}

/** Throws `ConflictError` when somebody was first. */
export interface FleetWriter {
  initTopology(nodes: readonly TopologyNode[]): Promise<void>;
  /**
   * Registers an index whose routes were computed from the topology of that version. `epoch`: of the name's table before
   * the nodes were prepared, 0 for one that was never used; deleted since, it is refused.
   */
  createIndex(topologyVersion: number, entry: IndexEntry, routes: readonly ShardRoute[], epoch?: number): Promise<void>;
  /**
   * Takes an index out of the registry; null when it is not in it. Throws `ConflictError` while it has moves. Until its
   * nodes have been told, those that failed aside, nobody creates an index of this name. For `ownMs` only the caller
   * tells them.
   */
  deleteIndex(uid: string, ownMs: number): Promise<Deletion | null>;
  /** These nodes have been told; the others are the reconcilers' from now on. */
  toldDeletion(deletion: Deletion, nodes: readonly string[]): Promise<void>;
  /** Lets movers act on a frozen shard again. Throws `ConflictError` when its route has changed. */
  thaw(index: string, frozen: RouteRead): Promise<void>;
}
