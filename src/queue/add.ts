/**
 * The only way jobs get into a queue: every add of the project passes the failpoint here, so the kill matrix covers a
 * new one unasked, and a queue that cannot be reached is the same error everywhere.
 */
import { isRedisFault } from '../core/redis-fault.ts';
import { RedisUnreachableError, messageOf } from '../errors.ts';
import type { Failpoint } from '../ports.ts';

/** The error as ours when the queue's Redis could not be reached; anything else as it is. */
export function queueFault(what: string, error: unknown): unknown {
  if (!isRedisFault(error)) return error;
  return new RedisUnreachableError(`queue ${what}: ${messageOf(error)}`, {
    field: 'redis_url',
    remedy: 'check that Redis runs at MIROIR_REDIS_URL; nothing was lost, but the outcome of this call is not known',
    cause: error,
  });
}

/** Runs one add. `what` names it: the failpoint is `queue:<what>`. */
export async function addJobs<T>(failpoint: Failpoint, what: string, add: () => Promise<T>): Promise<T> {
  await failpoint.hit(`queue:${what}`, 'before');
  let result: T;
  try {
    result = await add();
  } catch (error) {
    throw queueFault(what, error);
  }
  await failpoint.hit(`queue:${what}`, 'after');
  return result;
}

/** Without tests nothing is awaited around an add. */
export const NO_FAILPOINT: Failpoint = { hit: () => Promise.resolve() };
