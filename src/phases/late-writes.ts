/**
 * A write that was sent and got no certain answer may still arrive, behind what is sent after it. So whoever sends a newer
 * state of documents waits first until it has arrived or never will, and a lease under which one may still arrive is not
 * released clean.
 */
import { isMiroirError } from '../errors.ts';
import type { Clock, NodeClient } from '../ports.ts';
import type { PhaseContext } from './context.ts';

/** What one lease's writes to nodes are not sure of. */
export class LateWrites {
  readonly #clock: Clock;
  readonly #residueMs: number;
  /** Until when (monotonic ms) a write to that shard's copy on that node may arrive. */
  readonly #unsureUntilMs = new Map<string, number>();
  #inFlight = 0;

  constructor(clock: Clock, residueMs: number) {
    this.#clock = clock;
    this.#residueMs = residueMs;
  }

  /** Nothing is under way, and nothing that was sent can arrive any more. */
  get areOver(): boolean {
    const nowMs = this.#clock.monotonic();
    return this.#inFlight === 0 && [...this.#unsureUntilMs.values()].every((untilMs) => untilMs <= nowMs);
  }

  /** Not by move: what a move has sent may come late for the next move of the shard. */
  async send<T>(node: string, shard: number, write: () => Promise<T>): Promise<T> {
    this.#inFlight += 1;
    try {
      return await write();
    } catch (error) {
      if (isMiroirError(error) && error.details['ambiguous'] === true)
        this.#unsureUntilMs.set(`${node} ${shard}`, this.#clock.monotonic() + this.#residueMs);
      throw error;
    } finally {
      this.#inFlight -= 1;
    }
  }

  async untilSure(node: string, shard: number, signal: AbortSignal): Promise<void> {
    const restMs = (this.#unsureUntilMs.get(`${node} ${shard}`) ?? 0) - this.#clock.monotonic();
    if (restMs > 0) await this.#clock.sleep(restMs, signal);
  }
}

/** Runs a write of the move's shard to a node; notes when its outcome is unknown. Every write of a phase goes through here. */
export const sendWrite = (context: PhaseContext, { node }: NodeClient, write: () => Promise<number>): Promise<number> =>
  context.late.send(node.id, context.move.shard, write);

/** Returns when nothing that was sent to the shard's copy on the node can arrive late. */
export const untilSure = (context: PhaseContext, { node }: NodeClient): Promise<void> =>
  context.late.untilSure(node.id, context.move.shard, context.permit.signal);
