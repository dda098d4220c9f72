/**
 * Serving one index while its lease is held: a BullMQ worker on the index's queue, until nothing is left that is due
 * soon, the lease is lost, or the process drains.
 */
import { type Job, Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Timings } from '../core/timing.ts';
import { messageOf } from '../errors.ts';
import type { Clock, Lease, Logger } from '../ports.ts';
import { nextDueMs } from './job-keys.ts';
import type { PhaseJob } from './jobs.ts';
import { QUEUE_PREFIX, indexQueue } from './names.ts';
import { type PhaseRunner, SHORT_WAIT_MS } from './phase-runner.ts';

/** A run that takes up moves in these has copied already. */
const PAST_COPY = new Set<string>(['MigrationComplete', 'DualWriteStopped', 'OldReplicaDeleted']);
/** A claim or a phase must never fail for having met many crashes. */
export const STALLS_MAX = 1_000_000;
const IDLE_LOOK_MS = 50;
const TURN_MS = 1_000;
/** Longer than a job without a claim of its own is put off. */
const LINGER_MS = 2 * SHORT_WAIT_MS;
/** A place that another index gave back is found after this long at most; each try costs Redis some forty commands. */
const CAP_MS = 2_000;

export interface IndexRunOptions {
  readonly index: string;
  readonly connection: Redis;
  readonly lease: Lease;
  readonly runner: PhaseRunner;
  /** Moves of the index that have places at their nodes, whoever began them. */
  readonly begunMoves: (index: string) => Promise<number>;
  readonly timings: Timings;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Name of this process, shown as `processedBy`. */
  readonly holder: string;
}

export const queueOptions = (connection: Redis) => ({
  connection,
  prefix: QUEUE_PREFIX,
  streams: { events: { maxLen: 500 } },
});

/** For a queue object that only looks: the planner has set what a queue keeps, and the version was checked at the start. */
export const lookOptions = (connection: Redis) => ({
  connection,
  prefix: QUEUE_PREFIX,
  skipMetasUpdate: true,
  skipVersionCheck: true,
});

/** `due`: a job wants a process now or within the linger; `begin`: only moves that wait to begin. */
export async function waitingJobs(queue: Queue, connection: Redis, nowMs: number): Promise<'none' | 'begin' | 'due'> {
  const counts = await queue.getJobCounts('wait', 'active', 'prioritized', 'delayed');
  if ((counts['wait'] ?? 0) + (counts['active'] ?? 0) > 0) return 'due';
  const dueMs = (counts['delayed'] ?? 0) === 0 ? null : await nextDueMs(queue, connection);
  if (dueMs !== null && dueMs <= nowMs + SHORT_WAIT_MS) return 'due';
  return (counts['prioritized'] ?? 0) > 0 ? 'begin' : 'none';
}

