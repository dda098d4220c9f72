// The commands of the command line as the parser has them.
import type { Command } from 'commander';

export interface Leaf {
  /** `node add`. */
  readonly name: string;
  readonly command: Command;
}

/** Every command that does something, in the order of the help. */
export function leavesOf(command: Command, path: readonly string[] = []): Leaf[] {
  return command.commands.flatMap((child) => {
    const name = [...path, child.name()];
    // One that has others below it may do something itself, and only the parser knows.
    const acts = child.commands.length === 0 || typeof Reflect.get(child, '_actionHandler') === 'function';
    return [...(acts ? [{ name: name.join(' '), command: child }] : []), ...leavesOf(child, name)];
  });
}

/** Everything that `--help` prints, and the lines of its examples. */
export function helpOf(command: Command): { readonly text: string; readonly examples: readonly string[] } {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 120 }).outputHelp();
  const [, after = ''] = /\nExamples?:\n((?: {2}.*\n?)+)/.exec(text) ?? [];
  return {
    text,
    examples: after
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  };
}

/** The command that these words begin with, the longest name that fits; undefined where there is none. */
export const leafIn = (leaves: readonly Leaf[], words: readonly string[]): Leaf | undefined =>
  leaves
    .filter(({ name }) => `${words.join(' ')} `.startsWith(`${name} `))
    .sort((a, b) => b.name.length - a.name.length)[0];

/** What is wrong with a line `miroir …` as the parser would see it, but for the values; null: nothing. */
export function problemOf(program: Command, line: string): string | null {
  const words = line.split(' ').slice(1);
  const leaf = leafIn(leavesOf(program), words);
  if (leaf === undefined) return `${line}: there is no such command`;
  const known = [...program.options, ...leaf.command.options].flatMap(({ short, long }) => [short, long]);
  const flags = words.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.replace(/=.*/, ''));
  const unknown = flags.filter((flag) => !['-h', '--help', ...known].includes(flag));
  return unknown.length === 0 ? null : `${line}: ${leaf.name} has no ${unknown.join(', ')}`;
}
