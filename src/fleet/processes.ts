// Worker processes (`workers/<name>`), each started with the configuration that it is given and nothing else.
import { startChild, waitUntilReady } from './child.ts';
import type { Child, ChildOptions } from './child.ts';
import { entryCommand } from './entry.ts';

export interface WorkerOptions extends Pick<ChildOptions, 'cwd' | 'tailLines' | 'onLine'> {
  /** Name for messages where several of a kind run: `rebalancer 2`. */
  readonly label?: string;
  readonly args?: readonly string[];
}

/**
 * Starts `workers/<name>`. The MIROIR_* variables are those given, so that a setting in our own environment cannot
 * reach one worker and miss another; everything else (PATH, HOME, …) is inherited. Resolves when the process runs,
 * not when it is ready to work.
 */
export async function spawnWorker(
  name: string,
  env: Readonly<Record<string, string>>,
  options: WorkerOptions = {},
): Promise<Child> {
  const entry = entryCommand(`workers/${name}`);
  const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('MIROIR_'));
  const { label = name, args = [], ...rest } = options;
  return startChild(
    { command: entry.command, args: [...entry.args, ...args] },
    { ...rest, name: `worker ${label}`, env: { ...Object.fromEntries(inherited), ...env } },
  );
}

/** What a worker prints on stdout when it runs. */
export interface WorkerReady {
  readonly role: string;
  /** Where its metrics are; null when the port was taken. */
  readonly metrics: string | null;
  readonly board?: string;
  readonly gateway?: string;
}

export interface WorkerProcess {
  readonly child: Child;
  readonly ready: WorkerReady;
}

/** The first start of the sources compiles them, and a worker waits up to 10 s for its Redis. */
const READY_DEADLINE_MS = 30_000;

/** Starts `workers/<name>` and resolves when it works; throws with its last lines when it ends before that. */
export async function startWorker(
  name: string,
  env: Readonly<Record<string, string>>,
  options: WorkerOptions = {},
): Promise<WorkerProcess> {
  let ready: WorkerReady | undefined;
  const child = await spawnWorker(name, env, {
    ...options,
    onLine(line, stream) {
      if (stream === 'stdout') ready ??= readyIn(line);
      options.onLine?.(line, stream);
    },
  });
  await waitUntilReady(child, () => Promise.resolve(ready !== undefined), READY_DEADLINE_MS);
  return { child, ready: ready ?? { role: name, metrics: null } };
}

function readyIn(line: string): WorkerReady | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { role, metrics, board, gateway } = JSON.parse(line) as Record<string, unknown>;
    if (typeof role !== 'string') return undefined;
    return {
      role,
      metrics: typeof metrics === 'string' ? metrics : null,
      ...(typeof board === 'string' ? { board } : {}),
      ...(typeof gateway === 'string' ? { gateway } : {}),
    };
  } catch {
    return undefined; // a line that only begins like JSON
  }
}
