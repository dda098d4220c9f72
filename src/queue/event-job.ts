/** One event's job: planned, refused for good with a text that its sender can read, or put back for later. */
import { DelayedError, UnrecoverableError, WaitingError, type Job } from 'bullmq';
import { NODE_REMOVED, TOPOLOGY_EVENTS } from '../core/events.ts';
import { GROUP_EVENTS } from '../core/group-events.ts';
import { PLAN_APPLIED } from '../core/plan-applied.ts';
import {
  ConflictError,
  LeaseLostError,
  RecordTooNewError,
  RedisUnreachableError,
  StaleFenceError,
  isMiroirError,
  messageOf,
} from '../errors.ts';
import type { Clock, EventOutcome, Logger, Observer, Planner } from '../ports.ts';
import { failureText } from './failure-text.ts';

export interface EventJobParts {
  readonly planner: Planner;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: Observer;
  /** Aborted when this process must not plan any more. */
  readonly over: AbortSignal;
}

/** After trouble of ours; the event keeps its place in the line. */
const AGAIN_MS = 1_000;
/** An event that a newer version wrote waits for a newer planner. */
const TOO_NEW_MS = 10_000;
/** Names that may become a metric's label: anybody may put a job of any name here. */
const TYPES: ReadonlySet<string> = new Set([...TOPOLOGY_EVENTS, ...GROUP_EVENTS, NODE_REMOVED, PLAN_APPLIED]);

/** Ours to get over, not the sender's to correct. */
const isTrouble = (error: unknown): boolean =>
  error instanceof RedisUnreachableError ||
  error instanceof LeaseLostError ||
  error instanceof StaleFenceError ||
  error instanceof ConflictError;

/** Returns the outcome; throws what tells BullMQ to fail the job at once, or that it was put back. */
export async function runEventJob(parts: EventJobParts, job: Job, token: string | undefined): Promise<EventOutcome> {
  const { planner, observer, over } = parts;
  const type = TYPES.has(job.name) ? job.name : 'unknown';
  const logger = parts.logger.child({ event: type, job: job.id });
  try {
    const outcome = await planner.handle(job.name, job.data);
    observer.event(type, outcome.change === 'repeated' ? 'repeated' : 'planned');
    logger.info({ ...outcome }, 'event planned');
    return outcome;
  } catch (error) {
    if (error instanceof RecordTooNewError) {
      logger.warn({ problem: error.message }, 'left for a newer version');
      await job.moveToDelayed(parts.clock.now() + TOO_NEW_MS, token);
      throw new DelayedError();
    }
    if (over.aborted || isTrouble(error)) {
      logger.warn({ problem: messageOf(error) }, 'event not planned yet, it keeps its place');
      await pause(parts.clock, AGAIN_MS, over);
      return handBack(job, token, logger);
    }
    observer.event(type, 'failed');
    if (isMiroirError(error)) {
      logger.warn({ code: error.code, field: error.field, problem: error.message }, 'event refused');
    } else {
      logger.error({ err: error }, 'event failed by a defect');
    }
    throw new UnrecoverableError(failureText(error));
  }
}

/** Back to the head of the line. When that fails, the job's lock runs out and BullMQ puts it back itself. */
async function handBack(job: Job, token: string | undefined, logger: Logger): Promise<never> {
  try {
    await job.moveToWait(token);
  } catch (error) {
    logger.debug({ problem: messageOf(error) }, 'event not handed back');
  }
  throw new WaitingError();
}

/** Ends early, and without an error, when the signal is raised. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
