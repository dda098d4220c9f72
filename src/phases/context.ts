/** What a phase gets. It speaks to nodes and records only through this; both stop with the lease. */
import type { IndexEntry } from '../core/routing.ts';
import type { JobPhase } from '../core/move.ts';
import type { Topology } from '../core/topology.ts';
import type { Timings } from '../core/timing.ts';
import type {
  Checkpoint,
  Clock,
  JournalRef,
  JournalWriter,
  Logger,
  MoveState,
  MoveWriter,
  NodeClient,
  Observer,
  Permit,
  PlanHolds,
  Records,
  RepairLists,
  SettingsRecords,
  Throttles,
} from '../ports.ts';
import type { LateWrites } from './late-writes.ts';
import type { TargetLoads } from './target-load.ts';
import type { TaskWatch } from './task-watch.ts';

/** The part of the configuration that phases read; units as in config.ts. */
export interface PhaseSettings {
  readonly migrationBatchSize: number;
  readonly migrationBatchDelayMs: number;
  readonly windowBytes: number;
  readonly verifyWindowDocs: number;
  readonly deleteStepDocs: number;
  readonly graceMs: number;
  readonly holdMs: number;
  readonly gateJournalIds: number;
  readonly nodeMaxBytes: number;
  /** Benchmarks only: what verification costs is measured by leaving it out. */
  readonly unsafeSkipVerify: boolean;
}

export interface PhaseContext {
  /** The record as read when the phase began. */
  readonly move: MoveState;
  readonly entry: IndexEntry;
  readonly topology: Topology;
  readonly fence: string;
  readonly permit: Permit;
  readonly records: Records;
  readonly writer: MoveWriter;
  readonly journal: JournalWriter;
  readonly repairs: RepairLists;
  readonly planHolds: Pick<PlanHolds, 'orders'>;
  readonly throttles: Pick<Throttles, 'take' | 'read'>;
  /** What the settings of the index shall be. */
  readonly desired: Pick<SettingsRecords, 'read'>;
  /** Notes that a node has the settings of this version, unless they are being changed. */
  settingsReached(this: void, node: string, version: number): Promise<void>;
  /** An embedder's key by its name. Throws `InvalidInputError` where this process has none. */
  keyOf(this: void, reference: string): string;
  /** A node's client under this lease. Throws `NodeUnknownError` when the topology has no such node. */
  node(id: string): NodeClient;
  /** Requests that the node refused for now or did not answer, so far. */
  refusals(this: void, id: string): number;
  /** Waits for tasks of a node; one poll for all moves of the index. */
  tasks(node: NodeClient): TaskWatch;
  readonly loads: TargetLoads;
  /** Writes of this lease whose outcome is not known. */
  readonly late: LateWrites;
  readonly settings: PhaseSettings;
  readonly timings: Timings;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly log: Logger;
  /** Stores progress under fence and job token. Throws `StaleFenceError` when this process is not the holder. */
  checkpoint(progress: Checkpoint): Promise<void>;
  /** Asks that a job of another move is looked at now (a grace that ends early). */
  hurry(move: MoveState): Promise<void>;
}

/** As much of it as looking at one shard on a node takes; repair, which has no move, has this of its own. */
export interface ShardAt {
  readonly entry: Pick<IndexEntry, 'uid'>;
  readonly move: Pick<MoveState, 'shard' | 'vectors'>;
  readonly settings: Pick<PhaseSettings, 'windowBytes'>;
  readonly permit: Pick<Permit, 'signal'>;
  readonly clock: Clock;
}

/** Which journal a move has. */
export const journalOf = ({ index, shard, id }: MoveState): JournalRef => ({ index, shard, move: id });

/** One phase. `run` returns when the phase is reached, or throws `MoveWaitingError`, or what went wrong. */
export interface Phase {
  readonly name: JobPhase;
  run(context: PhaseContext): Promise<void>;
}
