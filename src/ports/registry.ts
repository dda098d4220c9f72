/** Routers that are alive, and which epochs they work by (R1, R2). */
import type { RoutingTable } from '../core/routing.ts';

/**
 * What a router has acknowledged of an index: every request that it sent for a shard under an older epoch than `epoch`
 * is over, except for the shards in `late`, of which it has acknowledged only the epoch given there.
 */
export interface Acknowledged {
  readonly epoch: number;
  /** Shard number (as text) → epoch acknowledged for it. Absent when no shard is late. */
  readonly late?: Readonly<Record<string, number>>;
}

/** What one confirming script call tells. */
export interface Confirmation {
  /** Run id of Redis: another one than before means registering anew. */
  readonly run: string;
  /** Redis time, ms with their fractions. */
  readonly nowMs: number;
  /** Epoch of every registered index's table. */
  readonly epochs: ReadonlyMap<string, number>;
}

export interface RouterEntry {
  /** Id of the registration; a router that lapsed has another one afterwards. */
  readonly id: string;
  /** `host/pid` and role, for people. */
  readonly name: string;
  /** Redis time (ms) until which the entry counts. */
  readonly untilMs: number;
  readonly acks: Readonly<Record<string, Acknowledged>>;
  /** Redis time (ms) at which it acknowledged that; absent until it has once. */
  readonly confirmedMs?: number;
}

export interface Registry {
  /** Enters a new registration: it blocks every barrier until it has acknowledged. */
  register(id: string, name: string): Promise<Confirmation>;
  /** Renews the entry and hands in what is acknowledged. Null when the entry is gone: register under a new id. */
  confirm(id: string, acks: Readonly<Record<string, Acknowledged>>): Promise<Confirmation | null>;
  /** A table that was served by and that Redis does not show any more: its owners stand. Again changes nothing. */
  handIn(table: RoutingTable): Promise<void>;
  leave(id: string): Promise<void>;
  /** Entries that count now. */
  live(): Promise<readonly RouterEntry[]>;
  /** Calls back when somebody tells that an index's table changed: a nudge, never the truth. Returns how to stop. */
  onNudge(listen: (index: string) => void): () => void;
}
