/** Where BullMQ keeps a job: the one place that knows, held by a contract test. */
import type { Job, Queue } from 'bullmq';
import type { Checkpoint } from '../ports.ts';
import type { PhaseJob } from './jobs.ts';
import type { Redis } from 'ioredis';

/** The job's hash (field `data` is its data) and the lock that holds its worker's token. */
export const jobKeys = (job: Job): { job: string; lock: string } => {
  const key = `${job.queueQualifiedName}:${job.id}`;
  return { job: key, lock: `${key}:lock` };
};

/** The score of a delayed job is its due time times this, plus a counter. */
const DELAYED_SCALE = 4_096;

/**
 * When the next delayed job is due (ms), or null. Not from the job itself: its `timestamp` is when it was added and its
 * `delay` counts from when it was put off, so together they are too early by all the time between.
 */
export async function nextDueMs(queue: Queue, connection: Redis): Promise<number | null> {
  const [, score] = await connection.zrange(`${queue.qualifiedName}:delayed`, '0', '0', 'WITHSCORES');
  return score === undefined ? null : Math.floor(Number(score) / DELAYED_SCALE);
}

/** Puts progress into a job's data and says where and as what it is stored. */
export function withProgress(
  job: Job<PhaseJob>,
  { docsMigrated, lastOffset }: Pick<Checkpoint, 'docsMigrated' | 'lastOffset'>,
): { jobKey: string; lockKey: string; data: string } {
  job.data = { ...job.data, docs_migrated: docsMigrated, last_offset: lastOffset };
  const { job: jobKey, lock: lockKey } = jobKeys(job);
  return { jobKey, lockKey, data: JSON.stringify(job.data) };
}
