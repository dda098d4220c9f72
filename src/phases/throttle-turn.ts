/** The operator's throttle: every window of a copy has its turn, until the throttle is changed or lifted. */
import type { PhaseContext } from './context.ts';
import { assertNotHeld } from './held.ts';

/** A throttle that is changed, and a pause, are noticed after this. */
const LOOK_MS = 1_000;

export async function awaitTurn(context: PhaseContext, documents: number, signal: AbortSignal): Promise<void> {
  const { move, planHolds, throttles, loads, clock } = context;
  for (;;) {
    const { throttle, sinceMs, waitMs } = await throttles.take(move.target, documents);
    loads.limit(throttle);
    const turnAtMs = clock.monotonic() + waitMs;
    for (let isSame = true; isSame; isSame = (await throttles.read()).sinceMs === sinceMs) {
      const restMs = turnAtMs - clock.monotonic();
      if (restMs <= 0) return;
      await clock.sleep(Math.min(restMs, LOOK_MS), signal);
      await assertNotHeld(planHolds, move);
    }
  }
}
