/**
 * Filters that reach a node: the client's own, narrowed to the shards that this node is read for (R5). The client's part
 * stays an expression of its own, so that its positions in the node's words are those of the client's text.
 */
import { SHARD_FIELD } from '../fields.ts';

const shardFilter = (shards: readonly number[]): string => `${SHARD_FIELD} IN [${shards.join(', ')}]`;

/**
 * JSON text of the filter for a node. `own` is JSON text of the client's filter: nothing, an expression, or an array of
 * which all must match. Null when it is of another type, which no node accepts.
 */
export function filterFor(own: string | null, shards: readonly number[]): string | null {
  const ours = JSON.stringify(shardFilter(shards));
  const text = own?.trim() ?? 'null';
  if (text === 'null') return ours;
  if (text.startsWith('"')) return `[${text},${ours}]`;
  if (!text.startsWith('[')) return null;
  const inner = text.slice(1, -1).trim();
  return inner === '' ? ours : `[${inner},${ours}]`;
}
