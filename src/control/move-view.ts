/** A move as commands and API show it. */
import type { MoveReason, Outcome, Phase } from '../core/move.ts';
import { type Wait, waitOf } from '../core/waits.ts';
import type { MoveState, MoveSurroundings } from '../ports.ts';
import { toldHolds } from './held-moves.ts';
import type { ControlParts } from './parts.ts';

export interface MoveViewParts extends Pick<ControlParts, 'records' | 'planHolds'> {
  readonly surroundings: MoveSurroundings;
}

export interface MoveView {
  readonly id: string;
  readonly plan: string;
  readonly index: string;
  readonly shard: number;
  readonly source: string;
  readonly target: string;
  readonly reason: MoveReason;
  readonly phase: Phase;
  /** The target had a copy that is brought level: `docsMigrated` counts what was sent for that. */
  readonly level: boolean;
  readonly outcome: Outcome | null;
  readonly docsMigrated: number;
  /** On the source when the copy began; null before. */
  readonly documents: number | null;
  /** Next slot to copy, of 65,536. */
  readonly lastOffset: number;
  readonly differences: number;
  /** Documents whose last write an operator has given up (`move accept-loss`), and some of their ids. */
  readonly lost: number;
  readonly lostIds: readonly string[];
  /** Why it waits, or what it failed with. */
  readonly note: string | null;
  /** Why it does not get on, since when, and what unblocks it; null while it gets on, and once it has ended. */
  readonly waiting: Wait | null;
}

export async function viewMoves(parts: MoveViewParts, moves: readonly MoveState[]): Promise<MoveView[]> {
  const told = await toldHolds(parts, moves);
  const { nowMs, around } = await parts.surroundings.of(told);
  return told.map((move) => viewMove(move, waitOf(move, around.get(move.id), nowMs)));
}

function viewMove(move: MoveState, waiting: Wait | null): MoveView {
  const { id, planId, index, shard, source, target, reason, phase, outcome, docsMigrated, documents, level } = move;
  return {
    id,
    plan: planId,
    index,
    shard,
    source,
    target,
    reason,
    phase,
    level,
    outcome: outcome ?? null,
    docsMigrated,
    documents,
    lastOffset: move.lastOffset,
    differences: move.differences,
    lost: move.lost,
    lostIds: move.lostIds,
    note: move.error ?? waiting?.text ?? (move.cancelWished ? 'is being cancelled' : null),
    waiting,
  };
}
