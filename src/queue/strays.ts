/** Jobs that no move stands behind: of moves that ended or were trimmed, left by a process that died between two writes. */
import { type Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Records, StrayJobs } from '../ports.ts';
import { queueFault } from './add.ts';
import { lookOptions } from './index-run.ts';
import type { PhaseJob } from './jobs.ts';
import { indexQueue } from './names.ts';

/** States in which a job stands for work that is still to come. */
const OPEN = ['wait', 'delayed', 'prioritized', 'waiting-children', 'failed'] as const;
/** Jobs looked at: what is more is found the next time. */
const LOOKED_AT = 2_000;

/** `connection` is shared and not closed here. */
export function createStrayJobs(connection: Redis, records: Pick<Records, 'move'>): StrayJobs {
  const isOpen = async (id: string): Promise<boolean> => {
    const move = await records.move(id);
    return move !== null && move.outcome === undefined;
  };
  const within = async <T>(index: string, use: (queue: Queue<PhaseJob>) => Promise<T>): Promise<T> => {
    const queue = new Queue<PhaseJob>(indexQueue(index), lookOptions(connection));
    try {
      return await use(queue);
    } catch (error) {
      throw queueFault('strays', error);
    } finally {
      await queue.close();
    }
  };
  const strays = async (queue: Queue<PhaseJob>): Promise<Job[]> => {
    const jobs = await queue.getJobs([...OPEN], 0, LOOKED_AT - 1);
    const known = new Map<string, boolean>();
    const found: Job[] = [];
    for (const job of jobs) {
      const move = job.data.move;
      const open = known.get(move) ?? (await isOpen(move));
      known.set(move, open);
      if (!open) found.push(job);
    }
    return found;
  };
  return {
    count: (index) => within(index, async (queue) => (await strays(queue)).length),
    remove: (index) =>
      within(index, async (queue) => {
        let removed = 0;
        for (const job of await strays(queue)) {
          // One that a worker holds by now ends by itself: its phase finds the record ended.
          if (await queue.remove(job.id ?? '', { removeChildren: false })) removed += 1;
        }
        return removed;
      }),
  };
}
