/**
 * The duty `groups`: compares every shard of a replica group that has all its copies with the owners that are read, document
 * by document, before the planner lets the group be read. What differs is brought level as anti-entropy does it, and compared
 * once more; only documents that are being written meanwhile may differ. A shard counts as compared for these owners and
 * this turn of the group only.
 *
 * Safe to repeat because: comparing changes nothing that is equal, and a note is written only after a look without findings.
 */
import { comparedText, groupRecord, groupStateOf, indexesIn, ownersIn } from '../core/groups.ts';
import { findNode } from '../core/topology.ts';
import { InvariantError } from '../errors.ts';
import type { Duty, DutyResult, DutyRun, GroupChecks } from '../ports.ts';
import { type CompareParts, compareReplicas } from './anti-entropy.ts';

export interface GroupsParts extends CompareParts {
  readonly groupChecks: GroupChecks;
  readonly isOn: boolean;
  readonly everyMs: number;
}

const NAME = 'groups';
/** `<group>/<index>/<shard>` */
const TASK = /^(\d+)\/(.+)\/(\d+)$/;

export function groupsDuty(parts: GroupsParts): Duty {
  const { records, groupChecks, isOn, everyMs } = parts;
  const tasks = async (): Promise<readonly string[]> => {
    const { groups = [] } = await records.topology();
    const found: string[] = [];
    for (const group of groups.filter(({ state }) => state === 'sync_complete')) {
      const compared = await groupChecks.read(group.id);
      const entries = (await records.indexes()).map((entry) => ({ entry }));
      for (const { entry } of indexesIn(entries, group.id)) {
        const table = await records.table(entry.uid);
        for (const { shard, owners } of table?.shards ?? []) {
          const name = `${entry.uid}/${shard}`;
          if (compared.get(name) !== comparedText(group, owners)) found.push(`${group.id}/${name}`);
        }
      }
    }
    return found;
  };
  return { name: NAME, everyMs, isSlow: true, isOn, tasks, run: (task, how) => compareShard(parts, task, how) };
}

async function compareShard(parts: GroupsParts, task: string, how: DutyRun): Promise<DutyResult> {
  const { records, repairs, groupChecks } = parts;
  const [, id, uid, number] = TASK.exec(task) ?? [];
  if (id === undefined || uid === undefined || number === undefined) throw new InvariantError(`${task} names no shard`);
  const [shard, topology] = [Number(number), await records.topology()];
  const group = groupRecord(topology, Number(id));
  if (group?.state !== 'sync_complete') return { skipped: `the group is ${group?.state ?? 'gone'}` };
  if ((await records.index(uid)) === null) return { skipped: 'gone' };
  const { route } = await records.route(uid, shard);
  const isServing = (owner: string): boolean => {
    const node = findNode(topology, owner);
    return node !== undefined && groupStateOf(topology, node.group) === 'active';
  };
  let result: DutyResult = { alone: true };
  // Where every owner of groups that are read is lost there is nothing to compare with: this copy was verified when it came.
  if (route.owners.some(isServing)) {
    const compared = await compareReplicas(parts, uid, shard, how);
    if (typeof compared === 'string') return { skipped: compared };
    const { isComplete, mismatches, left, changing } = compared;
    result = { ...compared, isEqual: isComplete && mismatches === 0 && left === changing };
    if (result['isEqual'] !== true) return result;
  }
  const own = ownersIn(topology, route.owners, group.id);
  const missed = (await repairs.sizes(uid)).some((list) => list.shard === shard && own.includes(list.owner));
  if (missed) return { ...result, isEqual: false, why: 'an owner has yet to get what it missed' };
  await groupChecks.write(how.lease, group.id, `${uid}/${shard}`, comparedText(group, route.owners));
  return result;
}
