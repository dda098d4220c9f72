/** Plans, page by page, and how far one of them is. */
import { isSwitched } from '../core/move.ts';
import { type PlanStage, stageOf } from '../core/plan-stage.ts';
import { PlanUnknownError } from '../errors.ts';
import type { MoveState, PageAsked, PlanRecord } from '../ports.ts';
import { type EtaParts, type EtaView, etaView } from './eta.ts';
import { notInList, type Page, pageWith } from './pages.ts';
import type { ControlParts } from './parts.ts';
import { type PlanProgress, progressOf } from './progress.ts';

type Parts = Pick<ControlParts, 'records'>;
type StageParts = Pick<ControlParts, 'records' | 'planHolds'>;

/** With how it stands, which its record alone does not say. */
export type PlanListed = PlanRecord & { readonly stage: PlanStage };
export type PlanDetails = PlanListed & { readonly progress: PlanProgress & EtaView };

/** Those that run, then those that have ended, newest first. */
export async function listPlans(parts: StageParts, wish: PageAsked): Promise<Page<PlanListed>> {
  const { records } = parts;
  const page = await records.planPage(wish);
  if (page === null) throw notInList(wish.from);
  const plans = await Promise.all(page.keys.slice(0, wish.limit).map((id) => records.plan(id)));
  const there = plans.filter((plan) => plan !== null);
  const unswitched = await unswitchedBy(records);
  const paused = await parts.planHolds.all();
  return pageWith(
    there.map((plan) => ({ ...plan, stage: stageOf(plan, unswitched(plan.id), paused) })),
    page,
    wish,
  );
}

export async function planStage({ records, planHolds }: StageParts, plan: PlanRecord): Promise<PlanStage> {
  return stageOf(plan, (await unswitchedBy(records))(plan.id), await planHolds.all());
}

/** Throws `PlanUnknownError`. */
export async function stageNow(parts: StageParts, id: string): Promise<PlanStage> {
  return planStage(parts, await planOf(parts, id));
}

/** By plan, of the moves of one index: they stand as long as the list does. */
const counted = new WeakMap<readonly MoveState[], ReadonlyMap<string, number>>();

function countOf(moves: readonly MoveState[]): ReadonlyMap<string, number> {
  const known = counted.get(moves);
  if (known !== undefined) return known;
  const counts = new Map<string, number>();
  for (const { planId, phase } of moves) if (!isSwitched(phase)) counts.set(planId, (counts.get(planId) ?? 0) + 1);
  counted.set(moves, counts);
  return counts;
}

/** Moves of a plan that are still to be switched or undone. */
async function unswitchedBy(records: Parts['records']): Promise<(planId: string) => number> {
  const counts = [...(await records.unfinishedByIndex()).values()].map(countOf);
  return (planId) => counts.reduce((sum, count) => sum + (count.get(planId) ?? 0), 0);
}

/** Reads every move of it. Throws `PlanUnknownError`. */
export async function showPlan(parts: EtaParts, id: string): Promise<PlanDetails> {
  const plan = await planOf(parts, id);
  const moves = await parts.records.moves(await parts.records.planMoveIds(id));
  const stage = await planStage(parts, plan);
  return { ...plan, stage, progress: { ...progressOf(moves), ...(await etaView(parts, plan)) } };
}

export async function planOf({ records }: Parts, id: string): Promise<PlanRecord> {
  const plan = await records.plan(id);
  if (plan !== null) return plan;
  throw new PlanUnknownError(`there is no plan ${id}`, { field: 'plan', remedy: 'see `miroir plan list`' });
}
