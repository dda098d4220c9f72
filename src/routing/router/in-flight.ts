/**
 * Requests to nodes that are not over, by shard and by the epoch of the route they were sent by (R2). The counts belong
 * to the process: a new registration goes on with them.
 */
import type { RoutingTable, ShardRoute } from '../../core/routing.ts';
import type { Acknowledged } from '../../ports.ts';

export type RequestKind = 'write' | 'read';

/** A shard and the epoch of the route by which its request is sent. */
export type ChosenShard = Pick<ShardRoute, 'shard' | 'epoch'>;

/** Requests under way of one shard: epoch → how many. */
type Counts = Readonly<Record<RequestKind, Map<number, number>>>;

/** While a shard is in one of these, reads that were sent before count too: old owners lose their copy next. */
const READS_COUNT: ReadonlySet<ShardRoute['state']> = new Set(['settled', 'stable']);

export class InFlight {
  readonly #indexes = new Map<string, Map<number, Counts>>();
  readonly #onOver: (index: string) => void;
  #requests = 0;
  #waiters: (() => void)[] = [];

  /** `onOver` is told when nothing is under way any more of some shard, epoch and kind. */
  constructor(onOver: (index: string) => void) {
    this.#onOver = onOver;
  }

  /** Counts a request from now on; the returned function ends it, once. */
  begin(index: string, kind: RequestKind, chosen: readonly ChosenShard[]): () => void {
    const shards = this.#indexes.get(index) ?? new Map<number, Counts>();
    this.#indexes.set(index, shards);
    for (const { shard, epoch } of chosen) {
      const counts: Counts = shards.get(shard) ?? { write: new Map(), read: new Map() };
      shards.set(shard, counts);
      counts[kind].set(epoch, (counts[kind].get(epoch) ?? 0) + 1);
    }
    this.#requests += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#end(index, kind, chosen);
    };
  }

  /**
   * What may be acknowledged of all indexes: those of the present tables, and those without one that writes are still on
   * their way to. A write that lands after the deletion would bring the index back.
   */
  acknowledgedAll(tables: readonly RoutingTable[]): Record<string, Acknowledged> {
    const all = Object.fromEntries(tables.map((table) => [table.index, this.acknowledged(table)]));
    for (const [index, shards] of this.#indexes) {
      const late = [...shards].flatMap(([shard, { write }]) =>
        write.size === 0 ? [] : [[shard, Math.min(...write.keys())] as const],
      );
      if (Object.hasOwn(all, index) || late.length === 0) continue;
      all[index] = { epoch: Math.min(...late.map(([, epoch]) => epoch)), late: Object.fromEntries(late) };
    }
    return all;
  }

  /** What may be acknowledged of the index whose present table is this one. */
  acknowledged(table: RoutingTable): Acknowledged {
    const late: Record<string, number> = {};
    for (const [shard, { write, read }] of this.#indexes.get(table.index) ?? []) {
      const route = table.shards[shard];
      if (route === undefined) continue;
      const oldest = Math.min(...write.keys(), ...(READS_COUNT.has(route.state) ? read.keys() : []));
      if (oldest < route.epoch) late[shard] = oldest;
    }
    return { epoch: table.epoch, ...(Object.keys(late).length === 0 ? {} : { late }) };
  }

  /** Requests under way. */
  get size(): number {
    return this.#requests;
  }

  /** Resolves when nothing is under way. */
  async drained(): Promise<void> {
    if (this.#requests === 0) return;
    await new Promise<void>((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  #end(index: string, kind: RequestKind, chosen: readonly ChosenShard[]): void {
    const shards = this.#indexes.get(index);
    let isLast = false;
    for (const { shard, epoch } of chosen) {
      const counts = shards?.get(shard);
      if (shards === undefined || counts === undefined) continue;
      const left = (counts[kind].get(epoch) ?? 0) - 1;
      if (left > 0) {
        counts[kind].set(epoch, left);
        continue;
      }
      isLast = true;
      counts[kind].delete(epoch);
      if (counts.write.size === 0 && counts.read.size === 0) shards.delete(shard);
    }
    if (shards?.size === 0) this.#indexes.delete(index);
    this.#requests -= 1;
    if (isLast) this.#onOver(index);
    if (this.#requests > 0) return;
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
}
