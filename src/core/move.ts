/**
 * A move and its state machine. The diagram is data: `TRANSITIONS` is what docs/protocol.md draws and what the matrix
 * test walks. Redis holds the record; `advance` decides, scripts only compare and store.
 */
import { IllegalTransitionError } from '../errors.ts';

/** Phases in their order; a queue job is named after the phase that it brings about. */
export const PHASES = [
  'Idle',
  'DualWriteStarted',
  'MigrationInProgress',
  'MigrationComplete',
  'DualWriteStopped',
  'OldReplicaDeleted',
] as const;
export type Phase = (typeof PHASES)[number];

/** Phases that have a job, in order. */
export const JOB_PHASES = PHASES.slice(1) as readonly Exclude<Phase, 'Idle'>[];
export type JobPhase = (typeof JOB_PHASES)[number];

/** How a move ended; absent while it runs. */
export const OUTCOMES = ['done', 'cancelled', 'failed', 'reverted'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const MOVE_EVENTS = [
  'tracked',
  'copied',
  'verified',
  'settled',
  'cleaned',
  'cancelled',
  'failed',
  'reverted',
] as const;
export type MoveEvent = (typeof MOVE_EVENTS)[number];

export const MOVE_REASONS = ['restore', 'drain', 'balance'] as const;
/** Why the planner asked for a move, most urgent first. */
export type MoveReason = (typeof MOVE_REASONS)[number];

/** What a plan says about one move; never changes afterwards. */
export interface PlannedMove {
  readonly index: string;
  readonly shard: number;
  readonly group: number;
  /** The owner that is read. */
  readonly source: string;
  readonly target: string;
  /** The owner that leaves at the switch; null when the move only restores a lost replica. */
  readonly retires: string | null;
  readonly reason: MoveReason;
}

export interface Move extends PlannedMove {
  readonly id: string;
  readonly planId: string;
  readonly phase: Phase;
  readonly outcome?: Outcome;
  /** A wish that the lease holder carries out before the switch. */
  readonly cancelWished: boolean;
}

interface Step {
  readonly phase: Phase;
  readonly outcome?: Outcome;
}

/**
 * What may happen in which phase. Cancel and fail exist only before the switch (`DualWriteStopped`): afterwards a move
 * only goes forward, is reversed by a new move, or, where its target was lost with all it had, by an operator's wish.
 */
export const TRANSITIONS: Readonly<Record<Phase, Partial<Record<MoveEvent, Step>>>> = {
  Idle: {
    tracked: { phase: 'DualWriteStarted' },
    cancelled: { phase: 'Idle', outcome: 'cancelled' },
    failed: { phase: 'Idle', outcome: 'failed' },
  },
  DualWriteStarted: {
    copied: { phase: 'MigrationInProgress' },
    cancelled: { phase: 'Idle', outcome: 'cancelled' },
    failed: { phase: 'Idle', outcome: 'failed' },
  },
  MigrationInProgress: {
    verified: { phase: 'MigrationComplete' },
    cancelled: { phase: 'Idle', outcome: 'cancelled' },
    failed: { phase: 'Idle', outcome: 'failed' },
  },
  MigrationComplete: {
    settled: { phase: 'DualWriteStopped' },
    cancelled: { phase: 'Idle', outcome: 'cancelled' },
    failed: { phase: 'Idle', outcome: 'failed' },
  },
  DualWriteStopped: {
    cleaned: { phase: 'OldReplicaDeleted', outcome: 'done' },
    reverted: { phase: 'Idle', outcome: 'reverted' },
  },
  OldReplicaDeleted: {},
};

/** The move after the event; throws `IllegalTransitionError` where the table has none or the move has ended. */
export function advance(move: Move, event: MoveEvent): Move {
  const step = move.outcome === undefined ? TRANSITIONS[move.phase][event] : undefined;
  if (step === undefined) {
    throw new IllegalTransitionError(`move ${move.id} in ${move.phase} cannot be ${event}`, {
      details: { move: move.id, phase: move.phase, event, outcome: move.outcome ?? null },
    });
  }
  return { ...move, phase: step.phase, ...(step.outcome === undefined ? {} : { outcome: step.outcome }) };
}

export const phaseIndex = (phase: Phase): number => PHASES.indexOf(phase);

/** Whether the switch has happened, i.e. the target owns the shard for good. */
export const isSwitched = (phase: Phase): boolean => phaseIndex(phase) >= phaseIndex('DualWriteStopped');

/** Of lists that are cut: what is at work, then what waits to begin, then what only waits for its grace to be over. */
export const turnOf = ({ phase }: Pick<Move, 'phase'>): number => (isSwitched(phase) ? 2 : phase === 'Idle' ? 1 : 0);
