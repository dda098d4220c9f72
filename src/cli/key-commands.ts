/** `miroir gateway-key`: a new API key for clients of the gateway. */
import type { Command } from 'commander';
import { newKey } from '../gateway/keys.ts';
import { globalsOf } from './context.ts';
import { print, say } from './output.ts';
import { list } from './values.ts';

interface KeyFlags {
  readonly actions: string[];
  readonly indexes: string[];
  readonly name?: string;
  readonly expiresAt?: string;
}

export function addKeyCommands(program: Command): void {
  program
    .command('gateway-key')
    .description('make an API key for clients of the gateway: the key, shown once, and its entry for gateway_keys_file')
    .requiredOption(
      '--actions <list>',
      'what it may do, as keys of a node: search, documents.add, documents.*, *',
      list,
    )
    .option('--indexes <list>', 'indexes, or beginnings with a star: products,logs_*', list, ['*'])
    .option('--name <text>', 'for people')
    .option('--expires-at <time>', 'as in 2027-01-31T00:00:00Z; default: never')
    .addHelpText(
      'after',
      '\nThe file is a JSON array of entries; it holds hashes only, and a gateway reads it again when it changes.\n\nExample:\n  miroir gateway-key --actions search --indexes cities --name shop',
    )
    .action((flags: KeyFlags, command: Command) => {
      const made = newKey(flags);
      print(globalsOf(command).output, made, () => `${made.key}\n${JSON.stringify(made.entry)}`);
      say('keep the key: it is not stored anywhere; put the entry into the array of gateway_keys_file');
    });
}
