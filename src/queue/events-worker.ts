/**
 * Takes topology events, one at a time, in the one process that holds the planner's lease; others contend for it and
 * take over. A refused event fails at once with code, field and remedy; trouble of ours (Redis gone, lease lost) puts
 * it back where it was.
 */
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Timings } from '../core/timing.ts';
import { LeaseLostError, isMiroirError, messageOf } from '../errors.ts';
import type { Clock, EventOutcome, Lease, Leases, Logger, Observer, Planner } from '../ports.ts';
import { pause, runEventJob } from './event-job.ts';
import { EVENTS_QUEUE, QUEUE_PREFIX } from './names.ts';

export interface EventsWorkerOptions {
  /** Waits for Redis as long as it takes (BullMQ's workers must); shared, not closed here. */
  readonly connection: Redis;
  readonly leases: Leases;
  /** Scope of the lease, `planner`. */
  readonly scope: string;
  /** The planner that acts under this lease. */
  readonly lead: (lease: Lease) => Planner;
  readonly clock: Clock;
  readonly timings: Timings;
  readonly sweepIntervalMs: number;
  /** Waiting events above this are reported; ours refuse to send more, plain BullMQ does not ask. */
  readonly capacity: number;
  /** Of a cluster only the slot of our own keys is seen: a queue without our prefix lies elsewhere. */
  readonly isOneSlot?: boolean;
  readonly logger: Logger;
  readonly observer: Observer;
}

export interface EventsWorker {
  /** Resolves when this process leads for the first time. */
  readonly leading: Promise<void>;
  /** Ends what runs, releases the lease so that another process leads at once. */
  close(): Promise<void>;
}

const TICK_MS = 1_000;
/** Between two tries for the lease, beyond what its holder has left. */
const CONTEND_MS = 500;
/** After trouble with what a sweep does; the next regular one comes in any case. */
const AGAIN_MS = 1_000;
/** A shutdown waits this long for the event at hand. */
const CLOSE_MS = 3_000;
const EVENTS_KEPT = 500;
const KEEP_ENDED = { count: 1_000 };
/** A planner that dies is no fault of the event. */
const STALLED_COUNT_MAX = 1_000_000;

class LeadingWorker implements EventsWorker {
  readonly leading: Promise<void>;
  readonly #options: EventsWorkerOptions;
  readonly #closing = new AbortController();
  readonly #queue: Queue;
  readonly #ended: Promise<void>;
  #lead: () => void = () => undefined;
  #hasWarned = false;

