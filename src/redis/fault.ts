/** A Redis that cannot be asked is one error everywhere: what meets it waits and tries again, and nothing is refused for it. */
import { RedisUnreachableError, isMiroirError, messageOf } from '../errors.ts';

/** What ioredis says when the connection or its time limit, not the command, is at fault; and a server that is not ready. */
const UNREACHABLE =
  /Command timed out|Connection is closed|isn't writeable|max retries|ECONN|ETIMEDOUT|EPIPE|LOADING|READONLY|MASTERDOWN|CLUSTERDOWN/i;

/** Runs a read; trouble with Redis comes out as `RedisUnreachableError`, anything else as it is. */
export async function reading<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (isMiroirError(error) || !UNREACHABLE.test(`${(error as Error).name} ${messageOf(error)}`)) throw error;
    throw new RedisUnreachableError(`reading ${what}: ${messageOf(error)}`, { cause: error });
  }
}
