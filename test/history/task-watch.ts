// Asks for the tasks of acknowledged writes until they have finished, many in one request, a bounded number in all.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Recorder, WriteCall } from './record.ts';
import type { Target } from './targets.ts';

export interface TaskWatchOptions {
  readonly recorder: Recorder;
  /** Routers of one fleet: each knows every task. */
  readonly targets: readonly Target[];
  /** Tasks watched at a time; writers wait for room. */
  readonly openMax: number;
  readonly deadlineMs: number;
  readonly pollMs?: number;
}

interface Open {
  readonly call: WriteCall;
  readonly uid: number;
  /** Answers that did not name it although they were asked for it. */
  missed: number;
}

const POLL_MS = 20;
const ASKED_MAX = 200;
/** So many answers without it, and it is given up: its write stays acknowledged and not seen applied. */
const MISSED_MAX = 50;
const FINISHED = new Set(['succeeded', 'failed', 'canceled']);

export class TaskWatch {
  /** Tasks that nobody knew any more. */
  vanished = 0;
  readonly #options: TaskWatchOptions;
  readonly #running: Promise<void>;
  #open: Open[] = [];
  #round = 0;
  #isOver = false;

  constructor(options: TaskWatchOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  get open(): number {
    return this.#open.length;
  }

  get hasRoom(): boolean {
    return this.#open.length < this.#options.openMax;
  }

  add(call: WriteCall, uid: number): void {
    this.#open.push({ call, uid, missed: 0 });
  }

  /** Resolves when no task is open, or after the time. */
  async drain(withinMs: number): Promise<void> {
    const giveUpAtMs = performance.now() + withinMs;
    while (this.#open.length > 0 && performance.now() < giveUpAtMs) await sleep(POLL_MS);
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const asked = this.#open.slice(0, ASKED_MAX);
      const finished = asked.length === 0 ? 0 : await this.#ask(asked);
      // Those that are open still go to the back, so that every task has its turn.
      this.#open = [...this.#open.slice(asked.length), ...asked.filter(({ call, missed }) => isOpen(call, missed))];
      if (finished < asked.length || asked.length === 0) await sleep(this.#options.pollMs ?? POLL_MS);
    }
  }

  async #ask(asked: readonly Open[]): Promise<number> {
    const { recorder, targets, deadlineMs } = this.#options;
    const target = targets[this.#round % targets.length];
    this.#round += 1;
    const statuses = await target?.tasks(
      asked.map(({ uid }) => uid),
      AbortSignal.timeout(deadlineMs),
    );
    if (statuses == null) return 0;
    let finished = 0;
    for (const one of asked) {
      const status = statuses.get(one.uid);
      if (status === undefined) {
        one.missed += 1;
        if (one.missed === MISSED_MAX) this.vanished += 1;
      } else if (FINISHED.has(status)) {
        recorder.finished(one.call, status === 'succeeded', status === 'succeeded' ? one.call.note : `task ${status}`);
        finished += 1;
      }
    }
    return finished;
  }
}

const isOpen = ({ outcome }: WriteCall, missed: number): boolean => outcome === 'acknowledged' && missed < MISSED_MAX;
