/** What keeps the moves of a plan from beginning: an operator's pause, or an approval that is still to be given. */

export const HOLDERS = ['operator', 'approval'] as const;
export type Holder = (typeof HOLDERS)[number];

export interface PlanHold {
  readonly by: Holder;
  /** Redis time. */
  readonly sinceMs: number;
  /** Who paused it, or whose plan waits. */
  readonly actor: string;
}

/** First word of what a held move waits for. */
const REASON: Readonly<Record<Holder, string>> = { operator: 'paused_by_operator', approval: 'awaiting_approval' };

type Told = Pick<PlanHold, 'by' | 'actor'>;

/** What unblocks it. */
export const holdText = ({ by, actor }: Told): string =>
  by === 'operator'
    ? `${actor} has paused it; go on with \`miroir plan resume\``
    : `the plan of ${actor} is to be approved first`;

/** What people read of a move that waits for it. */
export const holdReason = (hold: Told): string => `${REASON[hold.by]}: ${holdText(hold)}`;

/** Whether that is what a move waits for. */
export const isHoldReason = (reason: string): boolean => Object.values(REASON).some((word) => reason.startsWith(word));

interface Begins {
  readonly phase: string;
  readonly startedAtMs: number | null;
}

/** Whether the move has places at its nodes, or had: its shard is tracked. */
export const hasBegun = ({ phase, startedAtMs }: Begins): boolean => phase !== 'Idle' || startedAtMs !== null;

interface Goes {
  readonly outcome?: string;
  readonly switchedAtMs: number | null;
  readonly cancelWished: boolean;
}

/** Whether a hold keeps this move: past the switch it goes on to its end, and so does one that is taken back. */
export const isKept = ({ outcome, switchedAtMs, cancelWished }: Goes): boolean =>
  outcome === undefined && switchedAtMs === null && !cancelWished;
