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
import type { PlannedMove } from '../core/move.ts';
import { hasBegun, holdsOf } from '../core/plan-hold.ts';
import { notRunYet, planMoves, type Plan, type PlannerInput } from '../core/planner.ts';
import { ConflictError, isMiroirError } from '../errors.ts';
import type { EventOutcome, MoveState } from '../ports.ts';
import { dispatch } from './dispatch.ts';
import type { Carried } from './inspect.ts';
import { EVERY_INDEX, readFleet, type Fleet, type PlanningParts } from './parts.ts';

/** Somebody may register an index meanwhile; more often than this nobody does. */
const TRIES = 5;

/** Events that a plan is told to serve; the newest where more have come while it waited. */
const WHYS_TOLD = 20;
const WHYS_BEFORE = 'more before';

export interface ReplanWish {
  /** Indexes; `*` for every. */
  readonly names: readonly string[];
  readonly why: string;
  /** Moves that may be planned; every one where it is left out. */
  readonly wanted?: (move: PlannedMove) => boolean;
  /** Somebody has looked at it: it begins at once, whatever `plan_approval` says. */
  readonly isApproved?: boolean;
  /** What the moves carry, where it was counted. */
  readonly carried?: Carried | null;
}

/** Copies that are lost are restored whoever approves what: nobody has to be asked whether data is to be kept. */
const isUrgent = ({ reason }: PlannedMove): boolean => reason === 'restore';

/**
 * How a plan comes about. `at once`: nobody approves plans. With `plan_approval` one of what is `urgent` begins, and one of
 * the rest is `held`; `approved`: somebody has looked at this very plan.
 */
type Way = 'at once' | 'urgent' | 'held' | 'approved';

const IS_PART: Readonly<Record<Way, (move: PlannedMove) => boolean>> = {
  'at once': () => true,
  urgent: isUrgent,
  held: (move) => !isUrgent(move),
  approved: () => true,
};

/** Plans, and gives the plan's first moves their jobs, unless it has to be approved first. */
export async function replan(parts: PlanningParts, wish: ReplanWish): Promise<Plan> {
  if (!parts.config.planApproval) return planAndWrite(parts, wish, 'at once');
  if (wish.isApproved === true) return planAndWrite(parts, wish, 'approved');
  // What was asked for is planned with the second only.
  const urgent = await planAndWrite(parts, wish, 'urgent', []);
  const rest = await planAndWrite(parts, wish, 'held');
  const { id } = rest.moves.length > 0 ? rest : urgent;
  return { ...rest, id, moves: [...urgent.moves, ...rest.moves], cancel: [...urgent.cancel, ...rest.cancel] };
}

async function planAndWrite(parts: PlanningParts, wish: ReplanWish, way: Way, planned = wish.names): Promise<Plan> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await planOnce(parts, wish, way, planned);
    } catch (error) {
      if (!(error instanceof ConflictError) || attempt === TRIES) throw error;
      parts.logger.info({ why: wish.why, attempt }, 'records changed while planning, planning again');
    }
  }
}

async function planOnce(
  parts: PlanningParts,
  { names, why, wanted, carried }: ReplanWish,
  way: Way,
  planned: readonly string[],
): Promise<Plan> {
  const fleet = await readFleet(parts, names.includes(EVERY_INDEX) ? null : names);
  const { topology, unfinished } = fleet;
  const { input, replaced } = await inputOf(parts, fleet, way, wanted);
  // One that waits already, and would be the same, stays: who has looked at it may approve it.
  const waiting = new Set(way === 'held' ? replaced.map(({ planId }) => planId) : []);
  const made = await planNew(input, async (id) => !waiting.has(id) && (await hasRun(parts)(id)));
  const plan = waiting.has(made.id) ? { ...made, moves: [] } : made;
  const cancel = [...plan.cancel, ...replaced.filter(({ planId }) => planId !== made.id).map(({ id }) => id)];
  const told = await whyOf(parts, replaced, why);
  await cancelMoves(parts, cancel, unfinished);
  if (plan.moves.length === 0) await parts.writer.runPlan(null, topology.version, planned);
  else await writePlan(parts, plan, { why: told, planned, isHeld: way === 'held', carried });
  const { logger } = parts;
  const counts = { moves: plan.moves.length, blocked: plan.blocked.length, cancelled: cancel.length };
  logger.info({ plan: plan.id, why, version: topology.version, way, ...counts }, 'planned');
  for (const { index, shard, reason } of plan.blocked.slice(0, 5))
    logger.warn({ index, shard, reason }, 'shard blocked');
  return plan;
}

/** All that a plan serves: with its own event those of the plans that it replaces, which have moved nothing. */
async function whyOf({ records }: PlanningParts, replaced: readonly MoveState[], why: string): Promise<string> {
  if (replaced.length === 0) return why;
  const ids = new Set(replaced.map(({ planId }) => planId));
  const before = (await records.plans(0)).filter(({ id }) => ids.has(id)).map((plan) => plan.why);
  const all = [...new Set([...before, why].flatMap((one) => one.split(', ')))];
  return all.length <= WHYS_TOLD ? all.join(', ') : [WHYS_BEFORE, ...all.slice(-WHYS_TOLD)].join(', ');
}

