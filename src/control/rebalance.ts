/** Having indexes planned as the fleet stands, and how far the plan is that runs. */
import { InvalidInputError } from '../errors.ts';
import type { EventOutcome, MoveState, PlanRecord } from '../ports.ts';
import { audited } from './audited.ts';
import { sendEvent, type WaitOptions } from './events.ts';
import { unknownIndex } from './indexes.ts';
import type { ChangeParts, ControlParts } from './parts.ts';
import { type PlanProgress, progressOf } from './progress.ts';

export interface RebalanceWish {
  /** Null: every index. */
  readonly index: string | null;
  /** For the audit stream. */
  readonly reason: string;
}

/** An event for a node as it is: it changes nothing of it, and has indexes planned. Throws `IndexUnknownError`. */
export function rebalance(
  parts: ChangeParts,
  { index, reason }: RebalanceWish,
  wait: WaitOptions,
): Promise<EventOutcome> {
  return audited(parts, 'rebalance', { index: index ?? 'all', reason }, async () => {
    if (index !== null && (await parts.records.index(index)) === null) throw unknownIndex(index);
    const node = (await parts.records.topology()).nodes.find(({ state }) => state === 'active');
    if (node === undefined) {
      throw new InvalidInputError('no node is active', { field: 'nodes', remedy: 'add one first: `miroir node add`' });
    }
    const data = { node_id: node.id, ...(index === null ? {} : { index_uid: index }) };
    const { jobId } = await sendEvent(parts, 'NodeAdded', data, null);
    return parts.producer.result(jobId, wait);
  });
}

export interface RebalanceStatus {
  /** The plan that runs, else the newest that has ended; null: there was none yet. */
  readonly plan: (PlanRecord & { readonly progress: PlanProgress }) | null;
  readonly moves: readonly MoveState[];
}

export async function rebalanceStatus({ records }: Pick<ControlParts, 'records'>): Promise<RebalanceStatus> {
  const [plan] = await records.plans(1);
  if (plan === undefined) return { plan: null, moves: [] };
  const moves = await records.moves(await records.planMoveIds(plan.id));
  return { plan: { ...plan, progress: progressOf(moves) }, moves };
}
