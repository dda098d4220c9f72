/**
 * One phase job, from BullMQ to the phase and back. The record says which phase is next, the job is a nudge: run twice,
 * late or after its work is done, it finds the record and does nothing wrong. Whatever goes wrong ends in one of four
 * ways: the job is handed over, delayed with a reason, the move is undone, or it is done.
 */
import { DelayedError, type Job, WaitingError } from 'bullmq';
import { type JobPhase, PHASES, isSwitched, phaseIndex } from '../core/move.ts';
import { reasonOf, reasonOfError } from '../core/reasons.ts';
import { assertReadable } from '../core/version.ts';
import {
  LeaseLostError,
  MoveWaitingError,
  RecordTooNewError,
  StaleFenceError,
  type WaitReason,
  type WaitText,
  isMiroirError,
  messageOf,
} from '../errors.ts';
import type { Checkpoint, Clock, Lease, Logger, MoveState, MoveWriter, Observer, Records } from '../ports.ts';
import { type PhaseJob, phaseJobSchema } from './jobs.ts';
import type { MoveSlots } from './slots.ts';

/** How a phase run ends; `undo` and the phases themselves come in from outside, so that this file knows only jobs. */
export interface PhaseWork {
  run(phase: JobPhase, move: MoveState, checkpoint: (progress: Checkpoint) => Promise<void>): Promise<void>;
  undo(move: MoveState, outcome: 'cancelled' | 'failed', why: string): Promise<void>;
  /** Null, or the outcome that an error asks for before the switch. */
  outcomeOf(error: unknown): { outcome: 'cancelled' | 'failed'; why: string } | null;
  /** Whether nothing that was sent to a node can arrive any more without our knowing. */
  isSure(): boolean;
}

export interface RunnerOptions {
  readonly records: Records;
  readonly writer: MoveWriter;
  readonly lease: Lease;
  readonly work: PhaseWork;
  readonly slots: MoveSlots;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly logger: Logger;
  /** Stores job data and record in one script. */
  readonly checkpoint: (job: Job<PhaseJob>, token: string, move: MoveState, progress: Checkpoint) => Promise<void>;
  /** Shows the record's progress on a job that begins; only display depends on it. */
  readonly show: (job: Job<PhaseJob>, token: string, move: MoveState) => Promise<void>;
  /** A window of a move was accepted. */
  readonly onProgress: () => void;
  /** A node has no place for another move. */
  readonly onFull: () => void;
  /** A move gave its places at two nodes back. */
  readonly onFree: () => void;
  /** Asks for a claim of the index when the delayed job is due. */
  readonly claimAt: (index: string, dueMs: number) => Promise<void>;
}

/** Waits without a time of their own: a quarter of what they have waited, within these. */
const WAIT_MIN_MS = 500;
const WAIT_MAX_MS = 15_000;
/** Delays up to this keep the index's run alive; longer ones ask for a claim of their own. */
export const SHORT_WAIT_MS = 1_000;
const SLOT_WAIT_MS = 100;
/** Reasons that no move of this index into or out of that node can get around. */
const FULL: ReadonlySet<WaitReason> = new Set(['source_full', 'target_full']);

/** What is none of the list says its code, too: the list names what a person can act on. */
function waitText(error: unknown): WaitText {
  if (error instanceof MoveWaitingError) return error.reason;
  const code = isMiroirError(error) ? error.code : 'unexpected';
  const reason = reasonOfError(code);
  return reason === code ? `${reason}: ${messageOf(error)}` : `${reason}: ${code}: ${messageOf(error)}`;
}

const isHandover = (error: unknown): boolean =>
  error instanceof LeaseLostError || error instanceof StaleFenceError || (error as Error | null)?.name === 'AbortError';

/**
 * Whether a newer generation of jobs was asked for. A planner that was frozen before it added the first wakes and adds them
 * beside its successor's: queues know no fence, so these are passed over here.
 */
const isOfOlderFlow = (job: Job<PhaseJob>, move: MoveState): boolean =>
  Number(/-f(\d+)-\d+$/.exec(job.id ?? '')?.[1] ?? move.flow) < move.flow;

