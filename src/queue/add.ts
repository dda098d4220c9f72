/**
 * The only way jobs get into a queue: every add of the project passes the failpoint here, so the kill matrix covers a
 * new one unasked, and a queue that cannot be reached is the same error everywhere.
 */
import { RedisUnreachableError, messageOf } from '../errors.ts';
import type { Failpoint } from '../ports.ts';

/** What ioredis and BullMQ say when the connection, not the command, is at fault. */
const CONNECTION_FAULT =
  /Connection is closed|Connection is in closing|isn't writeable|max retries|Command timed out|ECONN|ETIMEDOUT|EPIPE|LOADING|READONLY|MASTERDOWN|CLUSTERDOWN/i;

/** The error as ours when the queue's Redis could not be reached; anything else as it is. */
export function queueFault(what: string, error: unknown): unknown {
  const name = error instanceof Error ? error.name : '';
  if (name !== 'MaxRetriesPerRequestError' && !CONNECTION_FAULT.test(messageOf(error))) return error;
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
