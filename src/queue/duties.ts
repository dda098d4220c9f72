/**
 * The reconcilers' duties as BullMQ job schedulers: a scheduler starts a duty's round, the round adds a job for each
 * task, and any reconciler takes it under the lease of that task. A job is a nudge: lost, late or twice, the next round
 * brings it again.
 */
import { type Job, Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Timings } from '../core/timing.ts';
import { RECORD_VERSION } from '../core/version.ts';
import { InvariantError, LeaseLostError, messageOf } from '../errors.ts';
import type { Clock, Duty, DutyResult, Failpoint, Leases, Logger, Observer, Records } from '../ports.ts';
import { addJobs } from './add.ts';
import { STALLS_MAX, queueOptions } from './index-run.ts';
import { DUTIES_QUEUE, QUEUE_PREFIX, SLOW_DUTIES_QUEUE } from './names.ts';

export interface DutiesOptions {
  /** Waits for Redis as long as it takes (BullMQ's workers must); shared, not closed here. */
  readonly connection: Redis;
  readonly duties: readonly Duty[];
  readonly leases: Leases;
  readonly records: Pick<Records, 'runAccepted'>;
  readonly scopeOf: (duty: string, task: string) => string;
  /** Tasks that this process runs at a time, and as many of slow duties. */
  readonly concurrency: number;
  readonly timings: Timings;
  readonly clock: Clock;
  readonly failpoint: Failpoint;
  readonly holder: string;
  readonly logger: Logger;
  readonly observer: Observer;
}

export interface Duties {
  /** Lets tasks hand over; what has not ended then is left to the lease's successor. */
  close(): Promise<void>;
}

interface DutyJob {
  readonly v: number;
  readonly duty: string;
  /** Absent: the round itself. */
  readonly task?: string;
}

/** Ended tasks that stay for people to look at; rounds do not: one every two seconds would push everything else out. */
const KEEP_ENDED = { count: 200 };
/** Schedulers that somebody deleted with the queue, or that an older configuration has left, are put right this often. */
const SCHEDULES_MS = 30_000;
/** States of a job that nothing comes of any more. */
const GONE = new Set(['unknown', 'completed', 'failed']);
/** How long tasks may take to end when the process drains. */
const DRAIN_MS = 3_000;

class QueueDuties implements Duties {
  readonly #options: DutiesOptions;
  readonly #elsewhere: readonly Duty[];
  readonly #queue: Queue<DutyJob>;
  readonly #worker: Worker<DutyJob, DutyResult>;
  readonly #closing = new AbortController();
  readonly #schedules: Promise<void>;

