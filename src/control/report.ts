/** The report of a plan, from its records: of one that runs what is known so far. */
import { type PlanReport, reportOf } from '../core/plan-report.ts';
import type { PlanStage } from '../core/plan-stage.ts';
import type { PlanRecord, ProgressHistory } from '../ports.ts';
import type { ControlParts } from './parts.ts';
import { planOf, planStage } from './plan-list.ts';

export type ReportView = Pick<
  PlanRecord,
  'id' | 'why' | 'state' | 'topologyVersion' | 'createdAtMs' | 'startedAtMs' | 'endedAtMs' | 'blocked'
> & { readonly stage: PlanStage } & PlanReport;

type Parts = Pick<ControlParts, 'records' | 'planHolds'> & { readonly progress: Pick<ProgressHistory, 'predicted'> };

/** Throws `PlanUnknownError`. */
export async function planReport(parts: Parts, planId: string): Promise<ReportView> {
  const { records, progress } = parts;
  const plan = await planOf(parts, planId);
  const moves = await records.moves(await records.planMoveIds(planId));
  const [predicted, nowMs] = await Promise.all([progress.predicted(planId), records.nowMs()]);
  const { id, why, state, topologyVersion, createdAtMs, startedAtMs, endedAtMs, blocked } = plan;
  const report = reportOf({ startedAtMs, moves: plan.moves, predicted }, moves, nowMs);
  const stage = await planStage(parts, plan, moves);
  return { id, why, state, stage, topologyVersion, createdAtMs, startedAtMs, endedAtMs, blocked, ...report };
}
