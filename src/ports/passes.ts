/** Passes of anti-entropy: what is to be compared, what came of it, and when a node may be read for it. */

/** One look at all shards; the fields are the original's. Times are Redis time, ms. */
export interface Pass {
  readonly started_at: number;
  /** Null while it goes on. */
  readonly completed_at: number | null;
  readonly shards_scanned: number;
  readonly shards_with_drift: number;
  /** Documents put or deleted, one for each owner. */
  readonly repairs_performed: number;
  /** Shards of which something went wrong, so that the next pass looks again. */
  readonly errors: number;
  /** Documents that differ and were left as they are. */
  readonly documents_left: number;
  /** Shards that are still to be compared. */
  readonly shards_left: number;
}

/** What came of one shard. */
export interface ShardLook {
  /** It was read to its end, so that others come first next time. */
  readonly isScanned: boolean;
  readonly hasDrift: boolean;
  readonly repairs: number;
  readonly left: number;
  readonly isFailed: boolean;
}

export interface Passes {
  /**
   * The shards that are to be compared now, `<index>/<shard>` each: what the pass that goes on has left, or, when one is
   * due, all of a new one; none otherwise. `all`: those there are.
   */
  due(all: readonly string[], intervalMs: number, shardsMax: number): Promise<readonly string[]>;
  /** Lets the next pass begin as soon as the present one is over. */
  wish(): Promise<void>;
  /** Whether the pass that goes on has this shard left. */
  has(task: string): Promise<boolean>;
  /** A shard is done with; `over`: it was the pass's last. */
  note(task: string, look: ShardLook): Promise<'over' | 'on'>;
  /** Newest first, the one that goes on too; 100 at most. */
  list(): Promise<readonly Pass[]>;
  /** Redis time, ms. */
  nowMs(): Promise<number>;
}

/** Reading nodes a little at a time: over all processes, so many requests to one node. */
export interface ReadingPlaces {
  /** A place at the node, kept for at most `keepMs`; or in how long one is free (ms), null while all are used. */
  take(node: string, keepMs: number): Promise<{ readonly place: string } | { readonly waitMs: number | null }>;
  /** Gives the place back after a rest, in which nobody has it. */
  give(node: string, place: string, restMs: number): Promise<void>;
}
