/** Where a document is. */
import { locateKey } from '../core/hashing.ts';
import type { ShardState } from '../core/routing.ts';
import { InvariantError } from '../errors.ts';
import { unknownIndex } from './indexes.ts';
import type { ControlParts } from './parts.ts';

export interface Whereabouts {
  readonly index: string;
  readonly id: string;
  readonly shard: number;
  readonly slot: number;
  readonly state: ShardState;
  readonly owners: readonly string[];
  readonly readers: readonly string[];
  /** The move that the shard is in. */
  readonly move: string | null;
  /** The routing table's, at which this was so. */
  readonly epoch: number;
}

/** Throws `IndexUnknownError`. Says where the document belongs, not whether it exists. */
export async function where({ records }: ControlParts, index: string, id: string): Promise<Whereabouts> {
  const entry = await records.index(index);
  const table = await records.table(index);
  if (entry === null || table === null) throw unknownIndex(index);
  const { shard, slot } = locateKey(id, entry.shards);
  const route = table.shards[shard];
  if (route === undefined) throw new InvariantError(`index ${index} has no shard ${shard}`);
  const { state, owners, readers, moveId = null } = route;
  return { index, id, shard, slot, state, owners, readers, move: moveId, epoch: table.epoch };
}