/** What a plan is made from, and moves of plans that nobody has approved yet, which it replaces: one such plan at a time. */
async function inputOf(
  parts: PlanningParts,
  { topology, indexes, unfinished }: Fleet,
  way: Way,
  wanted: (move: PlannedMove) => boolean = () => true,
): Promise<{ readonly input: PlannerInput; readonly replaced: readonly MoveState[] }> {
  const { waiting, others } = await unapproved(parts, unfinished, new Set(indexes.map(({ entry }) => entry.uid)));
  const isPart = IS_PART[way];
  return {
    input: {
      topology,
      indexes,
      // One that was looked at counted what waits as well.
      pending: way === 'approved' ? unfinished : others,
      wanted: (move) => isPart(move) && wanted(move),
    },
    replaced: way === 'held' || way === 'at once' ? waiting : [],
  };
}

/** Moves of plans that wait for their approval and have not begun, of these indexes, and all others. */
async function unapproved(
  { records }: PlanningParts,
  unfinished: readonly MoveState[],
  indexes: ReadonlySet<string>,
): Promise<{ readonly waiting: readonly MoveState[]; readonly others: readonly MoveState[] }> {
  const held = new Set((await records.plans(0)).filter((plan) => plan.held?.by === 'approval').map(({ id }) => id));
  const waits = (move: MoveState): boolean =>
    held.has(move.planId) && indexes.has(move.index) && !hasBegun(move) && !move.cancelWished;
  return { waiting: unfinished.filter(waits), others: unfinished.filter((move) => !waits(move)) };
}

const planNew = async (input: PlannerInput, isOver: (id: string) => Promise<boolean>): Promise<Plan> =>
  (await notRunYet((after) => ({ plan: planMoves(after === undefined ? input : { ...input, after }) }), isOver)).plan;

/** One that was cut off in writing has not: it is finished under its name. */
export const hasRun =
  ({ records }: Pick<PlanningParts, 'records'>) =>
  async (id: string): Promise<boolean> =>
    ((await records.plan(id))?.state ?? 'opening') !== 'opening';

interface Written {
  readonly why: string;
  /** What was asked for and is planned with it. */
  readonly planned: readonly string[];
  readonly isHeld: boolean;
  readonly carried?: Carried | null | undefined;
}

async function writePlan(parts: PlanningParts, plan: Plan, { why, planned, isHeld, carried }: Written): Promise<void> {
  const { writer, records, queue } = parts;
  // Counted for other moves as well it says nothing of these.
  const documents = carried?.moves === plan.moves.length ? carried.documents : null;
  await writer.openPlan(plan, why, { isHeld, documents });
  await writer.addMoves(plan.id, plan.moves);
  await writer.runPlan(plan.id, plan.topologyVersion, planned);
  const mine = new Set(plan.moves.map(({ id }) => id));
  const { due } = dispatch(await runnable(parts, await records.unfinishedMoves()));
  await queue.enqueue(due.filter((move) => mine.has(move.id)));
}

/** Leaves the wish, and wakes what waits, so that it is carried out soon. */
async function cancelMoves(
  { records, queue }: PlanningParts,
  cancel: readonly string[],
  unfinished: readonly MoveState[],
): Promise<void> {
  const unwanted = new Set(cancel);
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
  await replan(parts, { names: left.map(({ index }) => index), why });
}

async function finishOpening(parts: PlanningParts, id: string, why: string, names: readonly string[]): Promise<void> {
  const fleet = await readFleet(parts, names.includes(EVERY_INDEX) ? null : names);
  const same = await planAgain(parts, fleet, id);
  if (same !== null) {
    parts.logger.info({ plan: id, moves: same.plan.moves.length }, 'finishing a plan that was cut off in writing');
    await cancelMoves(parts, same.plan.cancel, fleet.unfinished);
    return writePlan(parts, same.plan, { why, planned: names, isHeld: same.way === 'held' });
  }
  parts.logger.info({ plan: id }, 'a plan that was cut off in writing runs with the moves it has');
  await parts.writer.runPlan(id, fleet.topology.version, []);
}

/** The very plan when nothing that it depends on has changed: its own moves are taken out of what it was made from. */
async function planAgain(
  parts: PlanningParts,
  fleet: Fleet,
  id: string,
): Promise<{ readonly plan: Plan; readonly way: Way } | null> {
  const unfinished = fleet.unfinished.filter(({ planId }) => planId !== id);
  const ways: readonly Way[] = parts.config.planApproval ? ['approved', 'urgent', 'held'] : ['at once'];
  try {
    for (const way of ways) {
      const { input } = await inputOf(parts, { ...fleet, unfinished }, way);
      const plan = await planNew(input, hasRun(parts));
      if (plan.id === id) return { plan, way };
    }
    return null;
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
