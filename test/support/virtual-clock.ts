// A clock that stands still until a test moves it.
import type { Clock } from '../../src/ports.ts';

interface Timer {
  readonly dueMs: number;
  readonly fn: () => void;
}

/** Lets everything that waits only for other promises go on. */
const settle = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

export class VirtualClock implements Clock {
  #monotonicMs = 5_000;
  #wallMs = 1_700_000_000_000;
  #timers: Timer[] = [];

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  /** The middle: intervals that vary around their length have just that length. */
  random(): number {
    return 0.5;
  }

  timer(ms: number, fn: () => void): () => void {
    const timer = { dueMs: this.#monotonicMs + ms, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const stop = this.timer(ms, resolve);
      signal?.addEventListener('abort', () => {
        stop();
        reject(signal.reason as Error);
      });
    });
  }

  /** Time passes, and every timer that is due runs at its time. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    await settle();
    for (;;) {
      const [next] = this.#timers.filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) break;
      this.jump(Math.max(0, next.dueMs - this.#monotonicMs));
      this.#timers = this.#timers.filter((other) => other !== next);
      next.fn();
      await settle();
    }
    this.jump(endMs - this.#monotonicMs);
  }

  /** Time passes for a process that does not run: no timer is called. A suspended machine's `monotonic` stands still. */
  jump(monotonicMs: number, wallMs = monotonicMs): void {
    this.#monotonicMs += monotonicMs;
    this.#wallMs += wallMs;
  }
}
