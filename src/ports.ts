/**
 * What the engine needs from outside, as interfaces. Phases speak to these; adapters in redis/, queue/ and nodes/
 * implement them; service.ts wires. Units stand at the end of names; tokens (fences) are decimal strings, because
 * Redis scripts would round them as numbers.
 */
export type * from './ports/clock.ts';
export type * from './ports/failpoint.ts';
export type * from './ports/lease.ts';
export type * from './ports/nodes.ts';
export type * from './ports/records.ts';
export type * from './ports/queue.ts';
export type * from './ports/telemetry.ts';

/** Where events go; the library for other services is one. */
export interface EventSender {
  /** An event as a job's name and data, in either form. Throws what is wrong with it, or `QueueFullError`. */
  sendRaw(name: string, data: unknown): Promise<{ readonly jobId: string }>;
  /** Asks the planner to take a drained node out of the topology. */
  removeNode(nodeId: string): Promise<{ readonly jobId: string }>;
  /** What the planner made of it: throws the error that it was refused with, `TimeoutError` when nobody took it. */
  result(
    jobId: string,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<EventOutcome>;
}
