// docs/cli.md: every command of the command line, from the parser.
import type { Command, Option } from 'commander';
import { EXIT, EXIT_MEANING } from '../../src/cli/exit-codes.ts';
import { helpOf, leavesOf } from '../support/cli-commands.ts';
import { tableOf } from './markdown.ts';

const code = (text: string): string => `\`${text}\``;

function optionRow({ flags, description, defaultValue, argChoices, mandatory }: Option): string[] {
  const choices = argChoices === undefined ? '' : argChoices.map(code).join(', ');
  // Set by the option's absence, as --no-load does, it is no default that anybody types.
  const isPreset = defaultValue !== undefined && typeof defaultValue !== 'boolean';
  const preset = isPreset ? code(String(defaultValue as unknown)) : mandatory ? 'has to be given' : '';
  return [code(flags), [description, choices].filter((part) => part !== '').join(': '), preset];
}

const optionTable = (options: readonly Option[]): string =>
  tableOf(['option', 'meaning', 'default'], options.filter(({ hidden }) => !hidden).map(optionRow));

/** What stands between the options and the examples. */
function notesOf(text: string): string[] {
  const [, notes = ''] = /\n {2}-h, --help[^\n]*\n([\s\S]*?)\nExamples?:\n/.exec(text) ?? [];
  return notes.trim() === '' ? [] : [notes.trim()];
}

function section(mark: string, name: string, command: Command): string[] {
  const { text, examples } = helpOf(command);
  const parts = [
    `${mark} miroir ${name}`,
    command.description(),
    `\`\`\`text\nmiroir ${name} ${command.usage()}\n\`\`\``,
  ];
  const given = command.registeredArguments.filter(({ description }) => description !== '');
  if (given.length > 0)
    parts.push(
      tableOf(
        ['argument', 'meaning'],
        given.map((one) => [code(one.name()), one.description]),
      ),
    );
  if (command.options.some(({ hidden }) => !hidden)) parts.push(optionTable(command.options));
  parts.push(...notesOf(text), `\`\`\`sh\n${examples.join('\n')}\n\`\`\``);
  return parts;
}

export function cliReference(program: Command): string {
  const exits = (Object.keys(EXIT) as (keyof typeof EXIT)[]).map((name) => [
    String(EXIT[name]),
    name,
    EXIT_MEANING[name],
  ]);
  const parts = [
    '# Commands',
    'Made from the commands themselves by `node --import tsx test/docs/write.ts`. In a checkout `miroir` is `npm run -s miroir --`; installed it is `npx -p miroir-rebalancer miroir`. What to do when is in [operations.md](operations.md).',
    '## What holds for all of them',
    'Data goes to stdout, everything else to stderr. No command asks anything: what loses something is done with a flag of its own only. What goes on after a command is said behind `next:`, in JSON in `next_steps`. Ctrl-C leaves what was begun going on. `NO_COLOR` is heeded; there is no colour where there is no terminal.',
    optionTable(program.options),
    'As `json` one value is printed; as `ndjson` one object a line: the elements of a list or a page, else the whole. With `--watch` each that is new or has changed.',
    '## Exit codes',
    tableOf(['exit code', 'name', 'when'], exits),
    'Which error code has which is in [errors.md](errors.md#exit-codes-of-the-cli).',
  ];
  for (const child of program.commands) {
    const leaves = leavesOf(child, [child.name()]);
    if (leaves.length === 0) parts.push(...section('##', child.name(), child));
    else parts.push(`## miroir ${child.name()}`, child.description());
    for (const { name, command } of leaves) parts.push(...section('###', name, command));
  }
  return `${parts.join('\n\n')}\n`;
}
