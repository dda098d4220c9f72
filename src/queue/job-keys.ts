/** Where BullMQ keeps a job: the one place that knows, held by a contract test. */
import type { Job } from 'bullmq';

/** The job's hash (field `data` is its data) and the lock that holds its worker's token. */
export const jobKeys = (job: Job): { job: string; lock: string } => {
  const key = `${job.queueQualifiedName}:${job.id}`;
  return { job: key, lock: `${key}:lock` };
};
