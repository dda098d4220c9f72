// A command that runs until a signal, as a process of its own.
import { type Exit, startChild, waitUntilReady } from '../../src/fleet/child.ts';
import { entryCommand } from './built-entry.ts';

export interface CliProcess {
  /** The line of JSON that it printed when it ran. */
  readonly line: string;
  stop(): Promise<Exit>;
}

const READY_MS = 60_000;

export async function startCli(args: readonly string[], env: Readonly<Record<string, string>>): Promise<CliProcess> {
  const entry = entryCommand('src/cli/main');
  let line: string | undefined;
  const child = await startChild(
    { command: entry.command, args: [...entry.args, ...args] },
    {
      name: `miroir ${args.join(' ')}`,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
      onLine: (text, stream) => (line ??= stream === 'stdout' ? text : undefined),
    },
  );
  await waitUntilReady(child, () => Promise.resolve(line !== undefined), READY_MS);
  return { line: line ?? '', stop: () => child.stop() };
}
