/** Plans, page by page, and how far one of them is. */
import { PlanUnknownError } from '../errors.ts';
import type { PageAsked, PlanRecord } from '../ports.ts';
import { type EtaParts, type EtaView, etaView } from './eta.ts';
import { type Page, pageWith } from './pages.ts';
import type { ControlParts } from './parts.ts';
import { type PlanProgress, progressOf } from './progress.ts';

type Parts = Pick<ControlParts, 'records'>;

export type PlanDetails = PlanRecord & { readonly progress: PlanProgress & EtaView };

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
export async function showPlan(parts: EtaParts, id: string): Promise<PlanDetails> {
  const plan = await planOf(parts, id);
  const counts = progressOf(await parts.records.moves(await parts.records.planMoveIds(id)));
  return { ...plan, progress: { ...counts, ...(await etaView(parts, plan)) } };
}

export async function planOf({ records }: Parts, id: string): Promise<PlanRecord> {
  const plan = await records.plan(id);
  if (plan !== null) return plan;
  throw new PlanUnknownError(`there is no plan ${id}`, { field: 'plan', remedy: 'see `miroir plan list`' });
}
