/** `miroir gateway-key` and `miroir api-key`: new keys for clients of the gateway, and for who asks the control API. */
import { Option, type Command } from 'commander';
import { type ApiKeyWish, newApiKey, SCOPES } from '../api/keys.ts';
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
      show(command, newKey(flags), 'gateway_keys_file');
    });

  program
    .command('api-key')
    .description('make a key for the control API: the key, shown once, and its entry for api_keys_file')
    .requiredOption('--name <name>', 'who uses it: the audit stream names it; two keys of a name may hold at a time')
    .addOption(
      new Option('--scope <scope>', 'read: look; plan: ask what a change would do; operate: change; admin: everything')
        .choices(SCOPES)
        .makeOptionMandatory(),
    )
    .option('--expires-at <time>', 'as in 2027-01-31T00:00:00Z; default: never')
    .addHelpText('after', '\nExample:\n  miroir api-key --name ci-bot --scope operate')
    .action((flags: ApiKeyWish, command: Command) => {
      show(command, newApiKey(flags), 'api_keys_file');
    });
}

function show(command: Command, made: { readonly key: string; readonly entry: object }, file: string): void {
  print(globalsOf(command).output, made, () => `${made.key}\n${JSON.stringify(made.entry)}`);
  say(`keep the key: it is not stored anywhere; put the entry into the array of ${file}`);
}
