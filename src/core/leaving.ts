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
 * Whether the shard counts on a copy of the node which it cannot do without just now, or need not do with: a node that has
 * lost that copy is not taken back as long as one does.
 */
export const countsOn = (route: ShardRoute, id: string): boolean =>
  namedInVain(route, new Set([id])).length > 0 ||
  (route.state !== 'stable' && route.state !== 'tracking' && route.owners.includes(id));

/** Who of `gone` may leave in the shard's present state. `target`: that of the shard's move, where it is in one. */
function mayLeave({ state }: ShardRoute, gone: ReadonlySet<string>, target: string | null): ReadonlySet<string> {
  if (state === 'held') return new Set();
  return state === 'settling' ? new Set([...gone].filter((id) => id === target)) : gone;
}

/**
 * The route without these nodes; null when there is nothing to take out, or not now. A hold ends by itself within seconds.
 * A shard that settles does so soon as well, and until then the epoch of its switch tells whose write is late; only
 * without its target it would never end, and then there is nothing left to tell.
 */
export function leave(route: ShardRoute, gone: ReadonlySet<string>, target: string | null = null): LeftRoute | null {
  const { shard, state, moveId, delayMs } = route;
  const going = mayLeave(route, gone, target);
  const leaving = namedInVain(route, going);
  if (leaving.length === 0) return null;
  return {
    shard,
    state,
    owners: remaining(route.owners, going),
    readers: remaining(route.readers, going),
    left: [...new Set([...(route.left ?? []), ...leaving])],
    ...(moveId === undefined ? {} : { moveId }),
    // Where the source is among those that go, the move reads another owner, and that one stays.
    ...(state === 'tracking' || route.staying === true ? { staying: true } : {}),
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(route.frozen === undefined ? {} : { frozen: route.frozen }),
    ...(route.others === undefined ? {} : { others: route.others }),
    ...(route.withheld === undefined ? {} : { withheld: route.withheld }),
  };
}
