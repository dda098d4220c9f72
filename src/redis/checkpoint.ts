/** Progress into job data and record by one script that checks the fence and the job's own lock token. */
import type { Checkpoint, Lease } from '../ports.ts';
import { keys } from './keys.ts';
import type { Scripts } from './scripts.ts';

export interface CheckpointTarget {
  readonly moveId: string;
  readonly planId: string;
  readonly jobKey: string;
  readonly lockKey: string;
  readonly token: string;
  /** The job's whole data, progress included, as JSON. */
  readonly data: string;
}

/** Throws `StaleFenceError` when this process holds the lease or the job no more. */
export async function writeCheckpoint(
  scripts: Scripts,
  lease: Lease,
  target: CheckpointTarget,
  progress: Checkpoint,
): Promise<void> {
  await scripts.run(
    'move-checkpoint',
    [
      keys.lease(lease.scope),
      keys.move(target.moveId),
      target.jobKey,
      target.lockKey,
      keys.plan(target.planId),
      keys.planSamples(target.planId),
      keys.throughput,
    ],
    [
      lease.fence,
      target.token,
      target.data,
      progress.docsMigrated,
      progress.lastOffset,
      ...Object.entries(progress.fields ?? {}).flat(),
    ],
  );
}

/** Shows progress on a job without touching the record. Throws `StaleFenceError` when the caller does not hold the job. */
export async function showProgress(
  scripts: Scripts,
  job: Pick<CheckpointTarget, 'jobKey' | 'lockKey' | 'token' | 'data'>,
): Promise<void> {
  await scripts.run('job-progress', [job.jobKey, job.lockKey], [job.token, job.data]);
}
