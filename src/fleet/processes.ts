// Worker processes (`workers/<name>`), each started with the configuration that it is given and nothing else.
import { entryCommand, startChild } from './child.ts';
import type { Child, ChildOptions } from './child.ts';

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
