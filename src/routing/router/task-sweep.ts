/**
 * Looks at open tasks that nobody looks after any more: their router has died, or had too many of them. Else a copy on
 * which somebody else's document made such a write fail would be on no list (R10).
 */
import { messageOf } from '../../errors.ts';
import type { ClientTasks, Clock, Logger } from '../../ports.ts';
import type { Registration } from './registration.ts';
import type { TaskBook } from './task-book.ts';
import type { TaskFollower } from './task-follower.ts';

export interface TaskSweepOptions {
  readonly clientTasks: Pick<ClientTasks, 'open'>;
  readonly follower: TaskFollower;
  readonly registration: Registration;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Between two rounds, on the average, and tasks looked at in one. */
const EVERY_MS = 30_000;
const TASKS_PER_ROUND = 500;

export class TaskSweep {
  readonly #options: TaskSweepOptions;
  readonly #stop = new AbortController();
  /** Uid at which the next round begins: tasks that cannot end yet must not hide the others. */
  #from = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: TaskSweepOptions) {
    this.#options = options;
  }

  start(book: TaskBook): void {
    this.#running = this.#run(book);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(book: TaskBook): Promise<void> {
    const { registration, clock, logger } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        // Before that no node is known.
        await registration.confirmed(signal);
        await this.#look(book);
      } catch (error) {
        if (!signal.aborted) logger.debug({ problem: messageOf(error) }, 'open tasks not looked at');
      }
      // Routers that began together do not stay together.
      await clock.sleep(EVERY_MS * (0.5 + clock.random()), signal).catch(() => undefined);
    }
  }

  async #look(book: TaskBook): Promise<void> {
    const { clientTasks, follower } = this.#options;
    const tasks = await clientTasks.open(this.#from, TASKS_PER_ROUND);
    const last = tasks.at(-1);
    const mayBeMore = last !== undefined && tasks.length === TASKS_PER_ROUND && follower.isLate(last);
    this.#from = mayBeMore ? last.uid + 1 : 0;
    const left = tasks.filter((task) => follower.isLeft(task));
    if (left.length > 0) await book.look(left, this.#stop.signal, () => true);
  }
}
