/** Workers that live, whether they serve an index or wait for one: each names its connection for claims. */
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { LiveWorkers } from '../ports.ts';
import { queueFault } from './add.ts';
import { lookOptions } from './index-run.ts';
import { CLAIMS_QUEUE } from './names.ts';

/** What Redis says where CLIENT LIST may not be asked. */
const DENIED = /NOPERM|unknown command/i;

/** `connection` is shared and not closed here. */
export const createLiveWorkers = (connection: Redis): LiveWorkers => ({
  async names() {
    const queue = new Queue(CLAIMS_QUEUE, lookOptions(connection));
    try {
      const found = (await queue.getWorkers()).map(({ rawname }) => rawname);
      // Where Redis has no such command, BullMQ answers with one that has no name.
      return found.some((name) => name === undefined) ? null : [...new Set(found.map(String))].sort();
    } catch (error) {
      if (error instanceof Error && DENIED.test(error.message)) return null;
      throw queueFault('workers', error);
    } finally {
      await queue.close();
    }
  },
});
