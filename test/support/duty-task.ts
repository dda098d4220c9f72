// A task of a duty, run by hand as a reconciler runs it: under the lease of the task.
import type { Duty, DutyResult, DutyRun, Leases } from '../../src/ports.ts';
import { dutyScope } from '../../src/redis/keys.ts';
import { type Base, openLeases } from '../../src/service.ts';

/** Throws when somebody else runs it. */
export async function underLease<T>(
  base: Base,
  scope: string,
  work: (run: DutyRun, leases: Leases) => Promise<T>,
): Promise<T> {
  const { watch, leases } = openLeases(base);
  try {
    const answer = await leases.acquire(scope);
    if (!('lease' in answer)) throw new Error(`the lease ${scope} is busy`);
    const { lease } = answer;
    try {
      await lease.ready;
      return await work({ lease, signal: lease.signal }, leases);
    } finally {
      await lease.release(true);
    }
  } finally {
    watch.stop();
  }
}

export const runTask = (base: Base, duty: Duty, task: string): Promise<DutyResult> =>
  underLease(base, dutyScope(duty.name, task), (run) => duty.run(task, run));
