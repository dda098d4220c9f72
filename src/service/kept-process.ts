/** A process of ours that is started again whenever it ends by itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import { type WorkerProcess, type WorkerReady, startWorker } from '../fleet/processes.ts';
import type { Logger } from '../ports.ts';

export interface KeptOptions {
  /** File in `workers/`. */
  readonly worker: string;
  /** For people: `rebalancer 2`. */
  readonly label: string;
  readonly environment: Readonly<Record<string, string>>;
  /** What it gets besides when it is started again, by what it said when it ran last. */
  readonly again?: (ready: WorkerReady) => Readonly<Record<string, string>>;
  readonly logger: Logger;
}

/** One that dies at once is started again after 0.5 s, 1 s, 2 s, … 30 s. */
const RESTART_MIN_MS = 500;
const RESTART_MAX_MS = 30_000;
/** One that ran this long did not die of its start. */
const SETTLED_MS = 60_000;
/** Ours drain in under 5 s by themselves. */
const STOP_MS = 4_200;

/** Keeps one process running until it is stopped. */
export class KeptProcess {
  readonly #options: KeptOptions;
  readonly #stopping = new AbortController();
  #running: WorkerProcess | null = null;
  #ready: WorkerReady | null = null;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: KeptOptions) {
    this.#options = options;
  }

  /** Null while it is being started again. */
  get running(): WorkerProcess | null {
    return this.#running;
  }

  /** The first start must succeed; after that it is started again whenever it ends. */
  async start(): Promise<void> {
    await this.#launch();
    this.#ended = this.#keep();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running?.child.stop(STOP_MS);
    await this.#ended;
  }

  async #launch(): Promise<void> {
    const { worker, label, environment, again } = this.#options;
    const besides = this.#ready === null ? {} : again?.(this.#ready);
    this.#running = await startWorker(
      worker,
      { ...environment, ...besides },
      {
        label,
        // Its log is ours: one JSON line each, as our own.
        onLine: (line, stream) => {
          if (stream === 'stderr') process.stderr.write(`${line}\n`);
        },
      },
    );
    this.#ready = this.#running.ready;
  }

  async #keep(): Promise<void> {
    const { label, logger } = this.#options;
    let waitMs = RESTART_MIN_MS;
    let startedAtMs = performance.now();
    for (;;) {
      const exit = await this.#running?.child.exited;
      this.#running = null;
      if (this.#stopping.signal.aborted) return;
      if (performance.now() - startedAtMs > SETTLED_MS) waitMs = RESTART_MIN_MS;
      logger.error({ process: label, exit, restartMs: waitMs }, 'a process ended by itself; starting it again');
      try {
        await sleep(waitMs, undefined, { signal: this.#stopping.signal });
        startedAtMs = performance.now();
        await this.#launch();
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        logger.error({ process: label, problem: messageOf(error) }, 'the process did not start');
      }
      waitMs = Math.min(waitMs * 2, RESTART_MAX_MS);
    }
  }
}
