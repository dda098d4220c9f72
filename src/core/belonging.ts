/** Which shards a node may hold documents of: whatever else of an index it holds is left over. */
import type { PlannedMove } from './move.ts';
import type { RoutingTable } from './routing.ts';

/** Documents that were never split, or lost what splitting added. */
export const UNSPLIT_FILTER = '_miroir_shard NOT EXISTS OR _miroir_slot NOT EXISTS';

/**
 * Shards that the node owns or is read for, and those that an unfinished move takes to it, from it, or keeps there for its
 * grace; ascending.
 */
export function shardsAt(node: string, table: RoutingTable, moves: readonly PlannedMove[]): number[] {
  const routed = table.shards.filter(({ owners, readers }) => owners.includes(node) || readers.includes(node));
  const moving = moves.filter(
    ({ index, source, target, retires }) => index === table.index && [source, target, retires].includes(node),
  );
  return [...new Set([...routed, ...moving].map(({ shard }) => shard))].sort((a, b) => a - b);
}

/** Filter for the documents of an index on a node that may hold these shards and no others. */
export const leftoverFilter = (shards: readonly number[]): string =>
  shards.length === 0 ? '_miroir_shard EXISTS' : `_miroir_shard EXISTS AND _miroir_shard NOT IN [${shards.join(',')}]`;
