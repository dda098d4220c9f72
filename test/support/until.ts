// Waiting for a condition instead of a time.
import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until the condition holds; fails after the deadline with what `describe` says. */
export async function untilTrue(
  condition: () => Promise<boolean> | boolean,
  deadlineMs = 15_000,
  describe: () => Promise<string> | string = () => 'the condition never held',
): Promise<void> {
  const giveUpAt = performance.now() + deadlineMs;
  for (let pauseMs = 5; !(await condition()); pauseMs = Math.min(100, pauseMs * 1.5)) {
    if (performance.now() > giveUpAt) throw new Error(`after ${deadlineMs} ms: ${await describe()}`);
    await sleep(pauseMs);
  }
}
