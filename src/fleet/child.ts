// Child processes of the fleet: how they are started, watched and ended. Redis, nodes and workers share this file.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { MiroirError } from '../errors.ts';
import type { MiroirErrorOptions } from '../errors.ts';
import type { DataFolder } from './folder.ts';
import { forgetChild, watchChild } from './watchdog.ts';

/** How a process ended: one of the two is set, as in Node's own `exit` event. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export type Stream = 'stdout' | 'stderr';

export interface ChildOptions {
  /** Name for messages: `redis-server`, `node n1`, `worker planner`. */
  readonly name: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** What the program sees as its own name, where that decides what it does. */
  readonly argv0?: string;
  /** How many of the last output lines are kept; 200 are enough for a stack and what led to it. */
  readonly tailLines?: number;
  readonly onLine?: (line: string, stream: Stream) => void;
}

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Settles when the process is gone and its output has been read; never rejects. */
  readonly exited: Promise<Exit>;
  readonly running: boolean;
  /** The last lines of stdout and stderr together, oldest first. */
  tail(): readonly string[];
  /** Sends a signal to this process alone; false when it is gone already. */
  kill(signal: NodeJS.Signals): boolean;
  /** SIGTERM, and SIGKILL when it is still there after the deadline. */
  stop(deadlineMs?: number): Promise<Exit>;
}

/**
 * A Redis, node or worker that we start ourselves did not come up. Not normal; its last output lines, which the
 * message ends with, say why.
 */
export class ProcessStartError extends MiroirError {
  readonly code = 'miroir_process_start';
  readonly retryable = false;

  constructor(message: string, output: readonly string[] = [], options: MiroirErrorOptions = {}) {
    super(output.length === 0 ? message : `${message}\n  ${output.join('\n  ')}`, options);
  }
}

const TAIL_LINES = 200;
/** Limit: a longer line is cut, so that a process that prints documents cannot fill our memory with 200 lines. */
const LINE_CHARS_MAX = 4_000;
/** How many lines an error message shows. */
const ERROR_LINES = 15;
const STOP_DEADLINE_MS = 10_000;
const PROBE_INTERVAL_MS = 10;

export function startChild(command: Command, options: ChildOptions): Promise<Child> {
  // Why detached: a Ctrl-C in the terminal goes to the whole foreground group. In a session of its own, a child ends
  // when its owner says so, in the owner's order (workers drain before their Redis goes).
  const child = spawn(command.command, command.args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: options.env ?? process.env,
    ...(options.argv0 === undefined ? {} : { argv0: options.argv0 }),
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(new ProcessStartError(`${options.name} could not be started: ${error.message}`, [], { cause: error }));
    });
    child.once('spawn', () => {
      resolve(watchOutput(child, options));
    });
  });
}

function watchOutput(child: ChildProcess, options: ChildOptions): Child {
  const pid = child.pid;
  if (pid === undefined || child.stdout === null || child.stderr === null) {
    throw new ProcessStartError(`${options.name} was started without a process id or pipes`);
  }
  const tailLines = options.tailLines ?? TAIL_LINES;
  const tail: string[] = [];
  const collect = (stream: Readable, label: Stream): void => {
    createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => {
      tail.push(line.length > LINE_CHARS_MAX ? `${line.slice(0, LINE_CHARS_MAX)}…` : line);
      if (tail.length > tailLines) tail.shift();
      options.onLine?.(line, label);
    });
  };
  collect(child.stdout, 'stdout');
  collect(child.stderr, 'stderr');

  watchChild(pid);
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', () => {
      forgetChild(pid);
    });
    // `close` comes after `exit`, once both pipes are read to their end: the tail is complete then.
    child.once('close', (code, signal) => {
      resolve({ code, signal });
    });
  });
  const kill = (signal: NodeJS.Signals): boolean => isRunning() && child.kill(signal);

  return {
    name: options.name,
    pid,
    exited,
    get running() {
      return isRunning();
    },
    tail: () => [...tail],
    kill,
    async stop(deadlineMs = STOP_DEADLINE_MS) {
      kill('SIGTERM');
      kill('SIGCONT'); // a frozen process would not see the SIGTERM
      const late = setTimeout(() => kill('SIGKILL'), deadlineMs);
      try {
        return await exited;
      } finally {
        clearTimeout(late);
      }
    },
  };
}

/**
 * Waits until the probe says yes. Fails as soon as the process ends, and after the deadline, when it is killed;
 * both errors show what it printed last.
 */
export async function waitUntilReady(child: Child, probe: () => Promise<boolean>, deadlineMs: number): Promise<void> {
  const until = performance.now() + deadlineMs;
  while (child.running) {
    if (await probe()) return;
    if (performance.now() > until) {
      child.kill('SIGKILL');
      await child.exited;
      throw new ProcessStartError(`${child.name} was not ready after ${deadlineMs} ms`, lastLines(child));
    }
    await sleep(PROBE_INTERVAL_MS);
  }
  const exit = await child.exited;
  throw new ProcessStartError(
    `${child.name} ended before it was ready (${exit.signal ?? `exit code ${exit.code}`})`,
    lastLines(child),
  );
}

function lastLines(child: Child): readonly string[] {
  return child.tail().slice(-ERROR_LINES);
}

/** A server that can be killed and started again where it was; `launch` resolves when it is ready. */
export class RestartableProcess {
  /** Where it keeps its data, over restarts too. */
  readonly dir: string;
  readonly #folder: DataFolder;
  readonly #launch: () => Promise<Child>;
  #child: Child;

  constructor(launch: () => Promise<Child>, child: Child, folder: DataFolder) {
    this.dir = folder.path;
    this.#folder = folder;
    this.#launch = launch;
    this.#child = child;
  }

  /** Of the process that runs now; changes with every restart. */
  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.running;
  }

  /** Of the process that runs now: take it before a kill, wait for it afterwards. */
  get exited(): Promise<Exit> {
    return this.#child.exited;
  }

  tail(): readonly string[] {
    return this.#child.tail();
  }

  kill(signal: NodeJS.Signals): boolean {
    return this.#child.kill(signal);
  }

  /** Ends what still runs (after a SIGKILL it only waits for it to be gone) and starts it again; resolves when ready. */
  async restart(deadlineMs?: number): Promise<void> {
    await this.#child.stop(deadlineMs);
    this.#child = await this.#launch();
  }

  /** Ends it, and removes its folder when that is a temporary one. */
  async stop(deadlineMs?: number): Promise<Exit> {
    const exit = await this.#child.stop(deadlineMs);
    await this.#folder.remove();
    return exit;
  }
}
