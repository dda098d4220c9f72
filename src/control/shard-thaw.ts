/** Shards that were frozen when Redis had lost writes, and letting movers act on them again. */
import { InvalidInputError } from '../errors.ts';
import { type Asker, audited } from './audited.ts';
import { unknownIndex } from './indexes.ts';
import type { ChangeParts } from './parts.ts';

export interface ThawView {
  readonly index: string;
  readonly shard: number;
  readonly owners: readonly string[];
  /** Nodes that may hold what the owners do not. */
  readonly others: readonly string[];
  readonly frozen: boolean;
}

type Parts = Pick<ChangeParts, 'records' | 'fleet' | keyof Asker>;

/** `isSure` false only looks. `shard`: null for all of the index that are frozen. */
export async function thawShards(
  parts: Parts,
  uid: string,
  shard: number | null,
  isSure: boolean,
): Promise<readonly ThawView[]> {
  if (!isSure) return thaw(parts, uid, shard, false);
  return audited(parts, 'index thaw', { index: uid, shard: shard ?? 'all' }, () => thaw(parts, uid, shard, true));
}

async function thaw(
  { records, fleet }: Parts,
  uid: string,
  shard: number | null,
  isSure: boolean,
): Promise<ThawView[]> {
  const entry = await records.index(uid);
  if (entry === null) throw unknownIndex(uid);
  if (shard !== null && shard >= entry.shards) {
    const remedy = `give a number below ${entry.shards}: \`miroir index show ${uid}\``;
    throw new InvalidInputError(`index ${uid} has no shard ${shard}`, { field: 'shard', remedy });
  }
  const table = await records.table(uid);
  const asked = (table?.shards ?? []).filter((route) =>
    shard === null ? route.frozen === true : route.shard === shard,
  );
  const views: ThawView[] = [];
  for (const { shard: number } of asked) {
    const read = await records.route(uid, number);
    const { owners, others = [], frozen } = read.route;
    if (frozen === true && isSure) await fleet.thaw(uid, read);
    views.push({ index: uid, shard: number, owners, others, frozen: frozen === true && !isSure });
  }
  return views;
}
