/**
 * From records to a plan with jobs, in writes that may be cut off between any two:
 *
 * 1. the topology says what has to be planned (`unplanned`, written together with the change itself);
 * 2. `openPlan` writes the plan, 3. `addMoves` its moves, 4. `runPlan` declares it complete and forgets 1;
 * 5. moves get jobs.
 *
 * Cut off after 1: it is planned at the next `resume`. After 2 or 3: the same input gives the same plan id, and the
 * rest is written; when the input has changed meanwhile (other moves went on), the plan runs with the moves that it
 * has, and a second one is made for what is missing: no move is ever withdrawn by a crash. After 4: sweeps find moves
 * without a job.
 */
import { holdsOf } from '../core/plan-hold.ts';
import { planMoves, type Plan, type PlanMove, type PlannerInput } from '../core/planner.ts';
import { ConflictError, isMiroirError } from '../errors.ts';
import type { EventOutcome, MoveState } from '../ports.ts';
import { dispatch } from './dispatch.ts';
import { EVERY_INDEX, readFleet, type Fleet, type PlanningParts } from './parts.ts';

/** Somebody may register an index meanwhile; more often than this nobody does. */
const TRIES = 5;

/** Plans the named indexes (`*` for every), as far as `wanted` lets moves pass, and gives the plan's first moves their jobs. */
export async function replan(
  parts: PlanningParts,
  names: readonly string[],
  why: string,
  wanted: (move: PlanMove) => boolean = () => true,
): Promise<Plan> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await replanOnce(parts, names, why, wanted);
    } catch (error) {
      if (!(error instanceof ConflictError) || attempt === TRIES) throw error;
      parts.logger.info({ why, attempt }, 'records changed while planning, planning again');
    }
  }
}

async function replanOnce(
  parts: PlanningParts,
  names: readonly string[],
  why: string,
  wanted: (move: PlanMove) => boolean,
): Promise<Plan> {
  const fleet = await readFleet(parts, names.includes(EVERY_INDEX) ? null : names);
  const { topology, indexes, unfinished } = fleet;
  const whole = await planNew(parts, { topology, indexes, pending: unfinished });
  const plan = { ...whole, moves: whole.moves.filter(wanted) };
  await cancelMoves(parts, plan, unfinished);
  if (plan.moves.length === 0) {
    await parts.writer.runPlan(null, topology.version, names);
  } else {
    await writePlan(parts, plan, why, names);
  }
  const { logger } = parts;
  const counts = { moves: plan.moves.length, blocked: plan.blocked.length, cancelled: plan.cancel.length };
  logger.info({ plan: plan.id, why, version: topology.version, ...counts }, 'planned');
  for (const { index, shard, reason } of plan.blocked.slice(0, 5))
    logger.warn({ index, shard, reason }, 'shard blocked');
  return plan;
}

/**
 * A plan that has not run yet. Moves that ended before they changed a route leave everything as it was, so what is
 * planned next would be called the same; each such plan is named after the one before.
 */
async function planNew({ records }: PlanningParts, input: PlannerInput): Promise<Plan> {
  let plan = planMoves(input);
  while (plan.moves.length > 0) {
    const known = await records.plan(plan.id);
    if (known === null || known.state === 'opening') break;
    plan = planMoves({ ...input, after: plan.id });
  }
  return plan;
}

async function writePlan(parts: PlanningParts, plan: Plan, why: string, names: readonly string[]): Promise<void> {
  const { writer, records, queue } = parts;
  await writer.openPlan(plan, why);
  await writer.addMoves(plan.id, plan.moves);
  await writer.runPlan(plan.id, plan.topologyVersion, names);
  const mine = new Set(plan.moves.map(({ id }) => id));
  const { due } = dispatch(await runnable(parts, await records.unfinishedMoves()));
  await queue.enqueue(due.filter((move) => mine.has(move.id)));
}

/** Leaves the wish, and wakes what waits, so that it is carried out soon. */
async function cancelMoves(
  { records, queue }: PlanningParts,
  plan: Plan,
  unfinished: readonly MoveState[],
): Promise<void> {
  const unwanted = new Set(plan.cancel);
  for (const move of unfinished) {
    if (!unwanted.has(move.id) || move.cancelWished) continue;
    try {
      await records.wish(move.id, 'cancel');
    } catch (error) {
      // It has ended or switched since it was read: then it is kept, and the next plan sees it as it is.
      if (!(error instanceof ConflictError)) throw error;
      continue;
    }
    await queue.promote(move);
  }
}

/** Moves whose plan is complete in writing, and lets them begin: of a held one those that have begun or are taken back. */
export async function runnable(
  { records, planHolds }: PlanningParts,
  moves: readonly MoveState[],
): Promise<readonly MoveState[]> {
  const [plans, all] = await Promise.all([records.plans(0), planHolds.all()]);
  const opening = new Set(plans.filter(({ state }) => state === 'opening').map(({ id }) => id));
  const holdOf = holdsOf(plans, all);
  return moves.filter((move) => !opening.has(move.planId) && holdOf(move) === null);
}

/** Finishes plans that were being written, then plans what was asked for and never planned. */
export async function finishPlanning(parts: PlanningParts): Promise<void> {
  const { records, writer } = parts;
  const asked = await writer.unplanned();
  const names = asked.map(({ index }) => index);
  for (const { id, why } of (await records.plans(0)).filter(({ state }) => state === 'opening')) {
    await finishOpening(parts, id, why, names);
  }
  const left = await writer.unplanned();
  if (left.length === 0) return;
  const why = [...new Set(left.map((one) => one.why))].join(', ');
  await replan(
    parts,
    left.map(({ index }) => index),
    why,
  );
}

async function finishOpening(parts: PlanningParts, id: string, why: string, names: readonly string[]): Promise<void> {
  const fleet = await readFleet(parts, names.includes(EVERY_INDEX) ? null : names);
  const same = await planAgain(parts, fleet, id);
  if (same !== null) {
    parts.logger.info({ plan: id, moves: same.moves.length }, 'finishing a plan that was cut off in writing');
    await cancelMoves(parts, same, fleet.unfinished);
    return writePlan(parts, same, why, names);
  }
  parts.logger.info({ plan: id }, 'a plan that was cut off in writing runs with the moves it has');
  await parts.writer.runPlan(id, fleet.topology.version, []);
}

/** The very plan when nothing that it depends on has changed: its own moves are taken out of what it was made from. */
async function planAgain(
  parts: PlanningParts,
  { topology, indexes, unfinished }: Fleet,
  id: string,
): Promise<Plan | null> {
  const pending = unfinished.filter(({ planId }) => planId !== id);
  try {
    const plan = await planNew(parts, { topology, indexes, pending });
    return plan.id === id ? plan : null;
  } catch (error) {
    // A table that does not fit is `replan`'s to report; here it only means that this is not the same plan.
    if (isMiroirError(error)) return null;
    throw error;
  }
}

/** What is told of a repeated event: the newest plan that still moves something from or to the node. */
export async function planUnderWay({ records }: PlanningParts, nodeId: string): Promise<EventOutcome> {
  const concerned = (await records.unfinishedMoves()).filter(({ source, target, retires }) =>
    [source, target, retires].includes(nodeId),
  );
  const ids = new Set(concerned.map(({ planId }) => planId));
  const plan = (await records.plans(0)).find(({ id }) => ids.has(id));
  const { id = null, moves = 0, blocked = [] } = plan ?? {};
  return { change: 'repeated', plan: id, moves, blocked: blocked.length };
}
