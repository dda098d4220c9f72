/**
 * The duty `anti-entropy`: in passes over all shards with several owners, compares what these have. A task is one shard; a
 * pass ends when each of its shards was looked at, and the next begins with those that were compared longest ago.
 *
 * Safe to repeat because: a shard that the pass has done with is not looked at again, and looking changes nothing that is
 * equal. A process that dies leaves its shard to the pass.
 */
import { InvariantError } from '../errors.ts';
import type {
  Duty,
  DutyResult,
  DutyRun,
  Observer,
  Passes,
  Records,
  RepairLists,
  ShardLook as Look,
  Tombstones,
} from '../ports.ts';
import { isThere } from './former-owners.ts';
import { type Compared, ShardLook, type ShardLookParts } from './shard-look.ts';

export interface CompareParts extends ShardLookParts {
  readonly records: Pick<Records, 'topology' | 'indexes' | 'index' | 'table' | 'route' | 'sightings'>;
  readonly repairs: Pick<RepairLists, 'scores' | 'sizes'>;
  readonly tombstones: Tombstones;
  readonly passes: Pick<Passes, 'nowMs'>;
  /** From the start of one pass to that of the next. */
  readonly intervalMs: number;
  readonly pageDocs: number;
  readonly pageBytes: number;
  readonly isRepaired: boolean;
  readonly isExpiring: boolean;
}

export interface AntiEntropyParts extends CompareParts {
  readonly passes: Passes;
  readonly observer: Pick<Observer, 'compared'>;
  readonly isOn: boolean;
  readonly shardsPerPass: number;
}

const NAME = 'anti-entropy';
/** How soon a shard whose process died, or a wish for a pass, is taken up. */
const ROUND_MS = 15_000;
/** The original's: between two shards. */
const SHARD_REST_MS = 100;
/** Tombstones of what a comparison has settled are kept this much longer, for a node that comes back with old data. */
const KEEP_MS_MIN = 86_400_000;
const KEEP_INTERVALS = 4;

const NOTHING: Look = { isScanned: false, hasDrift: false, repairs: 0, left: 0, isFailed: false };

export function antiEntropyDuty(parts: AntiEntropyParts): Duty {
  const { records, passes, observer, clock, isOn, intervalMs, shardsPerPass } = parts;
  const tasks = async (): Promise<readonly string[]> => {
    const all: string[] = [];
    for (const { uid } of await records.indexes()) {
      const table = await records.table(uid);
      for (const { shard, owners } of table?.shards ?? []) if (owners.length > 1) all.push(`${uid}/${shard}`);
    }
    return passes.due(all, intervalMs, shardsPerPass);
  };
  const run = async (task: string, how: DutyRun): Promise<DutyResult> => {
    if (!(await passes.has(task))) return { skipped: 'done' };
    let look: Look = NOTHING;
    try {
      const compared = await compare(parts, task, how);
      if (typeof compared === 'string') return { skipped: compared };
      const { mismatches, repaired, left, isComplete } = compared;
      look = { isScanned: isComplete, hasDrift: mismatches + left > 0, repairs: repaired, left, isFailed: false };
      observer.compared({ shards: isComplete ? 1 : 0, mismatches, repaired, left });
      return { ...compared };
    } catch (error) {
      // A process that drains leaves the shard to the pass.
      how.signal.throwIfAborted();
      look = { ...NOTHING, isFailed: true };
      throw error;
    } finally {
      if (!how.signal.aborted) {
        await passes.note(task, look);
        await clock.sleep(SHARD_REST_MS, how.signal);
      }
    }
  };
  return { name: NAME, everyMs: Math.min(ROUND_MS, intervalMs), isSlow: true, isPatient: true, isOn, tasks, run };
}

async function compare(parts: CompareParts, task: string, run: DutyRun): Promise<Compared | string> {
  const at = task.lastIndexOf('/');
  const [uid, shard] = [task.slice(0, at), Number(task.slice(at + 1))];
  if (at < 1 || !Number.isInteger(shard)) throw new InvariantError(`${task} names no shard`);
  return compareReplicas(parts, uid, shard, run);
}

/** What came of it, or why the shard is not compared now. */
export async function compareReplicas(
  parts: CompareParts,
  uid: string,
  shard: number,
  { lease, signal }: DutyRun,
): Promise<Compared | string> {
  const { records, repairs, tombstones, passes, isExpiring, intervalMs } = parts;
  const [entry, topology] = await Promise.all([records.index(uid), records.topology()]);
  if (entry === null || shard >= entry.shards) return 'gone';
  const { route } = await records.route(uid, shard);
  // Its copies are about to be others, and what they lack a journal knows.
  if (route.state !== 'stable') return `the shard is ${route.state}`;
  const owners = topology.nodes.filter(({ id }) => route.owners.includes(id));
  if (owners.length < 2) return 'one owner';
  const sinceMs = await passes.nowMs();
  const { pageDocs, pageBytes, isRepaired } = parts;
  const permit = { signal, budgetMs: () => lease.budgetMs() };
  const expiryMs = isExpiring ? sinceMs : null;
  const compared = await new ShardLook(parts, {
    entry,
    route,
    owners,
    permit,
    pageDocs,
    pageBytes,
    expiryMs,
    isRepaired,
  }).run();
  // What an owner missed may be a delete; a node that left may come back and have what was deleted since.
  const isListed = (await repairs.sizes(uid)).some((list) => list.shard === shard && isThere(topology, list.owner));
  if (compared.isComplete && compared.left === 0 && !isListed) {
    const keepMs = Math.max(KEEP_MS_MIN, KEEP_INTERVALS * intervalMs);
    await tombstones.settle(uid, shard, sinceMs, sinceMs - keepMs);
  }
  return compared;
}
