/** What the settings of each index shall be, and the broadcast that brings them to its nodes. */
import type { BroadcastStatus } from '../core/settings-broadcast.ts';
import type { Settings } from '../core/settings-text.ts';
import type { ClientTaskOutcome } from './client-tasks.ts';
import type { Lease } from './lease.ts';

/** Secrets of embedders in it are names of keys, or stand for what nobody keeps. */
export interface DesiredSettings {
  readonly settings: Settings;
  readonly fingerprint: string;
}

export interface SettingsBroadcast {
  readonly id: string;
  readonly status: BroadcastStatus;
  readonly wanted: Settings;
  /** A secret was given as text, so that only who was asked could send it again. */
  readonly hasOwnSecrets: boolean;
  /** The client's change as its task shows it; and that task, once the client has it. */
  readonly details: Settings;
  readonly task: number | null;
}

export interface SettingsRecord {
  readonly index: string;
  /** Raised by one with each commit. */
  readonly version: number;
  /** Null until a first change, or until all nodes were found equal. */
  readonly desired: DesiredSettings | null;
  /** The version that each node was last found at, 0: at none. One that is not listed was given the present one. */
  readonly nodeVersions: Readonly<Record<string, number>>;
  /** Why clients' writes are refused; null while they are not. */
  readonly frozen: string | null;
  readonly broadcast: SettingsBroadcast | null;
}

/** How a broadcast ends. `verified`: nodes found with what is desired then; `others`: nodes of the index that were not. */
export interface BroadcastEnd {
  /** Absent: nothing new is desired, and no version is used up. */
  readonly commit?: DesiredSettings;
  readonly frozen?: string;
  readonly verified: readonly string[];
  readonly others: readonly string[];
  readonly outcome: ClientTaskOutcome;
}

/**
 * Every change but the operator's checks the fence of its lease: `settings_broadcast:<index>`, and of a stamp also that of a
 * mover, which no broadcast is beside.
 */
export interface SettingsRecords {
  read(index: string): Promise<SettingsRecord>;
  list(indexes: readonly string[]): Promise<readonly SettingsRecord[]>;
  /**
   * Begins a broadcast. `base`: what is desired until then, kept where nothing is. Refused while another one is not over,
   * or while the index has a move that has begun, before its settling is done.
   */
  propose(
    lease: Lease,
    broadcast: SettingsBroadcast,
    base: DesiredSettings,
  ): Promise<'ok' | 'in flight' | 'gone' | { readonly moving: string }>;
  step(lease: Lease, broadcast: SettingsBroadcast): Promise<void>;
  /** Ends the client's task with it. Returns the version. */
  end(lease: Lease, broadcast: SettingsBroadcast, end: BroadcastEnd): Promise<number>;
  /** Keeps what all nodes of an index were found to have, where nothing is desired yet. */
  adopt(lease: Lease, index: string, desired: DesiredSettings): Promise<void>;
  /** Keeps at which version a node is, of the present one or 0. False when a broadcast came between. */
  stamp(lease: Lease, at: { index: string; node: string; version: number; present: number }): Promise<boolean>;
  /** Lets clients write again; false when they could. */
  thaw(index: string): Promise<boolean>;
}
