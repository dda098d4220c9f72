// Waiting for a condition instead of a time.
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisUnreachableError } from '../../src/errors.ts';

/** What a busy Redis does not answer in time is asked again: fleets of tests give it a fraction of a second. */
async function holdsNow(condition: () => Promise<boolean> | boolean): Promise<boolean> {
  try {
    return await condition();
  } catch (error) {
    if (error instanceof RedisUnreachableError) return false;
    throw error;
  }
}

/** Polls until the condition holds; fails after the deadline with what `describe` says. */
export async function untilTrue(
  condition: () => Promise<boolean> | boolean,
  deadlineMs = 15_000,
  describe: () => Promise<string> | string = () => 'the condition never held',
): Promise<void> {
  const giveUpAt = performance.now() + deadlineMs;
  for (let pauseMs = 5; !(await holdsNow(condition)); pauseMs = Math.min(100, pauseMs * 1.5)) {
    if (performance.now() > giveUpAt) throw new Error(`after ${deadlineMs} ms: ${await describe()}`);
    await sleep(pauseMs);
  }
}
