/**
 * Which moves may have jobs now. A shard has one move at a time: the next one gets its jobs when the one before it has
 * ended or is in its grace, and then asks that the grace ends at once, since a shard never has two old copies.
 */
import { isSwitched } from '../core/move.ts';
import type { MoveState } from '../ports.ts';

export interface Dispatch {
  /** Their chain of jobs should exist. */
  readonly due: readonly MoveState[];
  /** Moves in grace that hold up another of their shard. */
  readonly hurry: readonly MoveState[];
  /** Wait for another move of their shard. */
  readonly behind: readonly MoveState[];
}

/** Moves that run come before those that do not; among these the older plan, then the lower step. */
function inOrder(a: MoveState, b: MoveState): number {
  const began = Number(b.phase !== 'Idle') - Number(a.phase !== 'Idle');
  return began || a.createdAtMs - b.createdAtMs || a.step - b.step || (a.id < b.id ? -1 : 1);
}

/** Splits unfinished moves. Those of plans that are still being written must not be among them. */
export function dispatch(unfinished: readonly MoveState[]): Dispatch {
  const shards = new Map<string, MoveState[]>();
  for (const move of unfinished) {
    if (move.outcome !== undefined) continue;
    const shard = `${move.index}/${move.shard}`;
    const known = shards.get(shard);
    if (known === undefined) shards.set(shard, [move]);
    else known.push(move);
  }
  const due: MoveState[] = [];
  const hurry: MoveState[] = [];
  const behind: MoveState[] = [];
  for (const moves of shards.values()) {
    let isFree = true;
    for (const move of moves.sort(inOrder)) {
      // A move that is to be cancelled and has not begun touches nothing: its job only writes the outcome.
      const isVoid = move.phase === 'Idle' && move.cancelWished;
      if (isFree || isVoid || move.phase !== 'Idle') due.push(move);
      else behind.push(move);
      if (!isVoid && !isSwitched(move.phase)) isFree = false;
    }
    const waits = moves.some((move) => move.phase === 'Idle' && !move.cancelWished);
    if (waits)
      hurry.push(...moves.filter((move) => isSwitched(move.phase) && move.wish !== 'now' && move.wish !== 'revert'));
  }
  return { due, hurry, behind };
}

/** Whether a move needs a worker now: in its grace it needs none until that is over. */
export function needsWorker(move: MoveState, graceMs: number, nowMs: number): boolean {
  if (!isSwitched(move.phase) || move.wish === 'now' || move.wish === 'revert') return true;
  return nowMs >= (move.phaseAtMs ?? 0) + graceMs;
}
