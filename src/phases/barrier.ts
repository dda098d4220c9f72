/** The barrier: no live router works by an epoch before this one, with no older request in flight. */
import { MoveWaitingError } from '../errors.ts';
import type { PhaseContext } from './context.ts';

interface BarrierPatience {
  /** Routers acknowledge within their poll of a second; a longer wait gives the place to another move. */
  readonly forMs: number;
  /** Longest pause between two looks; without it as long as the answer asks for. */
  readonly pollMs?: number;
}

const PATIENCE: BarrierPatience = { forMs: 1_500 };

/** Returns the number of live routers once all have acknowledged. Throws `MoveWaitingError` with who is missing. */
export async function passBarrier(
  context: PhaseContext,
  epoch: number,
  { forMs, pollMs = Infinity }: BarrierPatience = PATIENCE,
): Promise<number> {
  const giveUpAtMs = context.clock.monotonic() + forMs;
  for (;;) {
    const answer = await context.records.barrier(context.entry.uid, context.move.shard, epoch);
    if (answer.open) {
      context.loads.of(context.move.target).learnClients(answer.routers);
      return answer.routers;
    }
    if (answer.ms > forMs || context.clock.monotonic() > giveUpAtMs) {
      // Without a time of its own, unless Redis gave one: short waits are not told, and this one may need a person.
      const afterMs = answer.ms > forMs ? answer.ms : undefined;
      throw new MoveWaitingError(`barrier: ${answer.reason}, epoch ${epoch} is not acknowledged by all`, afterMs);
    }
    await context.clock.sleep(Math.min(pollMs, answer.ms), context.permit.signal);
  }
}
