/** Waiting for something to change: whoever waits for a name (any value) is woken when it is rung, or when its time is over. */
import type { Clock } from '../../ports.ts';

interface Waiter {
  readonly wake: () => void;
  /** Lower ones are woken first where not all are. */
  readonly rank: number;
}

export class Bell {
  readonly #clock: Clock;
  readonly #waiting = new Map<unknown, Set<Waiter>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wakes whoever waits for the name, or only so many of lowest rank. */
  ring(name: unknown, most = Number.POSITIVE_INFINITY): void {
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) return;
    const woken = waiting.size <= most ? waiting : [...waiting].sort((a, b) => a.rank - b.rank).slice(0, most);
    for (const { wake } of woken) wake();
  }

  /** Whether nobody of lower rank waits for any of the names. */
  isFirst(names: readonly unknown[], rank: number): boolean {
    return names.every((name) => [...(this.#waiting.get(name) ?? [])].every((waiter) => waiter.rank >= rank));
  }

  /** Resolves at a ring of any of the names, or after `ms`; rejects with the signal's reason. */
  wait(names: readonly unknown[], ms: number, signal?: AbortSignal, rank = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const end = (): void => {
        stopTimer();
        signal?.removeEventListener('abort', onAbort);
        for (const name of names) {
          const waiting = this.#waiting.get(name);
          waiting?.delete(waiter);
          if (waiting?.size === 0) this.#waiting.delete(name);
        }
      };
      const wake = (): void => {
        end();
        resolve();
      };
      const waiter: Waiter = { wake, rank };
      const onAbort = (): void => {
        end();
        reject(signal?.reason as Error);
      };
      const stopTimer = this.#clock.timer(ms, wake);
      signal?.addEventListener('abort', onAbort, { once: true });
      for (const name of names) {
        const waiting = this.#waiting.get(name) ?? new Set();
        this.#waiting.set(name, waiting.add(waiter));
      }
    });
  }
}
