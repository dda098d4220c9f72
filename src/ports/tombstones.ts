/** What was deleted through routers, and when: so that a copy that is missing is told from one that is to go. */
export interface KnownRemovals {
  /** Redis time (ms) of the last delete of each id that has one. */
  readonly atMs: ReadonlyMap<string, number>;
  /** Up to this Redis time (ms) documents may have been deleted that nobody knows of; -1: none. */
  readonly doubtMs: number;
  /** Up to this Redis time (ms) Redis has lost writes, so that a repair list may name the wrong owner; -1: none. */
  readonly lostMs: number;
}

/** Kept by the end of a delete's turn (`Turns.end`); of each shard the newest 100,000. */
export interface Tombstones {
  known(index: string, shard: number, ids: readonly string[]): Promise<KnownRemovals>;
  /**
   * After all replicas of a shard were compared and nothing was left open: whatever was deleted before `sinceMs` is gone
   * everywhere, so nothing before is in doubt. Tombstones from before `keepFromMs` are dropped.
   */
  settle(index: string, shard: number, sinceMs: number, keepFromMs: number): Promise<void>;
}
