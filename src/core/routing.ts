/** The routing table: per index, who owns and who is read for every shard, and the state of its move. */
export const SHARD_STATES = ['stable', 'tracking', 'held', 'settling', 'settled'] as const;
export type ShardState = (typeof SHARD_STATES)[number];

/** Documents that are not read although their shard is: the others are, from its new owners. */
export interface Withheld {
  /** Slots of the shard that such documents are in, ascending. */
  readonly slots: readonly number[];
  /** Readers from before, any of which may come back with these writes. */
  readonly from: readonly string[];
}

export interface ShardRoute {
  readonly shard: number;
  readonly state: ShardState;
  /** Node ids that hold the shard and receive its writes. */
  readonly owners: readonly string[];
  /** Node ids that searches and reads of the shard may go to. */
  readonly readers: readonly string[];
  /** The move that this shard is in; absent while `stable`. */
  readonly moveId?: string;
  /** Only in a move: the source stays an owner after it, so writes to one id take turns already (R9). */
  readonly staying?: boolean;
  /**
   * Nodes that left the shard when they failed, each until it owns the shard again. It may still have its copy; a router
   * that has not acknowledged the route may still read it.
   */
  readonly left?: readonly string[];
  /**
   * Redis lost writes about this shard: no mover writes or deletes a copy of it until an operator has compared them and
   * lets go (`index thaw`).
   */
  readonly frozen?: true;
  /** Only with `frozen`: nodes that may hold what the owners do not. */
  readonly others?: readonly string[];
  /** Only while `settling` with every old owner lost: what nobody has the last write of. */
  readonly withheld?: Withheld;
  /** Only while `tracking`: writes are answered this much later (ms), since catching up does not win. */
  readonly delayMs?: number;
  /** The table's epoch at which this entry last changed. */
  readonly epoch: number;
  /** Redis time (ms) at which a hold is over; only while `held`. */
  readonly heldUntilMs?: number;
}

export interface RoutingTable {
  readonly index: string;
  /** Raised by one with every change of any shard. Never decreases (I5). */
  readonly epoch: number;
  /** By shard number, dense: shards[s].shard === s. */
  readonly shards: readonly ShardRoute[];
}

export interface IndexEntry {
  readonly uid: string;
  readonly primaryKey: string;
  /** Number of shards, fixed for the index's life. */
  readonly shards: number;
  /** Copies of each shard within one replica group. */
  readonly replicationFactor: number;
  /** Replica groups that hold a full copy each. */
  readonly groups: readonly number[];
}

/** While the shard settles: who was read before the switch. */
export const oldReaders = ({ readers, withheld }: Pick<ShardRoute, 'readers' | 'withheld'>): readonly string[] =>
  withheld?.from ?? readers;

const WITH_PLACES: ReadonlySet<ShardState> = new Set(['tracking', 'held', 'settling']);

/** How many moves of an index have places at their nodes: from `tracking` until the shard is settled. */
export const begunMoves = (table: RoutingTable | null): number =>
  (table?.shards ?? []).filter(({ state }) => WITH_PLACES.has(state)).length;
