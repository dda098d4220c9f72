/**
 * How many requests a node gets at a time. What is more waits in line, in order; what is more than the line holds is
 * refused at once, so that a node that hangs costs a bounded number of requests and no other node's.
 */
import type { Clock } from '../ports.ts';

export interface TurnstileLimits {
  /** Requests under way. */
  readonly active: number;
  /** Requests that wait for one of them to end. */
  readonly waiting: number;
}

interface Waiter {
  readonly admit: () => void;
}

export class Turnstile {
  readonly #limits: TurnstileLimits;
  readonly #clock: Clock;
  readonly #line = new Set<Waiter>();
  #active = 0;

  constructor(limits: TurnstileLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /**
   * `admitted`: the caller calls `leave` once, whatever comes. `full` and `late` (not admitted within `waitMs`) count
   * for nothing. Rejects with the signal's reason.
   */
  async enter(waitMs: number, signal: AbortSignal): Promise<'admitted' | 'full' | 'late'> {
    signal.throwIfAborted();
    if (this.#active < this.#limits.active) {
      this.#active += 1;
      return 'admitted';
    }
    return this.#line.size < this.#limits.waiting ? this.#wait(waitMs, signal) : 'full';
  }

  /** The place goes to the first in line, or is free. */
  leave(): void {
    const [first] = this.#line;
    if (first === undefined) this.#active -= 1;
    else first.admit();
  }

  #wait(waitMs: number, signal: AbortSignal): Promise<'admitted' | 'late'> {
    return new Promise((resolve, reject) => {
      const leaveLine = (): void => {
        this.#line.delete(waiter);
        stopTimer();
        signal.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        admit: () => {
          leaveLine();
          resolve('admitted');
        },
      };
      const onAbort = (): void => {
        leaveLine();
        // eslint-disable-next-line prefer-promise-reject-errors -- the caller's own reason
        reject(signal.reason);
      };
      const stopTimer = this.#clock.timer(waitMs, () => {
        leaveLine();
        resolve('late');
      });
      signal.addEventListener('abort', onAbort, { once: true });
      this.#line.add(waiter);
    });
  }
}
