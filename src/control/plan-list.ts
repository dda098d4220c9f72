/** Plans, page by page, and how far one of them is. */
import { PlanUnknownError } from '../errors.ts';
import type { PageAsked, PlanRecord } from '../ports.ts';
import { type Page, pageWith } from './pages.ts';
import type { ControlParts } from './parts.ts';
import { type PlanProgress, progressOf } from './progress.ts';

type Parts = Pick<ControlParts, 'records'>;

export type PlanDetails = PlanRecord & { readonly progress: PlanProgress };

/** Those that run, then those that have ended, newest first. */
export async function listPlans({ records }: Parts, wish: PageAsked): Promise<Page<PlanRecord>> {
  const page = await records.planPage(wish);
  const plans = await Promise.all(page.keys.slice(0, wish.limit).map((id) => records.plan(id)));
  return pageWith(
    plans.filter((plan) => plan !== null),
    page,
    wish,
  );
}

/** Reads every move of it. Throws `PlanUnknownError`. */
export async function showPlan(parts: Parts, id: string): Promise<PlanDetails> {
  const plan = await planOf(parts, id);
  return { ...plan, progress: progressOf(await parts.records.moves(await parts.records.planMoveIds(id))) };
}

export async function planOf({ records }: Parts, id: string): Promise<PlanRecord> {
  const plan = await records.plan(id);
  if (plan !== null) return plan;
  throw new PlanUnknownError(`there is no plan ${id}`, { field: 'plan', remedy: 'see `miroir plan list`' });
}
