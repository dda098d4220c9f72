/** Asks for the tasks of acknowledged writes until they are over: many in one question, a bounded number in all. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Line } from './gateways.ts';

/** `open`: nobody looks any more. */
export type TaskEnd = 'succeeded' | 'failed' | 'open';

/** More than these, and writers wait. */
const OPEN_MAX = 400;
const ASKED_MAX = 100;
const LOOK_MS = 100;

export class TaskWatch {
  readonly #line: Line;
  readonly #open = new Map<number, (end: TaskEnd) => void>();
  #isRunning = true;

  constructor(line: Line) {
    this.#line = line;
  }

  get open(): number {
    return this.#open.size;
  }

  get hasRoom(): boolean {
    return this.#open.size < OPEN_MAX;
  }

  /** Resolves when it is over. */
  ended(uid: number): Promise<TaskEnd> {
    return new Promise((resolve) => {
      this.#open.set(uid, resolve);
      if (!this.#isRunning) resolve('open');
    });
  }

  /** Until the signal, or until nothing is open any more and `isOver`: then nothing comes any more. */
  async run(isOver: () => boolean, signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted && !(isOver() && this.#open.size === 0)) {
        const uids = [...this.#open.keys()].slice(0, ASKED_MAX);
        if (uids.length > 0) await this.#look(uids);
        await sleep(LOOK_MS, undefined, { signal });
      }
    } finally {
      this.#isRunning = false;
      for (const end of this.#open.values()) end('open');
    }
  }

  async #look(uids: readonly number[]): Promise<void> {
    const statuses = await this.#line.tasks(uids);
    for (const uid of uids) {
      const end = this.#open.get(uid);
      const status = statuses.get(uid);
      this.#open.delete(uid);
      // Those that are open still go to the back, so that every task has its turn.
      if (end !== undefined && (status === 'enqueued' || status === 'processing')) this.#open.set(uid, end);
      else end?.(status === 'succeeded' ? 'succeeded' : 'failed');
    }
  }
}
