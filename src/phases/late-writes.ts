/**
 * A write that was sent and got no certain answer may still arrive, behind what is sent after it. So whoever sends a newer
 * state of documents waits first until it has arrived or never will.
 */
import { isMiroirError } from '../errors.ts';
import type { PhaseContext } from './context.ts';

/** Runs a write of the move to its target; notes when its outcome is unknown. */
export async function sendWrite(context: PhaseContext, write: () => Promise<number>): Promise<number> {
  const { move, loads, clock, timings } = context;
  try {
    return await write();
  } catch (error) {
    if (isMiroirError(error) && error.details['ambiguous'] === true)
      loads.of(move.target).learnUnsure(move.id, clock.monotonic() + timings.residueMs);
    throw error;
  }
}

/** Returns when nothing that this move has sent to its target can arrive late. */
export async function untilSure(context: PhaseContext): Promise<void> {
  const { move, loads, clock, permit } = context;
  const restMs = loads.of(move.target).unsureUntilMs(move.id) - clock.monotonic();
  if (restMs > 0) await clock.sleep(restMs, permit.signal);
}
