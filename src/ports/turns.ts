/** Turns of documents that have more than one owner (R9), and the lists of what an owner missed. */

/** Ids of one shard's part; `'shard'` stands for all of them (a delete by filter). */
export type TurnIds = readonly string[] | 'shard';

export interface TurnRequest {
  readonly index: string;
  readonly shard: number;
  readonly registration: string;
  readonly ids: TurnIds;
  /** Who is written; what the repair lists name should the router die with the turn. */
  readonly owners: readonly string[];
}

/** Opaque: `<number>:<registration>`. */
export type TurnToken = string;

/** What was done under a turn. */
export interface TurnDone {
  /** It deleted its ids at this Redis time, which their tombstones keep. */
  readonly removedAtMs?: number;
  /** Of its ids, those that can have been missed; absent: all. */
  readonly sent?: readonly string[];
}

export interface Turns {
  /**
   * Takes the turn of all ids or of none, in order of arrival. `waiting` is handed in again with the same token; one
   * that is not asked about for 5 s loses its place. `refused`: the registration is gone, or too many wait.
   */
  take(
    request: TurnRequest,
    waiting: TurnToken | null,
  ): Promise<{ taken: TurnToken } | { waiting: TurnToken } | 'refused'>;
  /**
   * Ends the turn; its ids go on the repair list of the owners in `missed`. False when somebody else has ended it:
   * the outcome is unknown.
   */
  end(request: TurnRequest, turn: TurnToken, missed: readonly string[], done?: TurnDone): Promise<boolean>;
  /** Gives up waiting. */
  leave(request: TurnRequest, waiting: TurnToken): Promise<void>;
  /** Ends turns whose registration is gone; the number ended. */
  endDead(index: string, shard: number): Promise<number>;
  /** The same in every shard of the index that has turns (planner, every 30 s). `shards`: how many the index has. */
  endAllDead(index: string, shards: number): Promise<number>;
}

/**
 * What one owner has on its list of some ids. Of a score (Redis time of the last miss, us) it is known here only that the
 * owner with the lowest has the latest of what was acknowledged, and that another miss makes another score.
 */
export interface MissedBy {
  /** Of the entry that stands for the whole shard; null when there is none. */
  readonly whole: string | null;
  readonly ids: ReadonlyMap<string, string>;
}

/**
 * `missed`: just now. With a stamp: the write that was sent with it, which is over, and found to have failed only now; what
 * was missed after it counts as later. `unknown`: of a write that nobody was told is written, whoever has it.
 */
export type MissedHow = 'missed' | 'unknown' | { readonly stampMs: number };

export interface RepairListSize {
  readonly shard: number;
  /** Also a node that has left the shard: what it had then is listed as the whole of it. */
  readonly owner: string;
  /** Entries: ids, or one for the whole shard. */
  readonly ids: number;
  readonly isWhole: boolean;
}

export interface RepairLists {
  /** Lists ids that owners missed. */
  add(index: string, shard: number, ids: TurnIds, owners: readonly string[], how?: MissedHow): Promise<void>;
  size(index: string, shard: number, owner: string): Promise<number>;
  /** Oldest first; `'*'` is the whole shard. */
  list(index: string, shard: number, owner: string, limit: number): Promise<readonly string[]>;
  /** Of these ids and of the whole shard, for each owner. */
  scores(
    index: string,
    shard: number,
    owners: readonly string[],
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, MissedBy>>;
  /** Takes entries (id, or `*`, → score as read) off; what was missed again since stays. Returns how many went. */
  clear(index: string, shard: number, owner: string, entries: ReadonlyMap<string, string>): Promise<number>;
  /** Of all shards of an index, those with entries. */
  sizes(index: string): Promise<readonly RepairListSize[]>;
}
