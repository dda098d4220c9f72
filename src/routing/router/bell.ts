/** Waiting for something to change: whoever waits for a name (any value) is woken when it is rung, or when its time is over. */
import type { Clock } from '../../ports.ts';

export class Bell {
  readonly #clock: Clock;
  readonly #waiting = new Map<unknown, Set<() => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(name: unknown): void {
    for (const wake of this.#waiting.get(name) ?? []) wake();
  }

  /** Resolves at a ring of any of the names, or after `ms`; rejects with the signal's reason. */
  wait(names: readonly unknown[], ms: number, signal?: AbortSignal): Promise<void> {
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
          waiting?.delete(wake);
          if (waiting?.size === 0) this.#waiting.delete(name);
        }
      };
      const wake = (): void => {
        end();
        resolve();
      };
      const onAbort = (): void => {
        end();
        reject(signal?.reason as Error);
      };
      const stopTimer = this.#clock.timer(ms, wake);
      signal?.addEventListener('abort', onAbort, { once: true });
      for (const name of names) {
        const waiting = this.#waiting.get(name) ?? new Set();
        this.#waiting.set(name, waiting.add(wake));
      }
    });
  }
}
