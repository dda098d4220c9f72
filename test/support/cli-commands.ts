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
