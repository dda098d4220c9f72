/** Replica groups as an operator sees them. */
import { groupShards, SHARD_SYNCS, type ShardSync } from '../core/group-progress.ts';
import { groupedBy } from '../core/grouped.ts';
import { comparedText, groupRecord, groupStateOf, type GroupState, type TopologyGroup } from '../core/groups.ts';
import type { ShardRoute } from '../core/routing.ts';
import { groupsOf } from '../core/topology.ts';
import { GroupUnknownError } from '../errors.ts';
import type { GroupChecks, MoveState } from '../ports.ts';
import { type FleetRead, readFleet } from './fleet-read.ts';
import { indexParts } from './index-part.ts';
import type { ControlParts } from './parts.ts';

export interface GroupParts extends ControlParts {
  readonly groupChecks: GroupChecks;
}

type Syncs = Readonly<Record<ShardSync, number>>;

export interface GroupView {
  readonly group: number;
  readonly phase: GroupState;
  readonly nodes: readonly string[];
  /** Of its shards those that are complete, in percent. */
  readonly progressPercent: number;
  readonly shards: Syncs & { readonly total: number };
  /** Complete ones that were found equal to those that are read; all of a group that is read. */
  readonly compared: number;
  /** Shards of which it has a copy that is written. */
  readonly owned: number;
  /** When it was added (ms since 1970); null for one that the fleet began with. */
  readonly startedAtMs: number | null;
  readonly sinceMs: number | null;
  readonly why: string | null;
}

/** Ended plans in which moves that failed are looked for. */
const PLANS_LOOKED_AT = 20;

export async function listGroups(parts: GroupParts): Promise<GroupView[]> {
  const fleet = await readFleet(parts);
  return viewGroups(parts, fleet, groupsOf(fleet.topology));
}

/** Throws `GroupUnknownError`. */
export async function showGroup(parts: GroupParts, group: number): Promise<GroupView> {
  const fleet = await readFleet(parts);
  const [view] = await viewGroups(parts, fleet, [group]);
  if (view !== undefined && (view.nodes.length > 0 || groupRecord(fleet.topology, group) !== undefined)) return view;
  throw new GroupUnknownError(`there is no replica group ${group}`, {
    field: 'replica_group',
    remedy: 'see `miroir group list`',
  });
}

export async function viewGroups(parts: GroupParts, fleet: FleetRead, groups: readonly number[]): Promise<GroupView[]> {
  const { topology } = fleet;
  const all = indexParts(fleet);
  const views: GroupView[] = [];
  let failed: readonly MoveState[] | null = null;
  for (const group of groups) {
    const record = groupRecord(topology, group);
    const phase = groupStateOf(topology, group);
    const mine = all.map((part) => part.group(group));
    let syncs = sumSyncs(mine.map((part) => part.syncs));
    if (mine.some(({ isUnexplained }) => isUnexplained)) {
      failed ??= await failedMoves(parts);
      syncs = syncsWith(fleet, failed, group);
    }
    const total = syncs.pending + syncs.syncing + syncs.complete + syncs.failed;
    views.push({
      group,
      phase,
      nodes: topology.nodes.filter((node) => node.group === group && node.state !== 'removed').map(({ id }) => id),
      progressPercent: total === 0 ? 100 : Math.floor((100 * syncs.complete) / total),
      shards: { total, ...syncs },
      compared: phase === 'active' || record === undefined ? syncs.complete : await comparedIn(parts, fleet, record),
      owned: mine.reduce((sum, { owned }) => sum + owned, 0),
      startedAtMs: record?.startedAtMs ?? null,
      sinceMs: record?.sinceMs ?? null,
      why: record?.why ?? null,
    });
  }
  return views;
}

function sumSyncs(all: readonly Syncs[]): Syncs {
  const sums = { pending: 0, syncing: 0, complete: 0, failed: 0 };
  for (const one of all) for (const sync of SHARD_SYNCS) sums[sync] += one[sync];
  return sums;
}

/** With moves that failed, which are looked for only where something is missing that no other move explains. */
function syncsWith({ topology, indexes, movesOf }: FleetRead, failed: readonly MoveState[], group: number): Syncs {
  const moves = [...[...movesOf.values()].flat(), ...failed];
  const syncs = groupedBy(groupShards({ topology, indexes, moves }, group), ({ sync }) => sync);
  const count = (sync: ShardSync): number => syncs.get(sync)?.length ?? 0;
  return {
    pending: count('pending'),
    syncing: count('syncing'),
    complete: count('complete'),
    failed: count('failed'),
  };
}

async function comparedIn({ groupChecks }: GroupParts, { indexes }: FleetRead, record: TopologyGroup): Promise<number> {
  const checks = await groupChecks.read(record.id);
  const isCompared = (uid: string, { shard, owners }: ShardRoute): boolean =>
    checks.get(`${uid}/${shard}`) === comparedText(record, owners);
  return indexes.reduce(
    (sum, { entry, table }) => sum + table.shards.filter((route) => isCompared(entry.uid, route)).length,
    0,
  );
}

async function failedMoves({ records }: ControlParts): Promise<readonly MoveState[]> {
  const plans = await records.plans(PLANS_LOOKED_AT);
  const ids = await Promise.all(plans.map(({ id }) => records.planMoveIds(id)));
  return (await records.moves(ids.flat())).filter(({ outcome }) => outcome === 'failed');
}
