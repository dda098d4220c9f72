/** Runs of Redis: after a restart it may have lost what it had answered, and routers know better who owns what. */

/** A shard that no mover touches until an operator lets go. */
export interface FrozenShard {
  readonly shard: number;
  readonly owners: readonly string[];
  /** Nodes, comma between, that may hold what the owners do not. */
  readonly others: string;
  /** The move that was ended; '' when there was none. */
  readonly move: string;
}

/** The planner's side, under its fence. */
export interface Runs {
  /** `waits`: routers may still hand in what they know. `lost`: one has handed in a newer table than Redis shows. */
  look(): Promise<{ readonly state: 'known' | 'waits' | 'due'; readonly lost: boolean }>;
  /** Restores the owners of one index; again changes nothing. Returns the shards that it froze. */
  restore(index: string): Promise<readonly FrozenShard[]>;
  /** Routes may be changed again; false when another table came in meanwhile. `lost`: as it was when all was restored. */
  accept(lost: boolean): Promise<boolean>;
}
