/** Which node answers for which shards: every shard once, few nodes, the load spread over the copies. */
import type { RoutingTable } from '../../core/routing.ts';

export interface Cover {
  /** Node id → shards that it is asked for, ascending. */
  readonly parts: ReadonlyMap<string, readonly number[]>;
  /** Shards that no usable node may be read for. */
  readonly unserved: readonly number[];
}

export interface CoverOptions {
  readonly table: RoutingTable;
  /** Default: all. */
  readonly shards?: readonly number[];
  readonly isUsable: (nodeId: string) => boolean;
  /** Any whole number; the same one always gives the same cover of the same table. */
  readonly seed: number;
}

/** A node that would take at least this share of what the largest would is as good: else copies on it are never read. */
const GOOD_SHARE = 0.75;

export function coverShards({ table, shards, isUsable, seed }: CoverOptions): Cover {
  const readers = new Map<number, readonly string[]>();
  const unserved: number[] = [];
  for (const shard of shards ?? table.shards.keys()) {
    const usable = (table.shards[shard]?.readers ?? []).filter(isUsable);
    if (usable.length === 0) unserved.push(shard);
    else readers.set(shard, usable);
  }
  const chosen = chooseNodes(readers, seed);
  const parts = new Map<string, number[]>();
  // Shards with the least choice first, so that the others can even out what these make uneven.
  const byChoice = [...readers]
    .map(([shard, ids]) => ({ shard, ids: chosen.filter((id) => ids.includes(id)) }))
    .sort((a, b) => a.ids.length - b.ids.length || a.shard - b.shard);
  for (const { shard, ids } of byChoice) {
    const size = (id: string): number => parts.get(id)?.length ?? 0;
    const least = ids.reduce((best, id) => (size(id) < size(best) ? id : best));
    parts.set(least, [...(parts.get(least) ?? []), shard]);
  }
  for (const list of parts.values()) list.sort((a, b) => a - b);
  return { parts, unserved };
}

/** Greedy: again and again a node that serves most of what is left. */
function chooseNodes(readers: ReadonlyMap<number, readonly string[]>, seed: number): string[] {
  const left = new Set(readers.keys());
  const chosen: string[] = [];
  while (left.size > 0) {
    const gains = new Map<string, number>();
    for (const shard of left) for (const id of readers.get(shard) ?? []) gains.set(id, (gains.get(id) ?? 0) + 1);
    const most = Math.max(...gains.values());
    const good = [...gains].filter(([, gain]) => gain >= most * GOOD_SHARE).map(([id]) => id);
    const next = good.sort()[Math.abs(seed) % good.length];
    if (next === undefined) break;
    chosen.push(next);
    for (const shard of left) if (readers.get(shard)?.includes(next) === true) left.delete(shard);
  }
  return chosen;
}

/** Kept covers of one table: seeds fall into these many. */
const SEEDS = 16;
const COVERS_MAX = 256;

/** Covers of whole tables, kept as long as the table: there are few, and every search needs one. */
export class Covers {
  readonly #kept = new WeakMap<
    RoutingTable,
    { readonly ids: readonly string[]; readonly covers: Map<string, Cover> }
  >();

  of(table: RoutingTable, isUsable: (nodeId: string) => boolean, seed: number): Cover {
    const kept = this.#kept.get(table) ?? { ids: readersOf(table), covers: new Map<string, Cover>() };
    this.#kept.set(table, kept);
    const fewer = Math.abs(seed) % SEEDS;
    const key = `${fewer} ${kept.ids.filter(isUsable).join(' ')}`;
    const known = kept.covers.get(key);
    if (known !== undefined) return known;
    if (kept.covers.size >= COVERS_MAX) kept.covers.clear();
    const cover = coverShards({ table, isUsable, seed: fewer });
    kept.covers.set(key, cover);
    return cover;
  }
}

const readersOf = (table: RoutingTable): string[] => [...new Set(table.shards.flatMap(({ readers }) => readers))];
