/** From the command line to what commands work with. */
import type { Command } from 'commander';
import { loadConfig, type Config } from '../config.ts';
import type { Control } from '../service.ts';
import type { OutputFormat } from './output.ts';

/** Options of the program itself, to be given before or after the command. */
export interface GlobalOptions {
  readonly output: OutputFormat;
  readonly redis?: string;
  readonly config?: string;
}

export const globalsOf = (command: Command): GlobalOptions => command.optsWithGlobals<GlobalOptions>();

/** The configuration, as processes take it. Throws `ConfigError`. */
export function configOf(command: Command): Config {
  const { redis, config } = globalsOf(command);
  const environment = config === undefined ? process.env : { ...process.env, MIROIR_CONFIG: config };
  return loadConfig(environment, redis === undefined ? {} : { redis_url: redis });
}

/** Runs a verb against the fleet that the configuration names, and closes all connections afterwards. */
export async function withControl<T>(
  command: Command,
  act: (control: Control) => Promise<T>,
  options: { readonly anyRedis?: boolean } = {},
): Promise<T> {
  const config = configOf(command);
  // All parts of the system come with it; help, usage errors and configuration do without.
  const { openControl } = await import('../service.ts');
  const control = await openControl(config, options);
  try {
    return await act(control);
  } finally {
    await control.close();
  }
}

/** Aborted by the first Ctrl-C, or when nobody reads stdout any more (`| head`); a second Ctrl-C ends the process as usual. */
export function untilInterrupted(): { readonly signal: AbortSignal; stop(this: void): void } {
  const controller = new AbortController();
  const onSignal = (): void => controller.abort(new Error('interrupted'));
  process.once('SIGINT', onSignal);
  process.stdout.on('error', onSignal);
  return {
    signal: controller.signal,
    stop: () => {
      process.off('SIGINT', onSignal);
      process.stdout.off('error', onSignal);
    },
  };
}
