// What commands print, in each format, and that the help of every command shows how it is typed.
import type { Command } from 'commander';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { colorsOf, print, printStarted, type OutputFormat } from '../../../src/cli/output.ts';
import { buildProgram } from '../../../src/cli/program.ts';
import { helpOf, leavesOf, problemOf } from '../../support/cli-commands.ts';
import { commandsIn } from '../../support/transcript.ts';

afterEach(() => vi.restoreAllMocks());

function heard(act: () => void): { readonly out: string; readonly talk: string } {
  let [out, talk] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((out += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((talk += String(text)), true));
  act();
  vi.restoreAllMocks();
  return { out, talk };
}
const printed = (format: OutputFormat, value: unknown): string => heard(() => print(format, value, () => 'text')).out;

describe('what commands print', () => {
  it.each([
    ['a list', [{ a: 1 }, { a: 2 }], '{"a":1}\n{"a":2}\n'],
    ['a page', { results: [{ a: 1 }], total: 1, next: null }, '{"a":1}\n'],
    ['one thing', { a: [1, 2] }, '{"a":[1,2]}\n'],
    ['nothing', [], ''],
  ])('as ndjson is one object a line: %s', (_, value, text) => {
    expect(printed('ndjson', value)).toBe(text);
  });

  it('is indented as json, and what people read else', () => {
    expect(printed('json', [1])).toBe('[\n  1\n]\n');
    expect(printed('table', [1])).toBe('text\n');
  });

  it('says what to type next to people, and to programs as next_steps', () => {
    const started = (format: OutputFormat): ReturnType<typeof heard> =>
      heard(() => printStarted(format, { a: 1 }, () => 'text', ['miroir status -w']));
    expect(started('table')).toEqual({ out: 'text\n', talk: 'next: miroir status -w\n' });
    expect(started('ndjson')).toEqual({ out: '{"a":1,"next_steps":["miroir status -w"]}\n', talk: '' });
    expect(heard(() => printStarted('table', {}, null, ['x']))).toEqual({ out: '', talk: 'next: x\n' });
  });

  it('has colours in a terminal only, and none where NO_COLOR is set', () => {
    const stream = (isTTY: boolean): NodeJS.WriteStream => ({ isTTY }) as NodeJS.WriteStream;
    vi.stubEnv('NO_COLOR', '');
    vi.stubEnv('FORCE_COLOR', '1');
    expect(colorsOf(stream(true)).red('x')).toBe('\u001b[31mx\u001b[39m');
    expect(colorsOf(stream(false)).red('x')).toBe('x');
    vi.stubEnv('NO_COLOR', '1');
    expect(colorsOf(stream(true)).red('x')).toBe('x');
    vi.unstubAllEnvs();
  });
});

describe('the help of every command', () => {
  const program = buildProgram();
  const leaves = leavesOf(program);

  it.each([
    'status',
    'node list',
    'group list',
    'plan list',
    'plan show',
    'move list',
    'move explain',
    'shard explain',
  ])('%s goes on showing what changes when asked to', (name) => {
    const found = leaves.find((leaf) => leaf.name === name)?.command;
    expect(found?.options.map(({ flags }) => flags)).toContain('-w, --watch');
  });

  it.each(leaves.map((command): [string, Command] => [command.name, command.command]))(
    '%s says what it does, and shows an example',
    (name, command) => {
      expect(command.description()).not.toBe('');
      const examples = helpOf(command).examples;
      expect(
        examples.length,
        `${name} has no example: addHelpText('after', '\\nExample:\\n  miroir …')`,
      ).toBeGreaterThan(0);
      expect(
        examples.some((line) => line.includes(`miroir ${name}`)),
        examples.join('\n'),
      ).toBe(true);
      const problems = examples.flatMap(commandsIn).map((line) => problemOf(program, line));
      expect(problems.filter((problem) => problem !== null)).toEqual([]);
    },
  );
});
