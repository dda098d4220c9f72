/** What stands around moves that have noted no reason to wait. */
import type { Surroundings } from '../core/waits.ts';
import type { MoveState } from './records.ts';

/** Ids of the moves that have a place at a node. */
export interface PlacesTaken {
  readonly out: readonly string[];
  readonly into: readonly string[];
}

export interface MoveSurroundings {
  /** Places of each node, in and out each. */
  readonly places: number;
  placesOf(nodes: readonly string[]): Promise<ReadonlyMap<string, PlacesTaken>>;
  /** Redis time (ms), and by id what stands around those of the moves that are still and say nothing. */
  of(
    moves: readonly MoveState[],
  ): Promise<{ readonly nowMs: number; readonly around: ReadonlyMap<string, Surroundings> }>;
}
