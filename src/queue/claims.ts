/**
 * Claims: one job per index with work. Whoever takes a claim takes the index's lease and serves the index until its
 * queue is empty; the claim stays active meanwhile, so BullMQ moves it when the process dies. A busy lease puts the
 * claim off; the jobs of the index themselves never bounce.
 */
import { DelayedError, type Job, Queue, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Timings } from '../core/timing.ts';
import { assertReadable } from '../core/version.ts';
import { LeaseLostError, RecordTooNewError, messageOf } from '../errors.ts';
import type { Clock, Failpoint, Lease, Leases, Logger } from '../ports.ts';
import { addJobs } from './add.ts';
import { IndexRun, STALLS_MAX, lookOptions, queueOptions, waitingJobs } from './index-run.ts';
import { type ClaimJob, type PhaseJob, claimJob } from './jobs.ts';
import { CLAIMS_QUEUE, QUEUE_PREFIX, dueClaimId, indexQueue, isDueClaim } from './names.ts';
import type { PhaseRunner } from './phase-runner.ts';
import type { MoveSlots } from './slots.ts';

/** How long phases may take to hand over when the process drains; a supervisor's patience is 10 s. */
const DRAIN_MS = 3_000;
/** After a lost lease: what does not settle by then may act on old state, so the process ends. */
const SETTLE_MS = 2_000;
const RETRY_MS = 1_000;
/**
 * An index whose next move finds no place is woken when one is free; this is for when whoever should have died first.
 * Every look costs Redis some twenty commands, and hundreds of indexes may wait for one node.
 */
const FULL_WAIT_MS = 60_000;
/** Claims looked through for one to wake. */
const WAKE_LOOK = 50;
/** Claims due within the same quarter of a second are one claim. */
const DUE_STEP_MS = 250;

export interface ClaimsOptions {
  readonly connection: Redis;
  readonly leases: Leases;
  readonly scopeOf: (index: string) => string;
  readonly runnerFor: (
    index: string,
    lease: Lease,
    hooks: {
      readonly stopping: () => AbortSignal;
      readonly onProgress: () => void;
      readonly onFull: () => void;
      readonly onFree: () => void;
    },
  ) => PhaseRunner;
  /** Places that both nodes of a move have for moves like it. */
  readonly freePlaces: (moveId: string) => Promise<number>;
  /** Moves of the index that have places at their nodes. */
  readonly begunMoves: (index: string) => Promise<number>;
  readonly slots: MoveSlots;
  readonly maxConcurrentMigrations: number;
  readonly indexesPerProcess: number;
  readonly timings: Timings;
  readonly clock: Clock;
  readonly failpoint: Failpoint;
  readonly holder: string;
  readonly logger: Logger;
  /** Called when requests do not settle after a lost lease. */
  readonly onUnsettled: (index: string) => void;
}

export interface Claims {
  /** Serves until the signal; then hands everything over and resolves. */
  close(): Promise<void>;
  claimAt(index: string, dueMs: number): Promise<void>;
  /** Indexes that this process serves now. */
  readonly serving: ReadonlySet<string>;
}

