/**
 * Moves as BullMQ flows. A move is a chain of its remaining phase jobs in the index's queue: the last phase is the root,
 * the next one the leaf, so BullMQ releases a phase in the very script that completes the one before. In chaos runs of
 * 400 chains that gave no phase twice and none out of order, where adding the next job by hand gave dozens.
 */
import { FlowProducer, Queue, type FlowJob, type FlowJobNode, type JobState } from 'bullmq';
import type { Redis } from 'ioredis';
import { JOB_PHASES, phaseIndex, type JobPhase, type MoveReason } from '../core/move.ts';
import { RECORD_VERSION } from '../core/version.ts';
import { InvariantError, messageOf } from '../errors.ts';
import type { Failpoint, Logger, MoveQueue, MoveState } from '../ports.ts';
import { addJobs, NO_FAILPOINT, queueFault } from './add.ts';
import { claimJob, phaseJobName, type PhaseJob } from './jobs.ts';
import { CLAIMS_QUEUE, indexQueue, phaseJobId, QUEUE_PREFIX } from './names.ts';

export interface MoveQueueOptions {
  /** Shared, not closed here. One that fails fast lets the planner notice that Redis is gone. */
  readonly connection: Redis;
  readonly failpoint?: Failpoint;
  readonly logger: Logger;
}

/** Chains in one MULTI: some 500 jobs, a few tens of milliseconds of Redis. */
const FLOWS_PER_ADD = 100;
/** Jobs asked about at a time. */
const LOOKS_AT_A_TIME = 100;
/** Entries of a queue's event stream; BullMQ's default keeps 577 kB for every index. */
const EVENTS_KEPT = 500;
/** Ended jobs stay for people to look at; ids of ended jobs are never added again (`flow`). */
const KEEP_COMPLETED = { count: 1_000 };
/** Only a move that has not begun waits in line by reason: later phases come first, so that what runs ends. */
const PRIORITY: Readonly<Record<MoveReason, number>> = { restore: 1, drain: 2, balance: 3 };

/**
 * Nothing is asked of Redis before the first use: BullMQ's look at its version, once without an answer, would fail
 * whatever is done with the object for as long as the process lives. Workers look at the version.
 */
const UNASKED = { skipVersionCheck: true, skipWaitingForReady: true };

type Look = 'found' | 'failed' | 'missing';

/** Root of every chain: with it go all jobs below. */
const LAST_PHASE: JobPhase = 'OldReplicaDeleted';

/** Phases that the move still has to reach, in order. */
const remaining = (move: MoveState): readonly JobPhase[] => JOB_PHASES.slice(phaseIndex(move.phase));

function phaseNode(move: MoveState, phase: JobPhase, child: FlowJobNode | undefined): FlowJobNode {
  const data: PhaseJob = {
    v: RECORD_VERSION,
    move: move.id,
    index: move.index,
    phase,
    docs_migrated: move.docsMigrated,
    last_offset: move.lastOffset,
  };
  return {
    name: phaseJobName(move, phase),
    queueName: indexQueue(move.index),
    prefix: QUEUE_PREFIX,
    data,
    opts: {
      jobId: phaseJobId(move.id, move.flow, phase),
      removeOnComplete: KEEP_COMPLETED,
      removeOnFail: false,
      // One that has begun comes first: it may hold places that others wait for.
      ...(phase === 'DualWriteStarted' && move.startedAtMs === null ? { priority: PRIORITY[move.reason] } : {}),
    },
    ...(child === undefined ? {} : { children: [child] }),
  };
}

function chain(move: MoveState): FlowJob {
  let node: FlowJobNode | undefined;
  for (const phase of remaining(move)) node = phaseNode(move, phase, node);
  if (node === undefined) throw new InvariantError(`move ${move.id} has no phase left to make a job for`);
  return node;
}

const claim = (index: string): FlowJob => ({
  name: `claim ${index}`,
  queueName: CLAIMS_QUEUE,
  prefix: QUEUE_PREFIX,
  data: claimJob(index),
  // Stored as the next one while a claim of the index is being served, so work that comes last is not forgotten.
  opts: { deduplication: { id: index, keepLastIfActive: true }, removeOnComplete: true },
});

class FlowMoveQueue implements MoveQueue {
  readonly #options: MoveQueueOptions;
  readonly #failpoint: Failpoint;
  readonly #flows: FlowProducer;
  readonly #queues = new Map<string, Queue>();

  constructor(options: MoveQueueOptions) {
    this.#options = options;
    this.#failpoint = options.failpoint ?? NO_FAILPOINT;
    this.#flows = new FlowProducer({ connection: options.connection, prefix: QUEUE_PREFIX, ...UNASKED });
    this.#flows.on('error', (error) => this.#trouble('flows', error));
    // Opened for what a queue object does when it is made: it sets the length of the claims' event stream.
    this.#open(CLAIMS_QUEUE);
  }

