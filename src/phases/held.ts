/** Before a phase, and before each window: an operator may have paused the move's plan, or all plans. */
import { hasBegun, holdReason, isKept } from '../core/plan-hold.ts';
import { MoveWaitingError } from '../errors.ts';
import type { MoveState, PlanHolds } from '../ports.ts';

/** Its job is taken away by the planner, and comes back when the plan is released: nobody has to look meanwhile. */
const UNBEGUN_MS = 60_000;

/** Past the switch a move goes on to its end, whatever is said of its plan. */
export async function assertNotHeld(planHolds: Pick<PlanHolds, 'orders'>, move: MoveState): Promise<void> {
  if (!isKept(move)) return;
  const { held, cancelled } = await planHolds.orders(move.planId);
  if (cancelled) throw new MoveWaitingError('wish: its plan is cancelled');
  if (held === null) return;
  const afterMs = hasBegun(move) ? undefined : UNBEGUN_MS;
  throw new MoveWaitingError(holdReason(held), afterMs);
}
