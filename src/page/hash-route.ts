/** What the address names: `#/moves/<id>`, `#/plans/<id>`, `#/nodes/<id>`, `#/shards/<index>/<shard>`. */
export type Place =
  | { readonly kind: 'move' | 'plan' | 'node'; readonly id: string }
  | { readonly kind: 'shard'; readonly index: string; readonly shard: number };

const KINDS = { moves: 'move', plans: 'plan', nodes: 'node' } as const;

export function placeOf(hash: string): Place | null {
  const [first, name = '', ...rest] = hash.replace(/^#/, '').split('/');
  if (first !== '') return null;
  const [id = '', more] = rest.map(decoded);
  if (id === '') return null;
  if (name === 'shards') {
    const shard = Number(more);
    return more !== undefined && more !== '' && Number.isInteger(shard) && shard >= 0
      ? { kind: 'shard', index: id, shard }
      : null;
  }
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name as keyof typeof KINDS] : undefined;
  return kind === undefined || more !== undefined ? null : { kind, id };
}

/** An address that somebody cut in the middle of a letter names nothing. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

export const hashOf = (place: Place): string =>
  place.kind === 'shard'
    ? `#/shards/${encodeURIComponent(place.index)}/${place.shard}`
    : `#/${place.kind}s/${encodeURIComponent(place.id)}`;
