/** How far a plan is, and following one to its end. */
import { isSwitched } from '../core/move.ts';
import { PlanUnknownError, TimeoutError } from '../errors.ts';
import type { MoveState } from '../ports.ts';
import type { ControlParts } from './parts.ts';

export interface PlanProgress {
  readonly moves: number;
  /** On their new owners, whether or not the old copy is gone. */
  readonly settled: number;
  /** Of these: the old copy is gone as well. */
  readonly cleaned: number;
  readonly cancelled: number;
  readonly failed: number;
  /** Begun and not settled. */
  readonly running: number;
  readonly docsMigrated: number;
  /** Of the moves that have begun. */
  readonly documents: number;
  readonly differences: number;
  /** Windows found equal on both nodes. */
  readonly windowsVerified: number;
}

export function progressOf(moves: readonly MoveState[]): PlanProgress {
  const count = (which: (move: MoveState) => boolean): number => moves.filter(which).length;
  const sum = (of: (move: MoveState) => number): number => moves.reduce((total, move) => total + of(move), 0);
  return {
    moves: moves.length,
    settled: count((move) => isSwitched(move.phase)),
    cleaned: count((move) => move.outcome === 'done'),
    cancelled: count((move) => move.outcome === 'cancelled'),
    failed: count((move) => move.outcome === 'failed'),
    running: count((move) => move.outcome === undefined && move.phase !== 'Idle' && !isSwitched(move.phase)),
    docsMigrated: sum((move) => move.docsMigrated),
    documents: sum((move) => move.documents ?? 0),
    differences: sum((move) => move.differences),
    windowsVerified: sum((move) => move.windowsVerified),
  };
}

export interface FollowOptions {
  /** `settled`: every shard is served by its new owners. `cleaned`: the old copies are gone, too. */
  readonly until?: 'settled' | 'cleaned';
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PlanProgress, moves: readonly MoveState[]) => void;
}

const LOOK_MS = 250;

/** Resolves when no move of the plan is left to wait for. Throws `TimeoutError`; the work goes on then. */
export async function followPlan(
  { records, clock }: ControlParts,
  planId: string,
  options: FollowOptions = {},
): Promise<PlanProgress> {
  const { until = 'settled', timeoutMs, signal, onProgress } = options;
  const startedMs = clock.monotonic();
  if ((await records.plan(planId)) === null) {
    throw new PlanUnknownError(`there is no plan ${planId}`, { field: 'plan', remedy: 'see `miroir plan list`' });
  }
  for (;;) {
    signal?.throwIfAborted();
    const moves = await records.moves(await records.planMoveIds(planId));
    const plan = await records.plan(planId);
    const progress = progressOf(moves);
    onProgress?.(progress, moves);
    const isOver = (move: MoveState): boolean =>
      move.outcome !== undefined || (until === 'settled' && isSwitched(move.phase));
    if (plan?.state !== 'opening' && moves.every(isOver)) return progress;
    if (timeoutMs !== undefined && clock.monotonic() - startedMs >= timeoutMs) {
      throw new TimeoutError(
        `plan ${planId} has ${progress.settled} of ${progress.moves} moves settled after ${timeoutMs} ms`,
        {
          remedy: 'it goes on by itself: `miroir status -w` shows it',
          details: { plan: planId, settled: progress.settled, moves: progress.moves },
        },
      );
    }
    await clock.sleep(LOOK_MS, signal);
  }
}
