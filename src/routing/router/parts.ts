/** What a router is made of, and its bounds. */
import type { TopologyNode } from '../../core/topology.ts';
import type {
  ClientTasks,
  Clock,
  Deletion,
  Journal,
  Leases,
  Logger,
  NodeClient,
  Permit,
  Records,
  Registry,
  RepairLists,
  RouterObserver,
  SettingsObserver,
  SettingsRecords,
  Traffic,
  Turns,
} from '../../ports.ts';
import type { Strategy } from '../settings/parts.ts';
import type { NodeWatchParts } from './node-watch.ts';
import type { WriteSize } from './places.ts';

export interface RouterLimits {
  /** A write waits at most this long for the end of a hold (R4). */
  readonly holdMs: number;
  /** At most this long for a document that settles (R4), or for another write's turn (R9). */
  readonly settleMs: number;
  /** At most this long for a busy node, a free place before a node, or a mover at its gate. */
  readonly busyMs: number;
  /** Parts of writes, and their bytes, that wait at a time. */
  readonly waitingParts: number;
  readonly waitingBytes: number;
  /** Write requests to one node at a time, of small writes and of large ones. */
  readonly writesPerNode: Readonly<Record<WriteSize, number>>;
  /** A write of more bytes is a large one. */
  readonly smallBytes: number;
  /** One request to a node. */
  readonly requestMs: number;
  /** Bytes of one request while the index has moves (R2), and otherwise. */
  readonly requestBytesMoving: number;
  readonly requestBytes: number;
}

export const LIMITS: RouterLimits = {
  holdMs: 2_000,
  settleMs: 30_000,
  busyMs: 2_000,
  waitingParts: 10_000,
  waitingBytes: 100_000_000,
  // Two large writes at full speed: each has four requests under way.
  writesPerNode: { small: 24, large: 8 },
  smallBytes: 1_000_000,
  requestMs: 10_000,
  requestBytesMoving: 1_000_000,
  // Four requests of a large write at a time, each with its copy of what it sends.
  requestBytes: 3_000_000,
};

/** The registry of indexes, as a router needs it; the operator verbs of control/ and the fleet's writer fit. */
export interface IndexAdmin {
  /** Creates the index on its nodes and registers it. Throws `IndexConflictError` for one that exists. */
  create(wanted: { readonly uid: string; readonly primaryKey: string; readonly signal: AbortSignal }): Promise<unknown>;
  /**
   * Takes it out of the registry; its nodes keep it, and nobody creates it again until they have been told, for `ownMs` by
   * the caller. Null for one that is not there. Throws `ConflictError`.
   */
  unregister(uid: string, ownMs: number): Promise<Deletion | null>;
  /** These nodes have been told of the deletion; the others are the reconcilers' to tell. */
  told(deletion: Deletion, nodes: readonly string[]): Promise<void>;
}

/** What a broadcast of settings needs; units as in config.ts. */
export interface SettingsParts {
  readonly records: SettingsRecords;
  readonly observer: SettingsObserver;
  readonly leases: Leases;
  scopeOf(this: void, index: string): string;
  /** A node's client under a lease. */
  clientOf(this: void, node: TopologyNode, permit: Permit): NodeClient;
  /** Throws `InvalidInputError` for the name of an embedder's key that this process does not have. */
  keyOf(this: void, reference: string): string;
  readonly strategy: Strategy;
  readonly verifyTimeoutMs: number;
  readonly retries: number;
}

export interface RouterParts {
  readonly records: Pick<
    Records,
    'topology' | 'index' | 'table' | 'route' | 'endHold' | 'move' | 'barrier' | 'unfinishedMoves' | 'deletion'
  >;
  readonly registry: Registry;
  readonly journal: Journal;
  readonly turns: Turns;
  readonly repairs: RepairLists;
  readonly clientTasks: ClientTasks;
  readonly traffic: Traffic;
  readonly nodeWatch: NodeWatchParts;
  /** A node's client for settings and the like; without a permit each request has a time of its own. */
  clientOf(this: void, node: TopologyNode, permit?: Permit): NodeClient;
  readonly admin: IndexAdmin;
  /** Changing settings of indexes. */
  readonly settings: SettingsParts;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: RouterObserver;
  /** `host/pid` and role, for people. */
  readonly name: string;
  /** `timings.routerLapseMs`. */
  readonly lapseMs: number;
  /** `timings.routerEntryMs`. */
  readonly entryMs: number;
  readonly limits?: Partial<RouterLimits>;
}
