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

const NONE: PlanProgress = {
  moves: 0,
  settled: 0,
  cleaned: 0,
  cancelled: 0,
  failed: 0,
  running: 0,
  docsMigrated: 0,
  documents: 0,
  differences: 0,
  windowsVerified: 0,
};

export function progressOf(moves: readonly MoveState[]): PlanProgress {
  const sums: { -readonly [K in keyof PlanProgress]: number } = { ...NONE, moves: moves.length };
  for (const { phase, outcome, docsMigrated, documents, differences, windowsVerified } of moves) {
    if (isSwitched(phase)) sums.settled += 1;
    else if (outcome === undefined && phase !== 'Idle') sums.running += 1;
    if (outcome === 'done') sums.cleaned += 1;
    if (outcome === 'cancelled') sums.cancelled += 1;
    if (outcome === 'failed') sums.failed += 1;
    sums.docsMigrated += docsMigrated;
    sums.documents += documents ?? 0;
    sums.differences += differences;
    sums.windowsVerified += windowsVerified;
  }
  return sums;
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
