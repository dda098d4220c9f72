/** `miroir config …` */
import type { Command } from 'commander';
import { CONFIG_KEYS, environmentName, printableConfig, type ConfigKey } from '../config.ts';
import { configOf, globalsOf } from './context.ts';
import { print, tableText } from './output.ts';

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

export function addConfigCommands(program: Command): void {
  const config = program.command('config').description('what the configuration is, and what it may be');

  config
    .command('print')
    .description('every key with the value that processes here would take; secrets are masked')
    .addHelpText('after', '\nExample:\n  miroir config print | grep ^redis_url')
    .action((_flags: object, command: Command) => {
      const values = printableConfig(configOf(command));
      print(globalsOf(command).output, values, () =>
        tableText(
          ['key', 'value'],
          Object.entries(values).map(([name, value]) => [name, textOf(value)]),
        ),
      );
    });

  config
    .command('schema')
    .description('every key with its environment variable, default, unit and reason')
    .addHelpText('after', '\nExample:\n  miroir config schema | grep GRACE')
    .action((_flags: object, command: Command) => {
      const keys = (Object.keys(CONFIG_KEYS) as ConfigKey[]).map((name) => ({
        key: name,
        environment: environmentName(name),
        default: CONFIG_KEYS[name].default as unknown,
        unit: CONFIG_KEYS[name].unit,
        reason: CONFIG_KEYS[name].reason,
      }));
      print(globalsOf(command).output, keys, () =>
        tableText(
          ['environment', 'default', 'unit', 'reason'],
          keys.map((one) => [one.environment, textOf(one.default), one.unit, one.reason]),
        ),
      );
    });
}
