/** What keeps the moves of a plan from beginning: an operator's pause, or an approval that is still to be given. */

import type { WaitReason } from '../errors.ts';

export const HOLDERS = ['operator', 'approval'] as const;
export type Holder = (typeof HOLDERS)[number];

export interface PlanHold {
  readonly by: Holder;
  /** Redis time. */
  readonly sinceMs: number;
  /** Who paused it, or whose plan waits. */
  readonly actor: string;
  /** It is of all plans, and ends for all. */
  readonly isOfAll?: true;
}

type Told = Pick<PlanHold, 'by' | 'actor' | 'isOfAll'>;

const HOLD_REASONS = ['paused_by_operator', 'all_paused', 'awaiting_approval'] as const satisfies readonly WaitReason[];
const codeOf = ({ by, isOfAll }: Told): (typeof HOLD_REASONS)[number] =>
  by === 'approval' ? 'awaiting_approval' : isOfAll ? 'all_paused' : 'paused_by_operator';

/** What unblocks it. */
const TEXTS: Readonly<Record<(typeof HOLD_REASONS)[number], (actor: string) => string>> = {
  paused_by_operator: (actor) => `${actor} has paused it; go on with \`miroir plan resume\``,
  all_paused: (actor) => `${actor} has paused all plans; go on with \`miroir plan resume --all\``,
  awaiting_approval: () => 'the plan is to be approved first: `miroir plan show`, then `miroir plan apply`',
};

/** What people read of a move that waits for it. */
export const holdReason = (hold: Told): `${WaitReason}: ${string}` =>
  `${codeOf(hold)}: ${TEXTS[codeOf(hold)](hold.actor)}`;

/** Whether that is what a move waits for. */
export const isHoldReason = (reason: string): boolean => HOLD_REASONS.some((word) => reason.startsWith(word));

interface Stands {
  readonly planId: string;
  readonly phase: string;
  readonly outcome?: string;
  readonly startedAtMs: number | null;
  readonly switchedAtMs: number | null;
  readonly cancelWished: boolean;
}

/** Whether the move has places at its nodes, or had: its shard is tracked. */
export const hasBegun = ({ phase, startedAtMs }: Pick<Stands, 'phase' | 'startedAtMs'>): boolean =>
  phase !== 'Idle' || startedAtMs !== null;

/** Whether a hold keeps this move: past the switch it goes on to its end, and so does one that is taken back. */
export const isKept = ({
  outcome,
  switchedAtMs,
  cancelWished,
}: Pick<Stands, 'outcome' | 'switchedAtMs' | 'cancelWished'>): boolean =>
  outcome === undefined && switchedAtMs === null && !cancelWished;

interface HeldPlan {
  readonly id: string;
  readonly held: PlanHold | null;
}

/** By move what keeps it from beginning, if something does. A move that has begun is told by whoever works on it. */
export function holdsOf(plans: readonly HeldPlan[], all: PlanHold | null): (move: Stands) => PlanHold | null {
  const own = new Map(plans.map(({ id, held }) => [id, held]));
  return (move) => (isKept(move) && !hasBegun(move) ? (own.get(move.planId) ?? all) : null);
}

/** The same moves, with what they wait for where a hold keeps them: they have no job that would note it. */
export function withHolds<
  M extends Stands & { readonly waiting: { code: WaitReason; reason: string; sinceMs: number } | null },
>(moves: readonly M[], plans: readonly HeldPlan[], all: PlanHold | null): readonly M[] {
  const holdOf = holdsOf(plans, all);
  return moves.map((move) => {
    const hold = holdOf(move);
    return hold === null
      ? move
      : { ...move, waiting: { code: codeOf(hold), reason: holdReason(hold), sinceMs: hold.sinceMs } };
  });
}

/**
 * The same moves, with the wish to cancel where their plan was cancelled and the planner has not left it in them yet: what is
 * planned must not count on them.
 */
export function withCancels<M extends Stands>(
  moves: readonly M[],
  plans: readonly { readonly id: string; readonly cancelled: object | null }[],
): readonly M[] {
  const cancelled = new Set(plans.flatMap((plan) => (plan.cancelled === null ? [] : plan.id)));
  return moves.map((move) => (cancelled.has(move.planId) && isKept(move) ? { ...move, cancelWished: true } : move));
}
