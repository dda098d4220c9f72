/** Replica groups as an operator sees them. */
import { groupShards, type ShardSync } from '../core/group-progress.ts';
import { comparedText, groupRecord, groupStateOf, ownersIn, type GroupState } from '../core/groups.ts';
import { groupsOf, type Topology } from '../core/topology.ts';
import { GroupUnknownError } from '../errors.ts';
import type { GroupChecks, MoveState } from '../ports.ts';
import { allIndexes } from './indexes.ts';
import type { ControlParts } from './parts.ts';

export interface GroupParts extends ControlParts {
  readonly groupChecks: GroupChecks;
}

export interface GroupView {
  readonly group: number;
  readonly phase: GroupState;
  readonly nodes: readonly string[];
  /** Of its shards those that are complete, in percent. */
  readonly progressPercent: number;
  readonly shards: Readonly<Record<ShardSync | 'total', number>>;
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
  const topology = await parts.records.topology();
  return viewGroups(parts, topology, groupsOf(topology));
}

/** Throws `GroupUnknownError`. */
export async function showGroup(parts: GroupParts, group: number): Promise<GroupView> {
  const topology = await parts.records.topology();
  const [view] = await viewGroups(parts, topology, [group]);
  if (view !== undefined && (view.nodes.length > 0 || groupRecord(topology, group) !== undefined)) return view;
  throw new GroupUnknownError(`there is no replica group ${group}`, {
    field: 'replica_group',
    remedy: 'see `miroir group list`',
  });
}

async function viewGroups(parts: GroupParts, topology: Topology, groups: readonly number[]): Promise<GroupView[]> {
  const { records, groupChecks } = parts;
  const indexes = await allIndexes(parts);
  const moves = [...(await records.unfinishedMoves()), ...(await failedMoves(parts))];
  const views: GroupView[] = [];
  for (const group of groups) {
    const record = groupRecord(topology, group);
    const phase = groupStateOf(topology, group);
    const shards = groupShards({ topology, indexes, moves }, group);
    const count = (sync: ShardSync): number => shards.filter((shard) => shard.sync === sync).length;
    const [total, complete] = [shards.length, count('complete')];
    const checks = await groupChecks.read(group);
    const routes = indexes.flatMap(({ entry, table }) =>
      table.shards.map(({ shard, owners }) => ({ name: `${entry.uid}/${shard}`, owners })),
    );
    const isCompared = ({ name, owners }: (typeof routes)[number]): boolean =>
      record !== undefined && checks.get(name) === comparedText(record, owners);
    views.push({
      group,
      phase,
      nodes: topology.nodes.filter((node) => node.group === group && node.state !== 'removed').map(({ id }) => id),
      progressPercent: total === 0 ? 100 : Math.floor((100 * complete) / total),
      shards: { total, pending: count('pending'), syncing: count('syncing'), complete, failed: count('failed') },
      compared: phase === 'active' ? complete : routes.filter(isCompared).length,
      owned: routes.filter(({ owners }) => ownersIn(topology, owners, group).length > 0).length,
      startedAtMs: record?.startedAtMs ?? null,
      sinceMs: record?.sinceMs ?? null,
      why: record?.why ?? null,
    });
  }
  return views;
}

async function failedMoves({ records }: ControlParts): Promise<readonly MoveState[]> {
  const plans = await records.plans(PLANS_LOOKED_AT);
  const ids = await Promise.all(plans.map(({ id }) => records.planMoveIds(id)));
  return (await records.moves(ids.flat())).filter(({ outcome }) => outcome === 'failed');
}
