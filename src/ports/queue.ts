/** Jobs and the planner, as the rest sees them. */
import type { PlanApplied } from '../core/plan-applied.ts';
import type { MoveState } from './records.ts';

/** Where the planner puts moves: chains of phase jobs, and claims for the indexes that have them. */
export interface MoveQueue {
  /** Adds the chain of phase jobs that each move still needs; adding the same again changes nothing. */
  enqueue(moves: readonly MoveState[]): Promise<void>;
  /** How the job of each move's next phase is: found, `failed` (its chain stands still) or `missing`. */
  inspect(moves: readonly MoveState[]): Promise<ReadonlyMap<string, 'found' | 'failed' | 'missing'>>;
  /** Takes away the jobs of moves that shall not begin. Returns how many a worker holds just now: these are left. */
  withdraw(moves: readonly MoveState[]): Promise<number>;
  /** Starts a chain that stands still again. */
  retry(move: MoveState): Promise<void>;
  /** Makes the delayed job of a move due now. */
  promote(move: MoveState): Promise<void>;
  /** Asks that some worker serves the index; asking twice is asking once. */
  claim(index: string): Promise<void>;
}

/** Workers, as Redis sees their connections; one that was killed is gone from there at once. */
export interface LiveWorkers {
  /** A name for each; null where Redis does not tell who is connected. */
  names(): Promise<readonly string[] | null>;
}

/** Jobs in an index's queue that no unfinished move stands behind. */
export interface StrayJobs {
  count(index: string): Promise<number>;
  /** Takes them out; a job is only a nudge, so nothing is lost with it. Returns how many. */
  remove(index: string): Promise<number>;
}

/** What became of a topology event; also the return value of its job. */
export interface EventOutcome {
  /** `repeated`: everything was already as, or on its way to, what the event asks for. */
  readonly change: 'changed' | 'repeated';
  /** The plan that the event led to or, repeated, the one that is under way; null when nothing has to move. */
  readonly plan: string | null;
  /** Moves of that plan. */
  readonly moves: number;
  /** Shards that cannot be moved now; the plan's record says why. */
  readonly blocked: number;
}

/** How an event is: it waits for the planner, was planned, or was refused. */
export type EventState =
  | { readonly state: 'waiting' }
  | { readonly state: 'planned'; readonly outcome: EventOutcome }
  | { readonly state: 'refused'; readonly error: unknown };

/** Turns topology events into plans. One for each lease on the planner's scope; its calls never overlap. */
export interface Planner {
  /** One event. Throws what the sender has to correct, with field and remedy; nothing is changed then. */
  handle(name: string, data: unknown): Promise<EventOutcome>;
  /** Finishes what a predecessor left between two writes. Called before the first event. */
  resume(): Promise<void>;
  /** Looks at everything: moves without a job, holds that are over, plans that are done. */
  sweep(): Promise<void>;
  /** The cheap part of a sweep, each second: plans that are done, nodes that have joined, moves whose turn it is. */
  tick(): Promise<void>;
}

/** Where events go; the library for other services is one. */
export interface EventSender {
  /**
   * An event as a job's name and data, in either form. Throws what is wrong with it, or `QueueFullError`. Under an id that
   * it was sent by before nothing is sent again; `IdempotencyError` when that was another event.
   */
  sendRaw(name: string, data: unknown, id?: string): Promise<{ readonly jobId: string }>;
  /** How an event is; null for one that was never sent or is forgotten by now. */
  look(jobId: string): Promise<EventState | null>;
  /** Asks the planner to take a drained node out of the topology. */
  removeNode(nodeId: string): Promise<{ readonly jobId: string }>;
  /** Asks the planner to carry out a plan that was shown; `StalePlanError` is its answer where it would be another now. */
  applyPlan(plan: PlanApplied, id?: string): Promise<{ readonly jobId: string }>;
  /** Whether this plan was applied by that id; throws `IdempotencyError` where something else was sent by it. */
  wasApplied(plan: string, id: string): Promise<boolean>;
  /** What the planner made of it: throws the error that it was refused with, `TimeoutError` when nobody took it. */
  result(
    jobId: string,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<EventOutcome>;
}
