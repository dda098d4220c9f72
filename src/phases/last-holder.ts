/**
 * A target that left the shard when it failed still has the copy of that time. Where every owner missed a write before
 * that, it may be the only node that has it: then its copy must not be cleared before repair has taken that from it.
 */
import { missedAcknowledged } from '../core/missed.ts';
import { MoveWaitingError } from '../errors.ts';
import type { NodeClient } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { knownLoss } from './doubt.ts';
import { shardFilter } from './filters.ts';

/** Ids that a repair list holds at most, or the one entry that stands for all. */
const LISTED_MAX = 100_001;
const WHOLE = '*';
/** Looked at in one go: what comes behind them is looked at when these are repaired. */
const IDS_MAX = 1_000;

async function hasWhatOwnersMissed(
  { move, entry, repairs }: PhaseContext,
  owners: readonly string[],
  target: NodeClient,
): Promise<boolean> {
  const { index, shard } = move;
  const left = (await repairs.scores(index, shard, [move.target], [])).get(move.target)?.whole ?? null;
  if (left === null) return false;
  const lists = await Promise.all(owners.map((owner) => repairs.list(index, shard, owner, LISTED_MAX)));
  const sets = lists.map((list) => new Set(list));
  // Who missed the whole shard may have missed each id that another has on its list.
  const all = new Set(lists.flat());
  const shared = [...all].filter((id) => sets.every((set) => set.has(id) || set.has(WHOLE))).slice(0, IDS_MAX);
  const missed = await repairs.scores(index, shard, owners, shared);
  const isAlone = (id: string): boolean =>
    [...missed.values()].every(({ ids, whole }) => {
      const score = ids.get(id) ?? whole ?? 0;
      return missedAcknowledged(score) && Number(score) < Number(left);
    });
  return shared.some(isAlone) && (await target.count(entry.uid, shardFilter(shard))) > 0;
}

/** Before the target is cleared. `track`: writes of the shard take turns from then on, so that repair can take its own. */
export async function waitForRepair(
  context: PhaseContext,
  owners: readonly string[],
  target: NodeClient,
  track: () => Promise<unknown>,
): Promise<void> {
  if (!(await hasWhatOwnersMissed(context, owners, target))) return;
  // What came back with less than it had is nobody's last copy: repair does not take its word either.
  if ((await knownLoss(context, target)) !== null) return;
  await track();
  throw new MoveWaitingError(
    `last_copy: every owner missed writes that ${target.node.id} has: they are repaired from it before it is cleared`,
    500,
  );
}
