/** Which errors are trouble of Redis and pass by themselves, rather than a mistake in what it was asked. */

/** Replies of a server that does not take a command now: not ready, not the master, short of memory, disk or replicas, busy. */
const NOT_NOW =
  /(?:^|\s)-?(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|MOVED|ASK|TRYAGAIN|OOM|MISCONF|BUSY|NOREPLICAS)(?:\s|$)/;

/** What ioredis and BullMQ say when the connection or its time limit, not the command, is at fault. */
const CONNECTION =
  /Command timed out|Connection is closed|Connection is in closing|isn't writeable|max retries|ECONN|ETIMEDOUT|EPIPE/i;

/** Whether a reply of Redis only says that it cannot do it now. */
export const isNotNow = (message: string): boolean => NOT_NOW.test(message);

/** Whether an error says that Redis cannot be asked now, or that nobody knows what became of the command. */
export function isRedisFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'MaxRetriesPerRequestError' || CONNECTION.test(error.message) || isNotNow(error.message);
}
