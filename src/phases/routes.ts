/** How a move changes its shard's route, state by state. */
import { readersAmong } from '../core/groups.ts';
import { oldReaders, type ShardRoute } from '../core/routing.ts';
import type { Topology } from '../core/topology.ts';
import { InvariantError, MoveWaitingError } from '../errors.ts';
import type { MoveAccepted, MoveReply, MoveState, RouteChange, RouteRead } from '../ports.ts';

type NewRoute = RouteChange['route'];

/** Nodes that left the shard with their copies and have not come back to it. */
function stillLeft({ left = [] }: ShardRoute, owners: readonly string[]): Pick<NewRoute, 'left'> {
  const away = left.filter((id) => !owners.includes(id));
  return away.length === 0 ? {} : { left: away };
}

const withMove = (
  route: ShardRoute,
  move: MoveState,
  state: ShardRoute['state'],
  owners: readonly string[] = route.owners,
): NewRoute => ({
  shard: route.shard,
  state,
  owners,
  readers: route.readers,
  moveId: move.id,
  ...(move.retires === move.source ? {} : { staying: true }),
  ...stillLeft(route, owners),
});

/** `delayMs`: how much later writes are answered, when catching up does not win. */
export const tracking = (read: RouteRead, move: MoveState, delayMs = 0): RouteChange => ({
  expected: read,
  route: { ...withMove(read.route, move, 'tracking'), ...(delayMs === 0 ? {} : { delayMs }) },
});

export const held = (read: RouteRead, move: MoveState, holdMs: number): RouteChange => ({
  expected: read,
  route: withMove(read.route, move, 'held'),
  holdMs,
});

/** The target's place among the owners is that of the one that retires, so that tables read alike. */
function newOwners(route: ShardRoute, move: MoveState): string[] {
  const owners = route.owners.filter((owner) => owner !== move.retires && owner !== move.target);
  const at = move.retires === null ? -1 : route.owners.indexOf(move.retires);
  owners.splice(at < 0 ? owners.length : at, 0, move.target);
  return owners;
}

export const settling = (read: RouteRead, move: MoveState): RouteChange => ({
  expected: read,
  route: withMove(read.route, move, 'settling', newOwners(read.route, move)),
});

/** Every old owner is lost: the new owners are read, but for the slots of what has not been carried over. */
export const withholding = (
  read: RouteRead,
  move: MoveState,
  topology: Topology,
  slots: readonly number[],
): RouteChange => ({
  expected: read,
  route: {
    ...withMove(read.route, move, 'settling'),
    readers: readersAmong(topology, read.route.owners, read.route.readers),
    withheld: { slots, from: oldReaders(read.route) },
  },
});

/** Readers change over to the new owners, as far as these are in groups that are read. */
export const settled = (read: RouteRead, move: MoveState, topology: Topology): RouteChange => ({
  expected: read,
  route: {
    ...withMove(read.route, move, 'settled'),
    readers: readersAmong(topology, read.route.owners, read.route.readers),
  },
});

/**
 * The copy that was kept owns the shard again, alone: the target may have left the owners when it failed, and whoever else
 * is among them is lost, too, with what it has; it comes back to the shard as any node does.
 */
export const reverted = (read: RouteRead, kept: string, topology: Topology): RouteChange => ({
  expected: read,
  route: {
    shard: read.route.shard,
    state: 'stable',
    owners: [kept],
    readers: readersAmong(topology, [kept], read.route.readers),
  },
});

export const stable = (read: RouteRead): RouteChange => ({
  expected: read,
  route: {
    shard: read.route.shard,
    state: 'stable',
    owners: read.route.owners,
    readers: read.route.readers,
    ...stillLeft(read.route, read.route.owners),
  },
});

/** A refusal that means "look again": the record or the route moved on, or a wish came in. */
export function accepted(reply: MoveReply, what: string): MoveAccepted {
  if ('refused' in reply) throw new MoveWaitingError(`${reply.refused}: ${what} is tried again`, 50);
  return reply;
}

/** The route that an accepted change has written. */
export function written(reply: MoveReply, what: string): RouteRead {
  const { route } = accepted(reply, what);
  if (route === null) throw new InvariantError(`${what}: the script did not say what it wrote`);
  return route;
}
