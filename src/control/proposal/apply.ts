/** Carrying out a plan that was looked at: exactly that, or nothing and what has changed since. */
import { hasBegun, withCancels } from '../../core/plan-hold.ts';
import type { PlanStage } from '../../core/plan-stage.ts';
import type { PlanApplied } from '../../core/plan-applied.ts';
import { differenceSince, propose } from '../../core/proposal.ts';
import { PlanStateError, PlanUnknownError, PreflightError, StalePlanError, isMiroirError } from '../../errors.ts';
import type { EventOutcome, PlanRecord, Proposed } from '../../ports.ts';
import { audited, type Asker } from '../audited.ts';
import { assertVersion, sentIdOf, type EventCondition, type WaitOptions } from '../events.ts';
import { allIndexes } from '../indexes.ts';
import { stageNow } from '../plan-list.ts';
import type { ProposalParts } from './figures.ts';

export interface AppliedPlan {
  /** Job of the event that carries it out; null for a plan that runs already. */
  readonly jobId: string | null;
  /** How a plan stands that is there already; null where the planner has to write it first. */
  readonly stage: PlanStage | null;
  /** Null where nobody waited for the planner. */
  readonly outcome: EventOutcome | null;
}

/** Changed nodes and shards that are told one by one. */
const DIFFERENCES_TOLD = 10;

/**
 * Throws `PlanUnknownError`; `PreflightError` while a check of it fails; `StalePlanError` where it would be another plan
 * by now; `PlanStateError` for one that was cancelled; `IdempotencyError` for a key that something else was sent with. With
 * `wait` it also throws what the planner refuses it with. A plan that waits for its approval gets it; one that runs already
 * is answered as such.
 */
export function applyPlan(
  parts: ProposalParts & Asker,
  id: string,
  wait: WaitOptions | null,
  { ifVersion, idempotencyKey }: EventCondition = {},
): Promise<AppliedPlan> {
  const { actor, producer, records } = parts;
  return audited(parts, 'plan apply', { plan: id }, async () => {
    const sentId = idempotencyKey === undefined ? undefined : sentIdOf(actor, idempotencyKey);
    // What was applied before is answered again, whatever has changed through it.
    if (sentId !== undefined && (await producer.wasApplied(id, sentId))) return answerOf(sentId);
    if (ifVersion !== undefined) await assertVersion(parts, ifVersion);
    const running = await records.plan(id);
    if (running !== null) {
      await assertApplicable(parts, running);
      // The planner has nothing to do for it: it stands for the key that was used.
      const jobId = sentId === undefined ? null : (await producer.applyPlan(wished(id), sentId)).jobId;
      const outcome = await approve(parts, running);
      return { jobId, stage: await stageNow(parts, id), outcome };
    }
    const proposed = await parts.proposals.read(id);
    if (proposed === null) {
      throw new PlanUnknownError(`there is no plan ${id}`, {
        field: 'plan',
        remedy: 'make one with `miroir plan --drain <node>`; the newest hundred are kept',
      });
    }
    assertChecked(proposed);
    const { version, events } = proposed;
    if ((await records.topology()).version !== version) throw await staleOf(parts, proposed);
    const { jobId } = await producer.applyPlan({ plan: id, version, events }, sentId);
    try {
      return await answerOf(jobId);
    } catch (error) {
      throw error instanceof StalePlanError ? await staleOf(parts, proposed) : error;
    }
  });

  async function answerOf(jobId: string): Promise<AppliedPlan> {
    return { jobId, stage: null, outcome: wait === null ? null : await producer.result(jobId, wait) };
  }
}

/** A plan that is there already asks for no change of nodes. */
const wished = (plan: string): PlanApplied => ({ plan, version: 0, events: [] });

async function assertApplicable(parts: ProposalParts, { id, cancelled }: PlanRecord): Promise<void> {
  if (cancelled !== null) throw cancelledBefore(id, cancelled.actor);
  const planned = await parts.records.moves(await parts.records.planMoveIds(id));
  // The planner replaces what waits when the fleet changes: then nothing of it has begun, and nothing will.
  if (planned.length > 0 && planned.every((move) => move.cancelWished && !hasBegun(move))) {
    throw new StalePlanError(`plan ${id} was replaced before anything of it began`, {
      field: 'plan',
      remedy: 'see `miroir plan list` for the one that waits now',
      details: { plan: id },
    });
  }
}

/** Lets a plan begin that waits for it; one that runs already is told as such. */
async function approve(parts: ProposalParts, { id, held, blocked, moves }: PlanRecord): Promise<EventOutcome> {
  const outcome = { plan: id, moves, blocked: blocked.length };
  if (held?.by !== 'approval') return { change: 'repeated', ...outcome };
  return { change: (await parts.planHolds.release(id, 'approval')) ? 'changed' : 'repeated', ...outcome };
}

const cancelledBefore = (id: string, actor: string): PlanStateError =>
  new PlanStateError(`plan ${id} was cancelled by ${actor}`, {
    field: 'plan',
    remedy: 'make it again with `miroir plan`, which gives it another id, and apply that one',
    details: { plan: id },
  });

function assertChecked({ id, checks }: Proposed): void {
  const failed = checks.filter(({ level }) => level === 'fail');
  const [first] = failed;
  if (first === undefined) return;
  throw new PreflightError(`${failed.length} checks of plan ${id} failed: ${first.subject} ${first.found}`, {
    field: 'plan',
    remedy: `${first.remedy ?? 'mend it'}; then make the plan again`,
    details: { plan: id, failed: failed.map(({ subject, found }) => `${subject}: ${found}`) },
  });
}

/** With what it would be now, where it can be made at all. */
async function staleOf(parts: ProposalParts, { id, seen, events }: Proposed): Promise<StalePlanError> {
  const topology = await parts.records.topology();
  const indexes = await allIndexes(parts);
  let moves: number | null = null;
  try {
    const plans = await parts.records.plans(0);
    const pending = withCancels(await parts.records.unfinishedMoves(), plans);
    moves = propose({ topology, indexes, pending }, events).plan.moves.length;
  } catch (error) {
    // It cannot be made any more; what has changed says why.
    if (!isMiroirError(error)) throw error;
  }
  const difference = differenceSince(seen, topology, moves).slice(0, DIFFERENCES_TOLD);
  return new StalePlanError(`plan ${id} is not what it would be now: ${difference.join('; ')}`, {
    field: 'plan',
    remedy: 'make it again with `miroir plan`, look at it, and apply that one',
    details: { plan: id, version: topology.version, expected: seen.version, difference },
  });
}
