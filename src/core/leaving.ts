/**
 * How a node that has failed leaves a shard: it is neither written nor read any more where another copy is. It never
 * comes back by itself: what it still holds is a leftover, cleared before a move may bring the shard to it again.
 */
import type { ShardRoute } from './routing.ts';

/** What a script is asked to write. */
export type LeftRoute = Omit<ShardRoute, 'epoch' | 'heldUntilMs'>;

/** The last owner, and the last reader, stay whatever became of them. */
function remaining(ids: readonly string[], gone: ReadonlySet<string>): readonly string[] {
  const rest = ids.filter((id) => !gone.has(id));
  return rest.length === 0 ? ids : rest;
}

/** Nodes of `gone` that the shard names as owner or reader although it need not. */
export function namedInVain({ owners, readers }: ShardRoute, gone: ReadonlySet<string>): string[] {
  const leaving = [owners, readers].flatMap((ids) => {
    const rest = remaining(ids, gone);
    return ids.filter((id) => !rest.includes(id));
  });
  return [...new Set(leaving)];
}

/**
 * The route without these nodes; null when there is nothing to take out, or not now: a hold ends by itself within
 * seconds, and while a shard settles the epoch of its switch tells whose write is late.
 */
export function leave(route: ShardRoute, gone: ReadonlySet<string>): LeftRoute | null {
  const { shard, state, moveId, delayMs } = route;
  const leaving = namedInVain(route, gone);
  if (leaving.length === 0 || state === 'held' || state === 'settling') return null;
  return {
    shard,
    state,
    owners: remaining(route.owners, gone),
    readers: remaining(route.readers, gone),
    left: [...new Set([...(route.left ?? []), ...leaving])],
    ...(moveId === undefined ? {} : { moveId }),
    // Where the source is among those that go, the move reads another owner, and that one stays.
    ...(state === 'tracking' || route.staying === true ? { staying: true } : {}),
    ...(delayMs === undefined ? {} : { delayMs }),
  };
}
