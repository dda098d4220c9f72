/** What stands around moves that have noted no reason to wait. */
import type { Surroundings } from '../core/reasons.ts';
import type { MoveState } from './records.ts';

export interface MoveSurroundings {
  /** Redis time (ms), and by id what stands around those of the moves that are still and say nothing. */
  of(
    moves: readonly MoveState[],
  ): Promise<{ readonly nowMs: number; readonly around: ReadonlyMap<string, Surroundings> }>;
}