  async enqueue(moves: readonly MoveState[]): Promise<void> {
    for (const move of moves) if (move.flow > 0) await this.#dropGeneration(move, move.flow - 1);
    for (let at = 0; at < moves.length; at += FLOWS_PER_ADD) {
      const part = moves.slice(at, at + FLOWS_PER_ADD);
      const indexes = [...new Set(part.map((move) => move.index))];
      for (const index of indexes) this.#queue(index);
      await addJobs(this.#failpoint, 'moves', () => this.#flows.addBulk([...part.map(chain), ...indexes.map(claim)]));
    }
  }

  async inspect(moves: readonly MoveState[]): Promise<ReadonlyMap<string, Look>> {
    const looks = new Map<string, Look>();
    for (let at = 0; at < moves.length; at += LOOKS_AT_A_TIME) {
      const part = moves.slice(at, at + LOOKS_AT_A_TIME);
      const found = await this.#asked('inspect', () => Promise.all(part.map((move) => this.#look(move))));
      for (const [position, move] of part.entries()) looks.set(move.id, found[position]?.look ?? 'missing');
    }
    return looks;
  }

  async withdraw(moves: readonly MoveState[]): Promise<number> {
    let kept = 0;
    for (let at = 0; at < moves.length; at += LOOKS_AT_A_TIME) {
      const part = moves.slice(at, at + LOOKS_AT_A_TIME);
      const codes = await this.#asked('withdraw', () =>
        Promise.all(part.map((move) => this.#queue(move.index).remove(phaseJobId(move.id, move.flow, LAST_PHASE)))),
      );
      kept += codes.filter((code) => code === 0).length;
    }
    return kept;
  }

  async retry(move: MoveState): Promise<void> {
    await this.#asked('retry', async () => {
      const { failedPhase } = await this.#look(move);
      if (failedPhase === undefined) return;
      const job = await this.#queue(move.index).getJob(phaseJobId(move.id, move.flow, failedPhase));
      if (job === undefined) return;
      await addJobs(this.#failpoint, 'retry', () => this.#unlessMoved(() => job.retry('failed'), job, 'failed'));
    });
    await this.claim(move.index);
  }

  async promote(move: MoveState): Promise<void> {
    await this.#asked('promote', async () => {
      const [phase] = remaining(move);
      if (phase === undefined) return;
      const job = await this.#queue(move.index).getJob(phaseJobId(move.id, move.flow, phase));
      if (job === undefined || !(await job.isDelayed())) return;
      await addJobs(this.#failpoint, 'promote', () => this.#unlessMoved(() => job.promote(), job, 'delayed'));
    });
    await this.claim(move.index);
  }

  async claim(index: string): Promise<void> {
    await addJobs(this.#failpoint, 'claim', () => this.#flows.add(claim(index)));
  }

  async close(): Promise<void> {
    await Promise.all([this.#flows.close(), ...[...this.#queues.values()].map((queue) => queue.close())]);
  }

  /** How the chain stands: its next job, or the one below it that holds it up. */
  async #look(move: MoveState): Promise<{ look: Look; failedPhase?: JobPhase }> {
    const [next] = remaining(move);
    if (next === undefined) return { look: 'found' };
    const state = await this.#state(move, next);
    if (state === 'failed') return { look: 'failed', failedPhase: next };
    if (state !== 'waiting-children')
      return { look: state === 'unknown' || state === 'completed' ? 'missing' : 'found' };
    // The record is ahead of its job: the phase was reached, and its job has yet to end. Which one stands below?
    for (const below of JOB_PHASES.slice(0, JOB_PHASES.indexOf(next)).reverse()) {
      const under = await this.#state(move, below);
      if (under === 'waiting-children') continue;
      if (under === 'failed') return { look: 'failed', failedPhase: below };
      if (under !== 'completed' && under !== 'unknown') return { look: 'found' };
      break;
    }
    // Its child may have ended between the two looks.
    return { look: (await this.#state(move, next)) === 'waiting-children' ? 'missing' : 'found' };
  }

  #state(move: MoveState, phase: JobPhase): Promise<JobState | 'unknown'> {
    return this.#queue(move.index).getJobState(phaseJobId(move.id, move.flow, phase));
  }

  /** Parents of a generation whose next job is gone would wait for ever. */
  async #dropGeneration(move: MoveState, flow: number): Promise<void> {
    await this.#asked('drop', () => this.#queue(move.index).remove(phaseJobId(move.id, flow, LAST_PHASE)));
  }

  /** What we want may have happened by itself meanwhile; then the refusal is no fault. */
  async #unlessMoved(act: () => Promise<void>, job: { getState(): Promise<string> }, from: JobState): Promise<void> {
    try {
      await act();
    } catch (error) {
      if ((await job.getState()) === from) throw error;
      this.#options.logger.debug({ problem: messageOf(error) }, 'the job has moved on by itself');
    }
  }

  async #asked<T>(what: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw queueFault(what, error);
    }
  }

  #queue(index: string): Queue {
    return this.#open(indexQueue(index));
  }

  #open(name: string): Queue {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const queue = new Queue(name, {
      connection: this.#options.connection,
      prefix: QUEUE_PREFIX,
      streams: { events: { maxLen: EVENTS_KEPT } },
      ...UNASKED,
    });
    queue.on('error', (error) => this.#trouble(name, error));
    this.#queues.set(name, queue);
    return queue;
  }

  #trouble(queue: string, error: Error): void {
    this.#options.logger.debug({ queue, problem: error.message }, 'queue connection');
  }
}

/** The queue side of the planner. `close` leaves the connection alone. */
export function createMoveQueue(options: MoveQueueOptions): MoveQueue & { close(): Promise<void> } {
  return new FlowMoveQueue(options);
}
