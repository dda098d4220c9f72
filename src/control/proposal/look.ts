/** A plan by its id, whether it has run or was only looked at. */
import type { EtaParts } from '../eta.ts';
import { showPlan, type PlanDetails } from '../plan-list.ts';
import { viewProposed, type ProposalParts, type ProposedView } from './make.ts';

/** Throws `PlanUnknownError`. */
export async function lookAtPlan(
  parts: EtaParts & Pick<ProposalParts, 'records' | 'proposals'>,
  id: string,
): Promise<PlanDetails | ProposedView> {
  // The one that was carried out has the id of the one that was shown.
  const proposed = (await parts.records.plan(id)) === null ? await parts.proposals.read(id) : null;
  if (proposed === null) return showPlan(parts, id);
  return viewProposed(proposed, (await parts.records.topology()).version);
}
