/**
 * Everything on one machine: planner and board in this process, the movers as processes of their own, so that indexing
 * and reading pages never hold up a lease's renewal here, and a mover that dies takes nothing along.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, environmentOf } from '../config.ts';
import { messageOf } from '../errors.ts';
import { type WorkerProcess, startWorker } from '../fleet/processes.ts';
import type { Logger } from '../ports.ts';
import { openBoard } from './api.ts';
import { type Running, closeBase, openBase, serveMetrics } from './base.ts';
import { openPlanner } from './planner.ts';

export interface AllOptions {
  readonly config: Config;
  /** Mover processes, default 1. */
  readonly movers?: number;
}

export interface RunningAll extends Running {
  readonly boardUrl: string;
  /** The movers as they run now; one that was restarted has another id. */
  movers(): readonly { readonly pid: number; readonly metricsUrl: string | null }[];
}

const SERVES_NONE: ReadonlySet<string> = new Set();
/** A mover that dies at once is started again after 0.5 s, 1 s, 2 s, … 30 s. */
const RESTART_MIN_MS = 500;
const RESTART_MAX_MS = 30_000;
/** One that ran this long did not die of its start. */
const SETTLED_MS = 60_000;
/** A mover drains in under 5 s by itself. */
const STOP_MS = 4_200;

/** Keeps one mover running until it is stopped. */
class Mover {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #label: string;
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  #running: WorkerProcess | null = null;
  #ended: Promise<void> = Promise.resolve();

  constructor(environment: Readonly<Record<string, string>>, label: string, logger: Logger) {
    this.#environment = environment;
    this.#label = label;
    this.#logger = logger;
  }

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
    this.#running = await startWorker('rebalancer', this.#environment, {
      label: this.#label,
      // Its log is ours: one JSON line each, as our own.
      onLine: (line, stream) => {
        if (stream === 'stderr') process.stderr.write(`${line}\n`);
      },
    });
  }

  async #keep(): Promise<void> {
    let waitMs = RESTART_MIN_MS;
    let startedAtMs = performance.now();
    for (;;) {
      const exit = await this.#running?.child.exited;
      this.#running = null;
      if (this.#stopping.signal.aborted) return;
      if (performance.now() - startedAtMs > SETTLED_MS) waitMs = RESTART_MIN_MS;
      this.#logger.error({ mover: this.#label, exit, restartMs: waitMs }, 'a mover ended by itself; starting it again');
      try {
        await sleep(waitMs, undefined, { signal: this.#stopping.signal });
        startedAtMs = performance.now();
        await this.#launch();
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        this.#logger.error({ mover: this.#label, problem: messageOf(error) }, 'the mover did not start');
      }
      waitMs = Math.min(waitMs * 2, RESTART_MAX_MS);
    }
  }
}

export async function startAll({ config, movers: count = 1 }: AllOptions): Promise<RunningAll> {
  const base = await openBase(config, 'all');
  const closers: (() => Promise<void>)[] = [() => closeBase(base)];
  const closeAll = async (): Promise<void> => {
    for (const close of [...closers].reverse()) await close();
  };
  try {
    const metrics = await serveMetrics(base, SERVES_NONE);
    if (metrics !== null) closers.push(() => metrics.close());
    const board = await openBoard(base);
    closers.push(() => board.close());
    const planner = await openPlanner(base);
    // Any free port: the configured one is this process's own.
    const environment = { ...environmentOf(config), MIROIR_METRICS_PORT: '0' };
    const labels = Array.from({ length: count }, (_, at) => (count === 1 ? 'rebalancer' : `rebalancer ${at + 1}`));
    const movers = labels.map((label) => new Mover(environment, label, base.logger));
    closers.push(async () => {
      await Promise.all([planner.close(), ...movers.map((mover) => mover.stop())]);
    });
    await Promise.all(movers.map((mover) => mover.start()));
    base.logger.info({ board: board.url, metrics: metrics?.url, movers: count }, 'planner, board and movers run');
    return {
      metricsUrl: metrics?.url ?? null,
      boardUrl: board.url,
      movers: () =>
        movers.flatMap(({ running }) =>
          running === null ? [] : [{ pid: running.child.pid, metricsUrl: running.ready.metrics }],
        ),
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