  constructor(options: EventsWorkerOptions) {
    this.#options = options;
    const { connection, logger } = options;
    this.#queue = new Queue(EVENTS_QUEUE, {
      connection,
      prefix: QUEUE_PREFIX,
      streams: { events: { maxLen: EVENTS_KEPT } },
    });
    this.#queue.on('error', (error) => logger.debug({ problem: error.message }, 'events queue'));
    this.leading = new Promise((resolve) => {
      this.#lead = resolve;
    });
    this.#ended = this.#contend();
  }

  async close(): Promise<void> {
    this.#closing.abort(new LeaseLostError('this process is closing'));
    await this.#ended;
    await this.#queue.close();
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  async #contend(): Promise<void> {
    const { leases, scope, clock, timings, logger } = this.#options;
    while (!this.#isClosing) {
      let waitMs = CONTEND_MS;
      try {
        const answer = await leases.acquire(scope);
        if ('lease' in answer) await this.#serve(answer.lease);
        else waitMs = Math.min(answer.busy.remainingMs + 1, timings.renewMs);
      } catch (error) {
        logger.warn({ problem: messageOf(error) }, 'no planner here yet, trying again');
      }
      // Not all at the same instant, so that who lost the lease does not beat who waits for it.
      await pause(clock, waitMs * (0.75 + 0.5 * clock.random()), this.#closing.signal);
    }
  }

  /** Leads until the lease is lost or the process closes. */
  async #serve(lease: Lease): Promise<void> {
    const { lead, logger } = this.#options;
    const over = AbortSignal.any([lease.signal, this.#closing.signal]);
    let work: LeadWork | null = null;
    try {
      await lease.ready;
      const planner = lead(lease);
      if (!(await this.#resume(planner, over))) return;
      work = this.#work(lease, planner, over);
      logger.info({ fence: lease.fence }, 'this process plans');
      this.#lead();
      await this.#upkeep(planner, over);
    } finally {
      const isIdle = (await work?.stop()) ?? true;
      if (!lease.signal.aborted) await this.#release(lease, isIdle);
    }
  }

  async #release(lease: Lease, isIdle: boolean): Promise<void> {
    try {
      await lease.release(isIdle);
    } catch (error) {
      this.#options.logger.warn({ problem: messageOf(error) }, 'lease not released; it ends by itself');
    }
  }

  /** Until it has worked once: events must not be planned on top of what a predecessor left half written. */
  async #resume(planner: Planner, over: AbortSignal): Promise<boolean> {
    while (!over.aborted) {
      try {
        await planner.resume();
        await this.#lookAtQueues();
        return true;
      } catch (error) {
        this.#report(error, 'taking over');
        await pause(this.#options.clock, AGAIN_MS, over);
      }
    }
    return false;
  }

  async #upkeep(planner: Planner, over: AbortSignal): Promise<void> {
    const { clock, sweepIntervalMs } = this.#options;
    let nextSweepMs = clock.monotonic() + sweepIntervalMs;
    let sweeping: Promise<void> | null = null;
    while (!over.aborted) {
      await pause(clock, Math.min(TICK_MS, sweepIntervalMs), over);
      if (over.aborted) break;
      await this.#look(() => planner.tick(), over);
      if (sweeping !== null || clock.monotonic() < nextSweepMs) continue;
      nextSweepMs = clock.monotonic() + sweepIntervalMs;
      // Beside the ticks: a sweep asks nodes, and one that hangs must not keep the others from being found failed.
      sweeping = this.#sweep(planner, over).finally(() => {
        sweeping = null;
      });
    }
    await sweeping;
  }

  async #sweep(planner: Planner, over: AbortSignal): Promise<void> {
    await this.#look(() => planner.sweep(), over);
    await this.#look(() => this.#lookAtQueues(), over);
  }

  /** Each look by itself: where one fails, the others go on. */
  async #look(look: () => Promise<void>, over: AbortSignal): Promise<void> {
    try {
      await look();
    } catch (error) {
      if (!over.aborted) this.#report(error, 'looking after moves');
    }
  }

  #report(error: unknown, doing: string): void {
    const { logger } = this.#options;
    if (isMiroirError(error))
      logger.warn({ code: error.code, problem: error.message }, `${doing} failed, trying again`);
    else logger.error({ err: error }, `${doing} failed, trying again`);
  }

  async #lookAtQueues(): Promise<void> {
    const { connection, capacity, isOneSlot, logger } = this.#options;
    const counts = await this.#queue.getJobCounts('wait', 'prioritized', 'delayed');
    const waiting = Object.values(counts).reduce((sum, count) => sum + count, 0);
    if (waiting > capacity) logger.warn({ waiting, capacity }, 'more events wait than event_channel_capacity');
    if (this.#hasWarned || isOneSlot) return;
    for (const list of ['wait', 'prioritized', 'delayed', 'paused']) {
      const seen = await lookAt(connection, `bull:${EVENTS_QUEUE}:${list}`);
      if (seen === 'nothing') continue;
      this.#hasWarned = true;
      // Who may not look there shares Redis with others who may not put anything there.
      if (seen === 'denied') return;
      const remedy = `pass prefix: '${QUEUE_PREFIX}' to new Queue(...)`;
      logger.warn({ queue: `bull:${EVENTS_QUEUE}`, remedy }, 'events wait in a queue that nobody looks at');
      return;
    }
  }

  #work(lease: Lease, planner: Planner, over: AbortSignal): LeadWork {
    const { connection, timings, clock, logger, observer } = this.#options;
    const worker = new Worker<unknown, EventOutcome>(
      EVENTS_QUEUE,
      // Three parameters, or BullMQ makes no signal for what it cancels.
      async (job, token, _signal) => runEventJob({ planner, clock, logger, observer, over }, job, token),
      {
        connection,
        prefix: QUEUE_PREFIX,
        concurrency: 1,
        lockDuration: timings.jobLockMs,
        stalledInterval: timings.stalledMs,
        // A frozen ex-leader keeps Redis' word of a new event to itself: look anyway.
        drainDelay: timings.stalledMs / 1_000,
        maxStalledCount: STALLED_COUNT_MAX,
        removeOnComplete: KEEP_ENDED,
        removeOnFail: KEEP_ENDED,
      },
    );
    worker.on('error', (error) => logger.debug({ problem: error.message }, 'events worker'));
    return {
      stop: async () => {
        let isIdle = false;
        const ended = worker.close(lease.signal.aborted).then(() => {
          isIdle = true;
        });
        ended.catch((error: unknown) => logger.debug({ problem: messageOf(error) }, 'events worker not closed'));
        // Called off at the end: a timer that is left would keep a process alive that has nothing else to do.
        const late = new AbortController();
        await Promise.race([ended, pause(clock, CLOSE_MS, late.signal)]);
        if (!isIdle) await Promise.race([worker.close(true), pause(clock, CLOSE_MS, late.signal)]);
        late.abort();
        return isIdle && !lease.signal.aborted;
      },
    };
  }
}

async function lookAt(connection: Redis, key: string): Promise<'something' | 'nothing' | 'denied'> {
  try {
    return (await connection.exists(key)) > 0 ? 'something' : 'nothing';
  } catch (error) {
    if (messageOf(error).startsWith('NOPERM')) return 'denied';
    throw error;
  }
}

interface LeadWork {
  /** True when nothing is in flight any more. */
  stop(): Promise<boolean>;
}

export const createEventsWorker = (options: EventsWorkerOptions): EventsWorker => new LeadingWorker(options);
