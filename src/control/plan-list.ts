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
  const open = there.some(({ state }) => state === 'running') ? await records.unfinishedMoves() : [];
  const paused = await parts.planHolds.all();
  return pageWith(
    there.map((plan) => ({ ...plan, stage: stageOf(plan, unswitchedOf(plan, open), paused) })),
    page,
    wish,
  );
}

/** How a plan stands, by its moves or by more than these. */
export const planStage = async (
  { planHolds }: Pick<ControlParts, 'planHolds'>,
  plan: PlanRecord,
  moves: readonly MoveState[],
): Promise<PlanStage> => stageOf(plan, unswitchedOf(plan, moves), await planHolds.all());

/** Throws `PlanUnknownError`. */
export async function stageNow(parts: StageParts, id: string): Promise<PlanStage> {
  const { records } = parts;
  return planStage(parts, await planOf(parts, id), await records.moves(await records.planMoveIds(id)));
}

const unswitchedOf = ({ id }: PlanRecord, moves: readonly MoveState[]): number =>
  moves.filter(({ planId, phase, outcome }) => planId === id && outcome === undefined && !isSwitched(phase)).length;

/** Reads every move of it. Throws `PlanUnknownError`. */
export async function showPlan(parts: EtaParts, id: string): Promise<PlanDetails> {
  const plan = await planOf(parts, id);
  const moves = await parts.records.moves(await parts.records.planMoveIds(id));
  const stage = await planStage(parts, plan, moves);
  return { ...plan, stage, progress: { ...progressOf(moves), ...(await etaView(parts, plan)) } };
}

export async function planOf({ records }: Parts, id: string): Promise<PlanRecord> {
  const plan = await records.plan(id);
  if (plan !== null) return plan;
  throw new PlanUnknownError(`there is no plan ${id}`, { field: 'plan', remedy: 'see `miroir plan list`' });
}
