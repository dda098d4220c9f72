/** How a shard's route is written: the script adds the epoch (and the end of a hold), the shard is the field's name. */
import type { ShardRoute } from '../core/routing.ts';
import { InvariantError } from '../errors.ts';

export const routeField = (shard: number): string => `s:${shard}`;

/** A route without its epoch, as the scripts expect it. */
export const routeBody = ({
  state,
  owners,
  readers,
  moveId,
  staying,
  left,
  delayMs,
  frozen,
  others,
  withheld,
}: Omit<ShardRoute, 'epoch' | 'heldUntilMs'>): string =>
  JSON.stringify({ state, owners, readers, moveId, staying, left, delayMs, frozen, others, withheld });

/** A whole route, for the first table of an index. */
export const routeText = (route: ShardRoute): string => `{"epoch":${route.epoch},${routeBody(route).slice(1)}`;

/** What a text of ours holds. Throws `InvariantError` when it does not parse: somebody else wrote there. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvariantError(`${what} does not parse`, { cause: error });
  }
}

export const parseRoute = (shard: number, text: string): ShardRoute => ({
  shard,
  ...(parseJson(text, `route of shard ${shard}`) as Omit<ShardRoute, 'shard'>),
});
