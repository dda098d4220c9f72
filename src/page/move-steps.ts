/**
 * How far a move is, for people. A record's phase is what it has reached; what is going on is the step after it.
 */
import type { MoveAnswer } from './answers.ts';
import { countText, percentOf } from './format.ts';

export const STEPS = ['begin', 'copy', 'verify', 'switch', 'clean up'] as const;
const PHASES = [
  'Idle',
  'DualWriteStarted',
  'MigrationInProgress',
  'MigrationComplete',
  'DualWriteStopped',
  'OldReplicaDeleted',
];

export type Activity =
  | 'waiting'
  | 'starting'
  | 'copying'
  | 'verifying'
  | 'switching'
  | 'cleaning'
  | 'done'
  | 'cancelled'
  | 'failed'
  | 'reverted';

/** Each has a sign of its own: colours are never the only one. */
export const SIGNS: Readonly<Record<Activity, string>> = {
  waiting: '○',
  starting: '◌',
  copying: '◐',
  verifying: '◕',
  switching: '◆',
  cleaning: '◉',
  done: '✓',
  cancelled: '⊘',
  failed: '✗',
  reverted: '↶',
};

/** Steps that are behind it, 0 to 5. */
export const stepsDone = ({ phase }: Pick<MoveAnswer, 'phase'>): number => Math.max(0, PHASES.indexOf(phase));

/** Its shard still has to be switched. */
export const isOnItsWay = ({ phase, outcome }: Pick<MoveAnswer, 'phase' | 'outcome'>): boolean =>
  outcome === null && stepsDone({ phase }) < STEPS.indexOf('clean up');

const RUNNING: readonly Activity[] = ['starting', 'copying', 'verifying', 'switching', 'cleaning', 'done'];

export function activityOf(move: Pick<MoveAnswer, 'phase' | 'outcome' | 'note' | 'waiting'>): Activity {
  const { outcome, waiting, note } = move;
  if (outcome === 'done' || outcome === 'cancelled' || outcome === 'failed' || outcome === 'reverted') return outcome;
  const steps = stepsDone(move);
  const isWaiting = waiting === undefined ? note === null : waiting !== null;
  return steps === 0 && isWaiting ? 'waiting' : (RUNNING[steps] ?? 'waiting');
}

/** Reasons that are part of how moves go: its turn comes, somebody wants it so, or it goes on by itself. */
const HARMLESS: ReadonlySet<string> = new Set([
  'all_paused',
  'at_work',
  'awaiting_approval',
  'barrier',
  'conflict',
  'counted',
  'grace',
  'held',
  'hold',
  'hold_over',
  'index_operation',
  'journal',
  'move_busy',
  'node_busy',
  'paused_by_operator',
  'phase',
  'plan_opening',
  'process_full',
  'queue',
  'queued',
  'redis_restarted',
  'settings',
  'shard_busy',
  'source_changed',
  'source_full',
  'target_backlog',
  'target_full',
  'throttled',
  'wish',
]);

/** Something holds it up that somebody has to look at. */
export function hasProblem(move: MoveAnswer): boolean {
  const { outcome, lost = 0, note, waiting } = move;
  if (outcome !== null) return outcome === 'failed' || lost > 0;
  if (lost > 0) return true;
  if (waiting !== undefined) return waiting !== null && !HARMLESS.has(waiting.reason);
  return note !== null && stepsDone(move) < 4;
}

const SLOTS = 65_536;

/** Of the copy, by slots: they are known from the beginning. */
export function copiedPercent(move: MoveAnswer): number {
  if (stepsDone(move) >= 2) return 100;
  return percentOf(move.lastOffset, SLOTS);
}

/** What a move is doing, in half a line. */
export function progressText(move: MoveAnswer): string {
  const activity = activityOf(move);
  const { documents, docsMigrated } = move;
  switch (activity) {
    case 'copying':
      return documents === null ? 'copying' : `${countText(docsMigrated)} of ${countText(documents)} documents`;
    case 'verifying':
      return move.differences > 0 ? `comparing, ${countText(move.differences)} repaired` : 'comparing both copies';
    case 'switching':
      return 'equal, owners change';
    case 'cleaning':
      return 'switched, the old copy is kept for its grace';
    case 'done':
      return `${countText(docsMigrated)} documents`;
    case 'waiting':
      return move.waiting?.text ?? 'waits for its turn';
    case 'starting':
    case 'cancelled':
    case 'failed':
    case 'reverted':
      return activity;
  }
}

const URGENCY: Readonly<Record<Activity, number>> = {
  failed: 0,
  switching: 1,
  verifying: 2,
  copying: 3,
  starting: 4,
  waiting: 5,
  cleaning: 6,
  reverted: 7,
  cancelled: 8,
  done: 9,
};

export interface MoveFilter {
  /** Of the node that a move comes from or goes to; empty: all. */
  readonly node: string;
  readonly problemsOnly: boolean;
}

/** What runs first, then what waits, then what is over. */
export function movesShown(moves: readonly MoveAnswer[], { node, problemsOnly }: MoveFilter): readonly MoveAnswer[] {
  return moves
    .filter((move) => node === '' || move.source === node || move.target === node)
    .filter((move) => !problemsOnly || hasProblem(move))
    .map((move) => ({ move, rank: hasProblem(move) && move.outcome === null ? 0 : URGENCY[activityOf(move)] }))
    .sort((a, b) => a.rank - b.rank || a.move.index.localeCompare(b.move.index) || a.move.shard - b.move.shard)
    .map(({ move }) => move);
}

export interface MoveCounts {
  readonly running: number;
  readonly waiting: number;
  readonly cleaning: number;
  readonly ended: number;
  readonly problems: number;
}

export function countMoves(moves: readonly MoveAnswer[]): MoveCounts {
  const counts = { running: 0, waiting: 0, cleaning: 0, ended: 0, problems: 0 };
  for (const move of moves) {
    const activity = activityOf(move);
    if (hasProblem(move)) counts.problems += 1;
    if (move.outcome !== null) counts.ended += 1;
    else if (activity === 'waiting') counts.waiting += 1;
    else if (activity === 'cleaning') counts.cleaning += 1;
    else counts.running += 1;
  }
  return counts;
}
