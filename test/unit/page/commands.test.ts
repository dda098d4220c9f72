// What the page copies for a terminal has to be there: every command that its sources name is one of ours.
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../../src/cli/program.ts';
import { filesUnder, textOf } from '../../docs/tables.ts';

/** The command that the words begin with, and its options. */
function commandOf(program: Command, words: readonly string[]): Command | null {
  const [first = '', ...rest] = words;
  const command = program.commands.find((one) => one.name() === first);
  if (command === undefined) return null;
  return commandOf(command, rest) ?? command;
}

const named = filesUnder('src/page').flatMap((path) =>
  [...textOf(path).matchAll(/miroir ([a-z][a-z -]*[a-z])((?: --?[a-z-]+| \S+)*)/g)].map(([text]) => [path, text]),
);

describe('commands that the page shows', () => {
  it('are many', () => expect(named.length).toBeGreaterThan(12));
  it.each(named)('%s: %s', (_path, text = '') => {
    const words = text.split(' ').slice(1);
    const command = commandOf(buildProgram(), words);
    expect(command).not.toBeNull();
    const flags = words.flatMap((word) => /^--?[a-z-]+/.exec(word)?.[0] ?? []);
    const known = command!.options.flatMap(({ short, long }) => [short, long]);
    expect(flags.filter((flag) => !known.includes(flag))).toEqual([]);
    expect(command!.commands, `${text} is no whole command`).toEqual([]);
  });
});
