/** Moves with what keeps them: a held move has no job that would note it. */
import { withHolds } from '../core/plan-hold.ts';
import type { MoveState, PlanHolds, Records } from '../ports.ts';

export interface HoldParts {
  readonly records: Pick<Records, 'plans'>;
  readonly planHolds: Pick<PlanHolds, 'all'>;
}

export async function toldHolds(
  { records, planHolds }: HoldParts,
  moves: readonly MoveState[],
): Promise<readonly MoveState[]> {
  const [plans, all] = await Promise.all([records.plans(0), planHolds.all()]);
  return withHolds(moves, plans, all);
}
