/** The report of a plan, from its records: of one that runs what is known so far. */
import { type PlanReport, reportOf, type Shown } from '../core/plan-report.ts';
import type { PlanStage } from '../core/plan-stage.ts';
import type { PlanRecord, ProgressHistory, Proposals, Proposed } from '../ports.ts';
import type { ControlParts } from './parts.ts';
import { planOf, planStage } from './plan-list.ts';

export type ReportView = Pick<
  PlanRecord,
  'id' | 'why' | 'state' | 'topologyVersion' | 'createdAtMs' | 'startedAtMs' | 'endedAtMs' | 'blocked'
> & { readonly stage: PlanStage } & PlanReport;

type Parts = Pick<ControlParts, 'records' | 'planHolds'> & {
  readonly progress: Pick<ProgressHistory, 'predicted'>;
  readonly proposals: Pick<Proposals, 'read'>;
};

const shownOf = ({ madeAtMs, moves, documents, secondsLow, secondsHigh }: Proposed): Shown => ({
  madeAtMs,
  moves,
  documents,
  lowSeconds: secondsLow,
  highSeconds: secondsHigh,
});

/** Throws `PlanUnknownError`. */
export async function planReport(parts: Parts, planId: string): Promise<ReportView> {
  const { records, progress, proposals } = parts;
  const plan = await planOf(parts, planId);
  const moves = await records.moves(await records.planMoveIds(planId));
  const [predicted, proposed, nowMs] = await Promise.all([
    progress.predicted(planId),
    // The plan that runs has the id of the one that was shown.
    proposals.read(planId),
    records.nowMs(),
  ]);
  const shown = proposed === null ? null : shownOf(proposed);
  const { id, why, state, topologyVersion, createdAtMs, startedAtMs, endedAtMs, blocked } = plan;
  const report = reportOf({ startedAtMs, moves: plan.moves, shown, predicted }, moves, nowMs);
  const stage = await planStage(parts, plan);
  return { id, why, state, stage, topologyVersion, createdAtMs, startedAtMs, endedAtMs, blocked, ...report };
}
