/**
 * Filters that reach a node: the client's own, narrowed to the shards that this node is read for (R5). The client's part
 * stays an expression of its own, so that its positions in the node's words are those of the client's text.
 */
import type { RoutingTable } from '../../core/routing.ts';
import { SHARD_FIELD, SLOT_FIELD } from '../fields.ts';

/** Documents of a shard that are not read from anybody now. */
export interface WithheldSlots {
  readonly shard: number;
  readonly slots: readonly number[];
}

/** What is not read of these shards. */
export const withheldOf = ({ shards }: RoutingTable, served: readonly number[]): WithheldSlots[] =>
  served.flatMap((shard) => {
    const slots = shards[shard]?.withheld?.slots ?? [];
    return slots.length === 0 ? [] : [{ shard, slots }];
  });

const shardFilter = (shards: readonly number[], withheld: readonly WithheldSlots[]): string =>
  [
    `${SHARD_FIELD} IN [${shards.join(', ')}]`,
    ...withheld.map(({ shard, slots }) => `NOT (${SHARD_FIELD} = ${shard} AND ${SLOT_FIELD} IN [${slots.join(', ')}])`),
  ].join(' AND ');

/**
 * JSON text of the filter for a node. `own` is JSON text of the client's filter: nothing, an expression, or an array of
 * which all must match. Null when it is of another type, which no node accepts.
 */
export function filterFor(
  own: string | null,
  shards: readonly number[],
  withheld: readonly WithheldSlots[] = [],
): string | null {
  const ours = JSON.stringify(shardFilter(shards, withheld));
  const text = own?.trim() ?? 'null';
  if (text === 'null') return ours;
  if (text.startsWith('"')) return `[${text},${ours}]`;
  if (!text.startsWith('[')) return null;
  const inner = text.slice(1, -1).trim();
  return inner === '' ? ours : `[${inner},${ours}]`;
}
