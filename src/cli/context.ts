/** From the command line to what commands work with. */
import type { Command } from 'commander';
import { loadConfig, type Config, type ConfigKey } from '../config.ts';
import type { ControlParts } from '../control/parts.ts';
import { openControl } from '../service.ts';
import type { OutputFormat } from './output.ts';

/** Options of the program itself, to be given before or after the command. */
export interface GlobalOptions {
  readonly output: OutputFormat;
  readonly redis?: string;
  readonly config?: string;
}

export const globalsOf = (command: Command): GlobalOptions => command.optsWithGlobals<GlobalOptions>();

/** The configuration, as processes take it. Throws `ConfigError`. */
export function configOf(command: Command, overrides: Partial<Record<ConfigKey, unknown>> = {}): Config {
  const { redis, config } = globalsOf(command);
  const environment = config === undefined ? process.env : { ...process.env, MIROIR_CONFIG: config };
  return loadConfig(environment, { ...overrides, ...(redis === undefined ? {} : { redis_url: redis }) });
}

/** Runs a verb against the fleet that the configuration names, and closes all connections afterwards. */
export async function withControl<T>(command: Command, act: (control: ControlParts) => Promise<T>): Promise<T> {
  // A person reads this terminal: the errors of commands are enough, unless more is asked for.
  const quiet = process.env['MIROIR_LOG_LEVEL'] === undefined ? { log_level: 'silent' } : {};
  const control = await openControl(configOf(command, quiet));
  try {
    return await act(control);
  } finally {
    await control.close();
  }
}

/** Aborted by the first Ctrl-C; a second one ends the process as usual. */
export function untilInterrupted(): { readonly signal: AbortSignal; stop(this: void): void } {
  const controller = new AbortController();
  const onSignal = (): void => controller.abort(new Error('interrupted'));
  process.once('SIGINT', onSignal);
  return { signal: controller.signal, stop: () => process.off('SIGINT', onSignal) };
}