/** Whether the shard's owners have changed: from the switch on, before its phase is reached, a move only goes forward. */
const goesForward = (move: MoveState): boolean => isSwitched(move.phase) || move.switchedAtMs !== null;

export class PhaseRunner {
  readonly #options: RunnerOptions;
  /** Moves with a phase at work: a second job of one waits, since both would send the same windows. */
  readonly #atWork = new Set<string>();
  /** Moves that have begun here and are not settled: they keep their places between two phases and while they wait. */
  readonly #begun = new Set<string>();

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  async process(
    job: Job<PhaseJob>,
    token: string,
    signal: AbortSignal,
  ): Promise<{ phase: string; docs_migrated: number }> {
    const { lease, slots, records } = this.#options;
    let move: MoveState | null = null;
    try {
      await lease.ready;
      assertReadable(job.data.v, `job ${job.id}`);
      const data = phaseJobSchema.parse(job.data);
      move = await records.move(data.move);
      if (move !== null && isOfOlderFlow(job, move)) return { phase: move.phase, docs_migrated: move.docsMigrated };
      this.#note(move);
      const wanted = phaseIndex(data.phase);
      while (move !== null && move.outcome === undefined && phaseIndex(move.phase) < wanted) {
        signal.throwIfAborted();
        if (this.#atWork.has(move.id))
          throw new MoveWaitingError('move_busy: another job of this move is at work', SLOT_WAIT_MS);
        if (!slots.tryEnter(move.id, move.index))
          throw new MoveWaitingError('process_full: as many moves as it may', SLOT_WAIT_MS);
        const reached = await this.#work(job, token, move);
        // The phase just reached is this job's own in all but a late or repeated one: then there is nothing to read again.
        if (reached === data.phase) return this.#reached(job, move, reached);
        move = await records.move(data.move);
        this.#note(move);
      }
      if (move === null || move.outcome !== undefined || isSwitched(move.phase)) slots.leave(data.move);
      return { phase: move?.phase ?? 'gone', docs_migrated: move?.docsMigrated ?? 0 };
    } catch (error) {
      if (move !== null && !this.#atWork.has(move.id)) slots.leave(move.id);
      if (signal.aborted || isHandover(error)) return this.#handOver(job, token, move, error);
      return this.#waitOrHandOver(job, token, move, error);
    }
  }

  /** Phases at work now: their requests may be under way. Jobs that only wait for Redis do not count. */
  get working(): number {
    return this.#atWork.size;
  }

  /** Whether no write is under way, or may arrive although its answer was lost. */
  get isSure(): boolean {
    return this.#options.work.isSure();
  }

  /** Moves that have places at their nodes, whether a phase of them is at work or not. */
  get begun(): number {
    return new Set([...this.#begun, ...this.#atWork]).size;
  }

  #note(move: MoveState | null): void {
    if (move === null || move.startedAtMs === null) return;
    if (move.outcome !== undefined || isSwitched(move.phase)) this.#begun.delete(move.id);
    else this.#begun.add(move.id);
  }

  /** The phase that was reached; null when the move was undone. */
  async #work(job: Job<PhaseJob>, token: string, move: MoveState): Promise<JobPhase | null> {
    this.#atWork.add(move.id);
    try {
      return await this.#step(job, token, move);
    } finally {
      this.#atWork.delete(move.id);
    }
  }

  #reached(job: Job<PhaseJob>, move: MoveState, phase: JobPhase): { phase: string; docs_migrated: number } {
    if (isSwitched(phase)) {
      this.#options.slots.leave(move.id);
      this.#begun.delete(move.id);
    } else this.#begun.add(move.id);
    if (phase === 'DualWriteStopped') this.#options.onFree();
    return { phase, docs_migrated: job.data.docs_migrated };
  }

  async #step(job: Job<PhaseJob>, token: string, move: MoveState): Promise<JobPhase | null> {
    const { work, checkpoint, clock, observer, logger } = this.#options;
    const log = logger.child({ move: move.id, index: move.index, shard: move.shard });
    if (move.cancelWished && !goesForward(move)) {
      await work.undo(move, 'cancelled', 'a cancel was wished');
      return null;
    }
    const next = PHASES[phaseIndex(move.phase) + 1] as JobPhase;
    // Progress of the phases before is shown on every later job, too; beside the phase, since nothing waits for it.
    const behind = job.data.docs_migrated !== move.docsMigrated || job.data.last_offset !== move.lastOffset;
    const shown = behind ? this.#options.show(job, token, move) : Promise.resolve();
    shown.catch(() => undefined); // thrown below
    const startedMs = clock.monotonic();
    try {
      await work.run(next, move, async (progress) => {
        await shown;
        await checkpoint(job, token, move, progress);
        this.#options.onProgress();
      });
      await shown;
    } catch (error) {
      const end = work.outcomeOf(error);
      if (end === null || !(await this.#canEnd(move))) throw error;
      log.error({ problem: messageOf(error) }, `move ${end.outcome}`);
      await work.undo(move, end.outcome, end.why);
      return null;
    }
    observer.phase(next, (clock.monotonic() - startedMs) / 1_000);
    log.info({ from: move.phase, to: next }, `${move.index}/${move.shard} ${move.phase} → ${next}`);
    return next;
  }

  /** As the record stands now: the switch may have happened in the very run that failed. */
  async #canEnd(move: MoveState): Promise<boolean> {
    const now = await this.#options.records.move(move.id);
    return now !== null && now.outcome === undefined && !goesForward(now);
  }

  /** Back to the head of the queue, for whoever holds the index next. Without Redis the job's lock runs out instead. */
  async #handOver(job: Job<PhaseJob>, token: string, move: MoveState | null, error: unknown): Promise<never> {
    this.#options.logger.info({ job: job.name, why: messageOf(error) }, 'phase handed over');
    await this.#putFirst(job, move);
    await job.moveToWait(token);
    throw new WaitingError();
  }

