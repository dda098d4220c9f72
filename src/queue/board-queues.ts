/** The queues as the board reads them: opened once each, closed when their index is gone. Nothing here writes. */
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from '../ports.ts';
import { CLAIMS_QUEUE, DUTIES_QUEUE, EVENTS_QUEUE, indexQueue, QUEUE_PREFIX, SLOW_DUTIES_QUEUE } from './names.ts';

export interface BoardQueues {
  /** Those that always exist, then one for each index. */
  open(indexes: readonly string[]): Promise<readonly Queue[]>;
  close(): Promise<void>;
}

/** `connection` is shared and not closed here. */
export function createBoardQueues({ connection, logger }: { connection: Redis; logger: Logger }): BoardQueues {
  const queues = new Map<string, Queue>();
  const queue = (name: string): Queue => {
    const known = queues.get(name);
    if (known !== undefined) return known;
    // A queue object writes its options into Redis when it is made, unless told not to.
    const opened = new Queue(name, { connection, prefix: QUEUE_PREFIX, skipMetasUpdate: true });
    opened.on('error', (error) => logger.debug({ queue: name, problem: error.message }, 'board queue'));
    queues.set(name, opened);
    return opened;
  };
  return {
    async open(indexes) {
      const names = [EVENTS_QUEUE, CLAIMS_QUEUE, DUTIES_QUEUE, SLOW_DUTIES_QUEUE, ...indexes.map(indexQueue)];
      for (const [name, gone] of queues) {
        if (names.includes(name)) continue;
        queues.delete(name);
        await gone.close();
      }
      return names.map(queue);
    },
    async close() {
      await Promise.all([...queues.values()].map((one) => one.close()));
      queues.clear();
    },
  };
}