export function startClaims(options: ClaimsOptions): Claims {
  const { connection, leases, scopeOf, slots, timings, clock, holder, logger } = options;
  const runs = new Map<string, IndexRun>();
  const serving = new Set<string>();
  const draining = new AbortController();
  const queue = new Queue<ClaimJob>(CLAIMS_QUEUE, queueOptions(connection));
  queue.on('error', (error) => logger.debug({ problem: messageOf(error) }, 'claims queue'));

  /** The process's places are shared evenly by the indexes that it serves; each keeps one at least. */
  const share = (): void => {
    const each = Math.max(1, Math.floor(options.maxConcurrentMigrations / Math.max(1, runs.size)));
    for (const run of runs.values()) run.places = each;
  };

  const putOff = async (job: Job<ClaimJob>, token: string, ms: number): Promise<never> => {
    await job.moveToDelayed(clock.now() + Math.max(20, Math.ceil(ms)), token);
    throw new DelayedError();
  };

  /** Spread out, so that indexes that wait for the same node do not all look at once. */
  const putOffFull = (job: Job<ClaimJob>, token: string): Promise<never> =>
    putOff(job, token, FULL_WAIT_MS * (0.8 + 0.4 * clock.random()));

  /**
   * How many moves of the index a process may have at work now; `nothing` when it wants none. 0: all that it wants is to
   * begin a move, and a node of the next one has no place. One look, since every index that waits for a place is looked
   * at again and again.
   */
  const look = async (index: string): Promise<'nothing' | number> => {
    const jobs = new Queue<PhaseJob>(indexQueue(index), lookOptions(connection));
    try {
      const waiting = await waitingJobs(jobs, connection, clock.now());
      if (waiting === 'none') return 'nothing';
      // What is due may hold the very places that the next move waits for, or end a grace: it always goes on.
      if (waiting === 'due') return Number.POSITIVE_INFINITY;
      const [next] = await jobs.getPrioritized(0, 0);
      return next === undefined ? Number.POSITIVE_INFINITY : await options.freePlaces(next.data.move);
    } finally {
      await jobs.close();
    }
  };

  /** Makes claims that were put off due now, the longest waiting first, of indexes that find their places. */
  const wake = async (count: number): Promise<void> => {
    const ids = await queue.getRanges(['delayed'], 0, WAKE_LOOK - 1, true);
    let left = count;
    for (const id of ids) {
      if (left === 0) return;
      // Those due at a time of their own are left alone.
      if (isDueClaim(id)) continue;
      const job = await queue.getJob(id);
      const wanted = job === undefined ? 'nothing' : await look(job.data.index);
      if (job === undefined || wanted === 'nothing' || wanted === 0) continue;
      left -= 1;
      await addJobs(options.failpoint, 'wake', () => job.promote()).catch((error: unknown) =>
        logger.debug({ problem: messageOf(error) }, 'claim woke by itself'),
      );
    }
  };
  const wakeQuietly = (count: number): void => {
    wake(count).catch((error: unknown) => logger.debug({ problem: messageOf(error) }, 'nobody woken'));
  };

  const serve = async (
    index: string,
    lease: Lease,
    most: number,
    signal: AbortSignal,
  ): Promise<'idle' | 'full' | 'over'> => {
    const log = logger.child({ index, fence: lease.fence });
    let run: IndexRun | undefined;
    const runner = options.runnerFor(index, lease, {
      stopping: () => (run === undefined ? lease.signal : AbortSignal.any([lease.signal, run.stopping])),
      onProgress: () => run?.copies(),
      onFull: () => run?.full(),
      onFree: () => {
        // A place that this index has a use for stays with it: going from index to index costs a lease each time.
        run?.hasWaiting().then(
          (waiting) => (waiting ? undefined : wakeQuietly(1)),
          (error: unknown) => logger.debug({ problem: messageOf(error) }, 'nobody woken'),
        );
      },
    });
    run = new IndexRun({ ...options, index, lease, runner, logger: log });
    runs.set(index, run);
    serving.add(index);
    run.atMost(most);
    share();
    try {
      return await run.untilIdle(signal);
    } finally {
      const lost = lease.signal.aborted;
      const settled = await run.close(
        new LeaseLostError(lost ? 'lease lost' : 'the process drains'),
        lost ? SETTLE_MS : DRAIN_MS,
      );
      runs.delete(index);
      serving.delete(index);
      slots.leaveIndex(index);
      share();
      if (lost && !settled) options.onUnsettled(index);
      if (!lost) await lease.release(settled && runner.isSure);
    }
  };

  const worker = new Worker<ClaimJob>(
    CLAIMS_QUEUE,
    // Three declared parameters: BullMQ gives the signal only to those who ask for it.
    async (job, lockToken, cancelled) => {
      const token = lockToken ?? '';
      const signal = AbortSignal.any([draining.signal, ...(cancelled === undefined ? [] : [cancelled])]);
      const { index } = job.data;
      try {
        assertReadable(job.data.v, `claim ${job.id}`);
        const wanted = await look(index);
        if (wanted === 'nothing') return;
        if (wanted === 0) return await putOffFull(job, token);
        const answer = await leases.acquire(scopeOf(index));
        if ('busy' in answer) return await putOff(job, token, Math.min(answer.busy.remainingMs + 10, timings.watchMs));
        const ended = await serve(index, answer.lease, wanted, signal);
        if (ended === 'full') return await putOffFull(job, token);
        if (ended === 'idle') await wake(1);
      } catch (error) {
        if (error instanceof DelayedError || error instanceof WaitingError) throw error;
        logger.warn({ index, problem: messageOf(error) }, 'claim put off');
        return putOff(job, token, error instanceof RecordTooNewError ? timings.takeoverMs : RETRY_MS);
      }
      if (draining.signal.aborted) {
        await job.moveToWait(token);
        throw new WaitingError();
      }
      // Work may have come between the last look and the release; whoever added it asked for a claim of its own, and
      // that claim runs after this one. A lost lease leaves work without one.
      if ((await look(index)) !== 'nothing') return putOff(job, token, timings.watchMs);
    },
    {
      connection,
      prefix: QUEUE_PREFIX,
      name: holder,
      concurrency: Math.min(options.indexesPerProcess, options.maxConcurrentMigrations),
      lockDuration: timings.jobLockMs,
      stalledInterval: timings.stalledMs,
      // A frozen process still stands in line for Redis' word that a job is there, and keeps it to itself: look anyway.
      drainDelay: timings.stalledMs / 1_000,
      maxStalledCount: STALLS_MAX,
    },
  );
  worker.on('error', (error) => logger.warn({ problem: messageOf(error) }, 'claims worker'));
  worker.on('lockRenewalFailed', (ids: string[]) => ids.forEach((id) => worker.cancelJob(id, 'lock lost')));

  return {
    serving,
    async claimAt(index, dueMs) {
      const due = Math.ceil(dueMs / DUE_STEP_MS) * DUE_STEP_MS;
      await addJobs(options.failpoint, 'claim', () =>
        queue.add(`claim ${index}`, claimJob(index), {
          jobId: dueClaimId(index, due),
          delay: Math.max(0, due - clock.now()),
          removeOnComplete: true,
          removeOnFail: true,
        }),
      );
    },
    async close() {
      draining.abort(new LeaseLostError('the process drains'));
      await worker.close();
      await queue.close();
    },
  };
}