export class IndexRun {
  readonly #options: IndexRunOptions;
  readonly #queue: Queue;
  readonly #worker: Worker<PhaseJob>;
  readonly #stop = new AbortController();
  #active = 0;
  #places = 1;
  #isCopying = false;
  #begun = 0;
  #open: () => void = () => undefined;
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });
  #isFull = false;
  /** When it was first full with nothing at work; null once a move goes on here. */
  #fullSinceMs: number | null = null;
  /** Moves at a time while a node is full, and which capping this is. */
  #cap = Number.POSITIVE_INFINITY;
  #caps = 0;

  constructor(options: IndexRunOptions) {
    const { index, connection, runner, timings, holder, lease, logger } = options;
    this.#options = options;
    this.#queue = new Queue(indexQueue(index), lookOptions(connection));
    this.#worker = new Worker<PhaseJob>(
      indexQueue(index),
      // Three declared parameters: BullMQ gives the signal only to those who ask for it.
      async (job, token, signal) => {
        this.#active += 1;
        try {
          const stop = AbortSignal.any([lease.signal, this.#stop.signal, ...(signal === undefined ? [] : [signal])]);
          await this.#turn(job, stop);
          return await runner.process(job, token ?? '', stop);
        } finally {
          this.#active -= 1;
        }
      },
      {
        connection,
        prefix: QUEUE_PREFIX,
        skipVersionCheck: true,
        name: holder,
        concurrency: 1,
        lockDuration: timings.jobLockMs,
        stalledInterval: timings.stalledMs,
        // A frozen process still stands in line for Redis' word that a job is there, and keeps it to itself: look anyway.
        drainDelay: timings.stalledMs / 1_000,
        maxStalledCount: STALLS_MAX,
      },
    );
    this.#worker.on('error', (error) => logger.warn({ index, problem: messageOf(error) }, 'index worker'));
    this.#queue.on('error', (error) => logger.debug({ index, problem: messageOf(error) }, 'index queue'));
    // BullMQ tells that a job's lock is gone but lets the job run on: the fence refuses its writes, this ends it.
    this.#worker.on('lockRenewalFailed', (ids: string[]) =>
      ids.forEach((id) => this.#worker.cancelJob(id, 'lock lost')),
    );
  }

  /** Aborted when phases have to stop. */
  get stopping(): AbortSignal {
    return this.#stop.signal;
  }

  /** Moves of the index that may run at a time. */
  set places(value: number) {
    this.#places = value;
    this.#share();
  }

  /** A first window was applied, and the next batch has begun: what begins now is indexed after it. */
  copies(): void {
    this.#isCopying = true;
    this.#open();
  }

  /**
   * Half of the moves begin first: moves that begin together share the target's batches, end together, and leave the
   * target idle while all of them verify and switch (decision 0010). Waits a second at most, since only time is at stake.
   */
  async #turn(job: Job<PhaseJob>, stop: AbortSignal): Promise<void> {
    if (PAST_COPY.has(job.data.phase)) this.copies();
    if (this.#isCopying || job.data.phase !== 'DualWriteStarted') return;
    this.#begun += 1;
    if (this.#begun <= Math.ceil(this.#places / 2)) return;
    const waited = this.#options.clock.sleep(TURN_MS, stop).catch(() => undefined); // stopped: the runner hands over
    await Promise.race([this.#opened, waited]);
  }

  /**
   * A node has no place for a move of this index. Trying the others one by one would only cost: where moves of it run,
   * they are enough; where none does, the index gives way, and is claimed again when a place is free.
   */
  full(): void {
    const { begun } = this.#options.runner;
    if (this.#isFull) return;
    if (begun > 0) return this.atMost(begun);
    this.#isFull = true;
    void this.#worker.pause(true);
  }

  #share(): void {
    this.#worker.concurrency = Math.min(this.#places, this.#cap);
  }

  #resume(moves: number): void {
    this.#isFull = false;
    this.atMost(moves);
    void this.#worker.resume();
  }

  /**
   * Whether it gives way. Not at once where moves of it have begun elsewhere, and wait for a moment here: they may hold the
   * very places that it lacks. One that waits for longer has a claim of its own.
   */
  async #givesWay(): Promise<boolean> {
    const { runner, clock, index, begunMoves } = this.#options;
    // One that stood in line when the others were refused has found a place after all: it goes on.
    const begun = runner.begun > 0 ? runner.begun : await begunMoves(index);
    const nowMs = clock.monotonic();
    this.#fullSinceMs = runner.begun > 0 ? null : (this.#fullSinceMs ?? nowMs);
    if (begun === 0 || (this.#fullSinceMs !== null && nowMs - this.#fullSinceMs > LINGER_MS)) return true;
    this.#resume(begun);
    return false;
  }

  /** As many at a time as have places: what ends makes room for the next. A while later more are tried. */
  atMost(moves: number): void {
    const { clock } = this.#options;
    if (moves === Number.POSITIVE_INFINITY) return;
    this.#cap = moves;
    this.#share();
    const cap = ++this.#caps;
    const lift = (): void => {
      if (cap !== this.#caps) return;
      this.#cap = Number.POSITIVE_INFINITY;
      this.#share();
    };
    clock.sleep(CAP_MS, this.#stop.signal).then(lift, () => undefined); // the run is over
  }

  /** Whether a move of the index waits to begin. */
  async hasWaiting(): Promise<boolean> {
    return (await this.#queue.getPrioritizedCount()) > 0;
  }

  /** Resolves when the index has no work left, is full, or must not be served any more. */
  async untilIdle(signal: AbortSignal): Promise<'idle' | 'full' | 'over'> {
    const { clock, connection, lease } = this.#options;
    const over = AbortSignal.any([signal, lease.signal]);
    // A queue's connection waits for Redis for ever: what is asked there ends with the lease all the same.
    const ended = new Promise<'over'>((resolve) => over.addEventListener('abort', () => resolve('over')));
    while (!over.aborted) {
      await clock.sleep(IDLE_LOOK_MS, over).catch(() => undefined); // aborted: looked at above
      if (over.aborted || this.#active > 0) continue;
      if (this.#isFull && (await this.#givesWay())) return 'full';
      const waiting = waitingJobs(this.#queue, connection, clock.now());
      waiting.catch(() => undefined); // thrown below, or of no interest any more
      if ((await Promise.race([waiting, ended])) === 'none') return 'idle';
    }
    return 'over';
  }

  /** Ends the phases (they hand over) and the worker. True when everything came to an end in time. */
  async close(reason: Error, deadlineMs: number): Promise<boolean> {
    this.#stop.abort(reason);
    this.#worker.cancelAllJobs(reason.message);
    const closed = this.#worker.close().then(
      () => true,
      (error: unknown) => {
        this.#options.logger.warn({ problem: messageOf(error) }, 'index worker did not close well');
        return false;
      },
    );
    const inTime = await Promise.race([closed, this.#options.clock.sleep(deadlineMs).then(() => false)]);
    // A job that waits for Redis holds no request: its lock runs out, and whoever is next takes it.
    if (!inTime) void this.#worker.close(true);
    await this.#queue.close();
    return this.#options.runner.working === 0;
  }
}
