/** A plan by its id, whether it has run or was only looked at. */
import type { EtaParts } from '../eta.ts';
import { showPlan, type PlanDetails } from '../plan-list.ts';
import type { ProposalParts } from './figures.ts';
import { viewProposed, type ProposedView } from './make.ts';
import { forecastOf, type Forecast } from './waiting.ts';

/** With what it would do, as long as somebody has to approve it. */
export type PlanShown = PlanDetails & { readonly forecast: Forecast | null };

/** Throws `PlanUnknownError`. */
export async function lookAtPlan(parts: EtaParts & ProposalParts, id: string): Promise<PlanShown | ProposedView> {
  // The one that was carried out has the id of the one that was shown.
  const proposed = (await parts.records.plan(id)) === null ? await parts.proposals.read(id) : null;
  if (proposed !== null) return viewProposed(proposed, (await parts.records.topology()).version);
  const plan = await showPlan(parts, id);
  return { ...plan, forecast: await forecastOf(parts, plan) };
}