  /**
   * Before a job is given back: a move that has begun stands behind no other any more. It may hold the very places that those
   * of a higher priority wait for, and whoever serves the index next would meet these first, and give up.
   */
  async #putFirst(job: Job<PhaseJob>, move: MoveState | null): Promise<void> {
    if (move === null || job.priority === 0) return;
    const now = move.startedAtMs === null ? await this.#options.records.move(move.id) : move;
    if (now?.startedAtMs != null) await job.changePriority({ priority: 0 });
  }

  /** Noting why and delaying are writes, too: where they are refused or get no answer, the job is handed over. */
  async #waitOrHandOver(job: Job<PhaseJob>, token: string, move: MoveState | null, error: unknown): Promise<never> {
    try {
      return await this.#wait(job, token, move, error, this.#options.clock.now());
    } catch (outcome) {
      if (outcome instanceof DelayedError) throw outcome;
      return this.#handOver(job, token, move, outcome);
    }
  }

  async #wait(
    job: Job<PhaseJob>,
    token: string,
    move: MoveState | null,
    error: unknown,
    nowMs: number,
  ): Promise<never> {
    const { writer, claimAt, logger, onFull } = this.#options;
    const known = isMiroirError(error);
    const reason = waitText(error);
    if (FULL.has(reasonOf(reason))) onFull();
    const waitedMs = move?.waiting == null ? 0 : nowMs - move.waiting.sinceMs;
    const asked = error instanceof MoveWaitingError ? error.afterMs : undefined;
    const afterMs = asked ?? Math.min(WAIT_MAX_MS, Math.max(WAIT_MIN_MS, waitedMs / 4));
    const log = logger.child({ job: job.name, move: move?.id });
    if (!known) log.error({ err: error }, 'a phase failed unexpectedly; it is tried again');
    else if (error instanceof RecordTooNewError) log.warn({ reason }, 'left to a newer process');
    else log.debug({ reason, afterMs }, 'phase waits');
    const noted = move !== null && !(known && error instanceof RecordTooNewError) && afterMs >= SHORT_WAIT_MS / 4;
    if (noted) await writer.note(move.id, { waiting: reason });
    const dueMs = Math.ceil(nowMs + afterMs);
    if (afterMs > SHORT_WAIT_MS) await claimAt(job.data.index, dueMs);
    await this.#putFirst(job, move);
    await job.moveToDelayed(dueMs, token);
    throw new DelayedError();
  }
}
