/** What may not happen while an index has moves (R6): refused with the plan that has to be waited for. */
import { IndexMovingError } from '../../errors.ts';
import type { MoveState, Records } from '../../ports.ts';

/** Throws `IndexMovingError`. Moves that are planned and have not begun count: they would find something else. */
export async function assertNotMoving(
  records: Pick<Records, 'unfinishedMoves'>,
  index: string,
  what: string,
  /** Moves that do not mind. */
  isOver: (move: MoveState) => boolean = () => false,
): Promise<void> {
  const move = (await records.unfinishedMoves()).find((one) => one.index === index && !isOver(one));
  if (move !== undefined) throw indexMoving(index, what, move);
}

/**
 * The settings of the index may change: the move has not begun, and compares them when it does; or its shard is settled on
 * its new owners, and the copy that is left serves nobody.
 */
export const mindsNoSettings = ({ phase, startedAtMs }: MoveState): boolean =>
  startedAtMs === null || phase === 'DualWriteStopped';

export const indexMoving = (index: string, what: string, move: Pick<MoveState, 'id' | 'planId'>): IndexMovingError =>
  new IndexMovingError(`${what} of index ${index} has to wait: its plan ${move.planId} is not done`, {
    remedy: `send it again when plan ${move.planId} is done`,
    details: { index, plan: move.planId, move: move.id },
  });
