/** How a plan stands, in one word: a closed list, the same in API, page and commands. Records keep less. */
import type { PlanHold } from './plan-hold.ts';

export const PLAN_STAGES = [
  'proposed',
  'opening',
  'awaiting_approval',
  'paused',
  'running',
  'settled',
  'cancelling',
  'cancelled',
  'done',
] as const;
/**
 * `proposed`: only looked at. `opening`: it is being written. `settled`: every shard is served by its new owner, and only
 * graces and cleaning are left. `cancelling`: what is not switched is being undone; `cancelled`: nothing of that is left.
 */
export type PlanStage = (typeof PLAN_STAGES)[number];

interface Stands {
  readonly state: 'opening' | 'running' | 'done';
  readonly left: number;
  readonly held: Pick<PlanHold, 'by'> | null;
  readonly cancelled: object | null;
}

/** `unswitched`: moves of it that are still to be switched or undone. `paused`: the hold of all plans. */
export function stageOf(
  { state, left, held, cancelled }: Stands,
  unswitched: number,
  paused: object | null,
): PlanStage {
  if (cancelled !== null)
    return state === 'done' || (state === 'running' && unswitched === 0) ? 'cancelled' : 'cancelling';
  if (state !== 'running') return state;
  if (unswitched === 0 && left > 0) return 'settled';
  if (held !== null) return held.by === 'approval' ? 'awaiting_approval' : 'paused';
  return paused === null ? 'running' : 'paused';
}

/** As people read it. */
export const stageText = (stage: PlanStage): string => stage.replaceAll('_', ' ');
