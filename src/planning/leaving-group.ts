/**
 * How a replica group that is drained lets its shards go: first nobody reads them there; then, when every live router knows
 * that and the grace is over, they own them no more. Their copies stay where they are: what a drained group holds is left
 * over, nobody reads it, and a group that is added again is brought level from it.
 */
import { ownersIn, servingGroups, type TopologyGroup } from '../core/groups.ts';
import type { ShardRoute } from '../core/routing.ts';
import { isReadable, type Topology } from '../core/topology.ts';
import type { RouteChange } from '../ports.ts';
import type { PlanningParts } from './parts.ts';

export interface Left {
  /** Shards that the group still owns, and why the first of them does. */
  readonly shards: number;
  readonly why: string | null;
}

type LeavingParts = Pick<PlanningParts, 'records' | 'writer' | 'repairs' | 'logger'>;

/** Whether some shard is still read from the group. */
export async function isRead(
  { records }: Pick<LeavingParts, 'records'>,
  topology: Topology,
  group: number,
): Promise<boolean> {
  for (const { uid } of await records.indexes()) {
    const table = await records.table(uid);
    if (table?.shards.some(({ readers }) => ownersIn(topology, readers, group).length > 0) === true) return true;
  }
  return false;
}

/** Takes the group out of the owners of shards that have a whole copy elsewhere; those that do not wait. */
export async function leaveOwners(parts: LeavingParts, topology: Topology, { id }: TopologyGroup): Promise<Left> {
  const { records, writer, repairs, logger } = parts;
  let left = 0;
  let first: string | null = null;
  for (const { uid } of await records.indexes()) {
    const table = await records.table(uid);
    const owned = (table?.shards ?? []).filter(({ owners }) => ownersIn(topology, owners, id).length > 0);
    if (owned.length === 0) continue;
    const lists = await repairs.sizes(uid);
    const changes: { readonly change: RouteChange; readonly nodes: readonly string[] }[] = [];
    const stays = (why: string): void => {
      left += 1;
      first ??= why;
    };
    for (const { shard } of owned) {
      const expected = await records.route(uid, shard);
      const missing = new Set(lists.filter((list) => list.shard === shard).map(({ owner }) => owner));
      const why =
        whyStays(topology, expected.route, id, missing) ?? (await whyUnknown(parts, uid, shard, expected.route.epoch));
      if (why !== null) {
        stays(`shard ${shard} of index ${uid}: ${why}`);
        continue;
      }
      const { owners, left: before = [] } = expected.route;
      const nodes = ownersIn(topology, owners, id);
      const route = {
        ...expected.route,
        owners: owners.filter((owner) => !nodes.includes(owner)),
        left: [...new Set([...before, ...nodes])],
      };
      changes.push({ change: { expected, route }, nodes });
    }
    const changed = changes.length === 0 ? 0 : await writer.leave(uid, changes);
    for (let at = changed; at < changes.length; at += 1) stays(`index ${uid}: a route changed meanwhile`);
    if (changed > 0) logger.info({ index: uid, shards: changed, group: id }, 'a drained replica group left the shards');
  }
  return { shards: left, why: first };
}

/** I6: a copy that has missed nothing, in a group that is read, has to be left, on a node that can be read. */
function whyStays(
  topology: Topology,
  { state, owners, readers }: ShardRoute,
  group: number,
  missing: ReadonlySet<string>,
): string | null {
  if (state !== 'stable') return `it is ${state}`;
  if (ownersIn(topology, readers, group).length > 0) return 'it is read there';
  const others = servingGroups(topology).flatMap((id) => ownersIn(topology, owners, id));
  const whole = others.filter((id) => readers.includes(id) && isReadable(topology, id) && !missing.has(id));
  return whole.length > 0 ? null : `no other owner is known to have all of it: ${others.join(', ') || 'there is none'}`;
}

async function whyUnknown(
  { records }: LeavingParts,
  index: string,
  shard: number,
  epoch: number,
): Promise<string | null> {
  const barrier = await records.barrier(index, shard, epoch);
  return barrier.open ? null : barrier.reason;
}
