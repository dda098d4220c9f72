/** What operators say of plans as a whole. No lease is needed: it is said in one script, and heeded by those who hold one. */
import type { Holder, PlanHold } from '../core/plan-hold.ts';

/** What moves of a plan have to heed now. */
export interface PlanOrders {
  /** The plan's own hold, else that of all plans. */
  readonly held: PlanHold | null;
  readonly cancelled: boolean;
}

export interface PlanHolds {
  /** Nothing for a plan that is not there. */
  orders(planId: string): Promise<PlanOrders>;
  /** The hold of all plans, also those that are still to be made. */
  all(): Promise<PlanHold | null>;
  /** Of a plan that is held already the hold that there is. Throws `PlanStateError` for one that is over or cancelled. */
  hold(planId: string, by: Holder, actor: string): Promise<PlanHold>;
  /** False when it was not held. Throws `PlanStateError` when something else holds it, or it is over. */
  release(planId: string, by: Holder): Promise<boolean>;
  /** Moves that are not switched are taken back, and none begins any more. False when it was cancelled before. */
  cancel(planId: string, actor: string): Promise<boolean>;
  holdAll(actor: string): Promise<PlanHold>;
  /** False when nothing was held. */
  releaseAll(): Promise<boolean>;
}
