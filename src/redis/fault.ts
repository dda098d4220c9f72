/** A Redis that cannot be asked is one error everywhere: what meets it waits and tries again, and nothing is refused for it. */
import { isRedisFault } from '../core/redis-fault.ts';
import { RedisUnreachableError, isMiroirError, messageOf } from '../errors.ts';

/** Runs a read; trouble with Redis comes out as `RedisUnreachableError`, anything else as it is. */
export async function reading<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (isMiroirError(error) || !isRedisFault(error)) throw error;
    throw new RedisUnreachableError(`reading ${what}: ${messageOf(error)}`, { cause: error });
  }
}