  /** `elsewhere`: duties of the other queue, which an older version may have scheduled here. */
  constructor(queue: string, options: DutiesOptions, elsewhere: readonly Duty[]) {
    this.#options = options;
    this.#elsewhere = elsewhere;
    const { connection, timings, concurrency, holder, logger } = options;
    this.#queue = new Queue(queue, queueOptions(connection));
    this.#queue.on('error', (error) => logger.debug({ problem: messageOf(error) }, 'duties queue'));
    this.#worker = new Worker(
      queue,
      // Three declared parameters: BullMQ gives the signal only to those who ask for it.
      async (job, _token, cancelled) => this.#process(job, cancelled),
      {
        connection,
        prefix: QUEUE_PREFIX,
        name: holder,
        concurrency,
        lockDuration: timings.jobLockMs,
        stalledInterval: timings.stalledMs,
        drainDelay: timings.stalledMs / 1_000,
        maxStalledCount: STALLS_MAX,
        removeOnComplete: KEEP_ENDED,
        removeOnFail: KEEP_ENDED,
      },
    );
    this.#worker.on('error', (error) => logger.debug({ problem: messageOf(error) }, 'duties worker'));
    this.#worker.on('lockRenewalFailed', (ids: string[]) =>
      ids.forEach((id) => this.#worker.cancelJob(id, 'lock lost')),
    );
    this.#schedules = this.#keepSchedules();
  }

  async close(): Promise<void> {
    const { clock, logger } = this.#options;
    this.#closing.abort(new LeaseLostError('the process drains'));
    await this.#schedules;
    const late = new AbortController();
    const ended = this.#worker.close();
    ended.catch((error: unknown) => logger.debug({ problem: messageOf(error) }, 'duties worker not closed'));
    await Promise.race([ended, clock.sleep(DRAIN_MS, late.signal).catch(() => undefined)]); // called off below
    late.abort();
    await this.#queue.close();
  }

  async #keepSchedules(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#schedule();
      } catch (error) {
        if (!signal.aborted) logger.warn({ problem: messageOf(error) }, 'duties not scheduled, trying again');
      }
      await clock.sleep(SCHEDULES_MS, signal).catch(() => undefined); // closing ends the loop above
    }
  }

  /** Leaves a schedule alone that is as it should be: setting it again would begin its interval anew at every start. */
  async #schedule(): Promise<void> {
    const { duties, failpoint } = this.#options;
    for (const { name, everyMs, isOn } of duties) {
      const known = await this.#queue.getJobScheduler(name);
      const isKept = known?.every === everyMs && (await this.#isToCome(name, known.next));
      if (isOn && !isKept) {
        const data: DutyJob = { v: RECORD_VERSION, duty: name };
        await addJobs(failpoint, 'duty', () =>
          this.#queue.upsertJobScheduler(
            name,
            { every: everyMs },
            { name: `${name} round`, data, opts: { removeOnComplete: true } },
          ),
        );
      }
      if (!isOn && known !== undefined) await this.#queue.removeJobScheduler(name);
    }
    for (const { name } of this.#elsewhere) {
      if ((await this.#queue.getJobScheduler(name)) !== undefined) await this.#queue.removeJobScheduler(name);
    }
  }

  /** A round begins the next one; whose job somebody has taken out of the queue would never come again. */
  async #isToCome(name: string, nextMs: number | undefined): Promise<boolean> {
    const state = await this.#queue.getJobState(`repeat:${name}:${nextMs}`);
    return !GONE.has(state);
  }

  async #process(job: Job<DutyJob>, cancelled: AbortSignal | undefined): Promise<DutyResult> {
    const { duties, clock, observer, logger } = this.#options;
    const signal = AbortSignal.any([this.#closing.signal, ...(cancelled === undefined ? [] : [cancelled])]);
    const startedMs = clock.monotonic();
    const { duty: name, task = 'round' } = job.data;
    const duty = duties.find((one) => one.name === name);
    try {
      if (duty === undefined) throw new InvariantError(`job ${job.id} is of duty ${name}, which is not known here`);
      if (!duty.isOn) return { skipped: 'off' };
      return await (job.data.task === undefined ? this.#round(duty, signal) : this.#task(duty, task, signal));
    } catch (error) {
      if (!signal.aborted) {
        // Anybody may put a job of any name here.
        observer.duty(duty?.name ?? 'unknown', 'failed', (clock.monotonic() - startedMs) / 1_000);
        logger.warn({ duty: name, task, problem: messageOf(error) }, 'a task failed; the next round tries again');
      }
      throw error;
    }
  }

  async #round(duty: Duty, signal: AbortSignal): Promise<DutyResult> {
    const tasks = await duty.tasks(signal);
    const jobs = tasks.map((task) => ({
      name: `${duty.name} ${task}`,
      data: { v: RECORD_VERSION, duty: duty.name, task },
      // One that still waits or runs is not added again.
      opts: { deduplication: { id: `${duty.name} ${task}` }, ...(duty.isPatient === true ? { priority: 1 } : {}) },
    }));
    if (jobs.length > 0) await addJobs(this.#options.failpoint, 'duty', () => this.#queue.addBulk(jobs));
    return { tasks: tasks.length };
  }

  async #task(duty: Duty, task: string, signal: AbortSignal): Promise<DutyResult> {
    const { leases, records, scopeOf, clock, observer, logger } = this.#options;
    // As movers do: what Redis shows may be older than what was done. A task that is under way ends with its lease.
    if (!(await records.runAccepted())) return { skipped: 'redis_restarted' };
    const answer = await leases.acquire(scopeOf(duty.name, task));
    // Somebody runs it, or died with it: the next round looks again.
    if ('busy' in answer) return { skipped: 'busy', holder: answer.busy.holder };
    const { lease } = answer;
    const startedMs = clock.monotonic();
    let isClean = false;
    try {
      await lease.ready;
      const over = AbortSignal.any([signal, lease.signal]);
      over.throwIfAborted();
      const result = await duty.run(task, { lease, signal: over });
      isClean = true;
      observer.duty(duty.name, 'done', (clock.monotonic() - startedMs) / 1_000);
      logger.debug({ duty: duty.name, task, ...result }, 'task done');
      return result;
    } finally {
      if (!lease.signal.aborted) await lease.release(isClean);
    }
  }
}

export function startDuties({ duties, ...options }: DutiesOptions): Duties {
  const [quick = [], slow = []] = [false, true].map((is) => duties.filter(({ isSlow = false }) => isSlow === is));
  const lanes = [
    new QueueDuties(DUTIES_QUEUE, { ...options, duties: quick }, slow),
    new QueueDuties(SLOW_DUTIES_QUEUE, { ...options, duties: slow }, quick),
  ];
  return {
    async close() {
      await Promise.all(lanes.map((lane) => lane.close()));
    },
  };
}
