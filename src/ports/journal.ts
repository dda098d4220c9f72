/** The journal of a moving shard (R3): ids that were written since tracking began, never documents. */

/** Which journal is meant: the shard's, of this very move. */
export interface JournalRef {
  readonly index: string;
  readonly shard: number;
  readonly move: string;
}

/** A document as the journal knows it. */
export interface JournalId {
  readonly id: string;
  readonly slot: number;
}

/** An attempt is numbered per move; it is open until it is marked, or its registration is gone. */
export type Attempt = number;

/** The router's side. Every call checks state and move of the shard in the same script. */
export interface Journal {
  /**
   * Notes ids before they are sent. `refused`: the shard is not `tracking` in this move any more, or the registration
   * is gone: read the table and start over.
   */
  append(ref: JournalRef, registration: string, ids: readonly JournalId[]): Promise<{ attempt: Attempt } | 'refused'>;
  /** The attempt is over: accepted by the owners, or of unknown outcome. Never creates an entry. */
  mark(ref: JournalRef, registration: string, attempt: Attempt): Promise<void>;
  /** Of these ids, those in the journal while the shard is `settling` in this move; `refused` when it is not. */
  lookUp(ref: JournalRef, ids: readonly JournalId[]): Promise<readonly string[] | 'refused'>;
  /**
   * Raises the shard's `reverify` count before a delete by filter is sent (R6). `wait`: the mover is at its gate; ask
   * again with the time that it has waited so far; after 2 s it is admitted.
   */
  raise(ref: JournalRef, registration: string, waitedMs: number): Promise<{ attempt: Attempt } | 'wait' | 'refused'>;
  /** Ends a raised count's open time. */
  markRaised(ref: JournalRef, registration: string, attempt: Attempt): Promise<void>;
}

/** An entry as it was taken: clearing it compares the attempt. */
export type JournalEntry =
  | { readonly kind: 'id'; readonly id: string; readonly attempt: Attempt }
  /** `bucket` covers the 256 slots from bucket * 256. */
  | { readonly kind: 'slots'; readonly bucket: number; readonly attempt: Attempt }
  | { readonly kind: 'shard'; readonly attempt: Attempt };

export interface JournalState {
  /** Entries of any kind. */
  readonly size: number;
  /** Entries that are ranges or the whole shard. */
  readonly ranges: number;
  /** Attempts that are open and whose registration lives. */
  readonly open: number;
  /** Reverify counts that are open; and the attempts of those that are not and wait for a full verify. */
  readonly reverifyOpen: number;
  readonly reverify: readonly Attempt[];
}

/** The mover's side, fenced: a stale fence throws `StaleFenceError`. */
export interface JournalWriter {
  state(ref: JournalRef): Promise<JournalState>;
  /**
   * Up to `limit` entries, oldest first. Before the switch only those that no open attempt touches: an entry whose
   * newest attempt lies below every open one. `all` (while settling): whatever is there.
   */
  take(ref: JournalRef, limit: number, all: boolean): Promise<readonly JournalEntry[]>;
  /** Removes those whose attempt is still the one taken, and that nobody has taken since; the number removed. */
  clear(ref: JournalRef, entries: readonly JournalEntry[]): Promise<number>;
  /**
   * While settling, and only where `accept-loss` is wished: drops ids that nobody can carry over and notes them in the
   * move's record; the number dropped.
   */
  lose(ref: JournalRef, ids: readonly string[]): Promise<number>;
  /** Of these ids, those in the journal, in a range of it too; and whether any reverify count stands. */
  among(ref: JournalRef, ids: readonly JournalId[]): Promise<{ ids: readonly string[]; reverify: boolean }>;
  /** Closes counts that a full verify has covered. */
  closeReverify(ref: JournalRef, attempts: readonly Attempt[]): Promise<void>;
  /** While set, `raise` answers `wait` (for at most 2 s a caller). */
  setGate(ref: JournalRef, on: boolean): Promise<void>;
  /** After a cancel; the end of a move drops it in its own script. Refused while the shard depends on it. */
  forget(ref: JournalRef): Promise<void>;
}
