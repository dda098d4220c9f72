// Command lines as people type them, run in this process, and what they print without what is another each time.
import type { Command } from 'commander';
import { vi } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { untilTrue } from './until.ts';

/** Words of a shell: quotes group, a backslash takes the next letter as it is. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [part] of line.matchAll(/(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])+/g)) {
    words.push(
      part.replace(
        /'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g,
        (_, single?: string, double?: string, one?: string) => single ?? double?.replace(/\\(.)/g, '$1') ?? one ?? '',
      ),
    );
  }
  return words;
}

const MIROIR = /^(?:[A-Z_]+=\S+ )*(?:npm run -s miroir --|miroir)(?= |$)/;

/** The commands of ours in a line of a shell, without what a pipe does with their output. */
export const commandsIn = (line: string): string[] =>
  line
    .replace(/^\$ /, '')
    .split(' && ')
    .map((part) =>
      part
        .replace(/ [|>#&].*$/, '')
        .replace(/\s*&$/, '')
        .trim(),
    )
    .filter((part) => MIROIR.test(part))
    .map((part) => part.replace(MIROIR, 'miroir').trim());

export interface Said {
  /** Lines of stdout as they are, those of stderr behind `! `. */
  readonly text: string;
  readonly out: string;
  readonly code: number;
}

/** How long a command that goes on has to say something, and may go on saying it. */
const HEARD_MS = 3_000;
const QUIET_MS = 300;

/** Runs `miroir …` in this process; `goesOn`: it is ended by Ctrl-C once it has said what it says. */
export async function runHere(line: string, goesOn: boolean): Promise<Said> {
  const heard: { readonly isTalk: boolean; readonly text: string }[] = [];
  const before = new Set(process.listeners('SIGINT'));
  const hear = (isTalk: boolean) => (text: string | Uint8Array) => heard.push({ isTalk, text: String(text) }) > 0;
  const streams = [
    vi.spyOn(process.stdout, 'write').mockImplementation(hear(false)),
    vi.spyOn(process.stderr, 'write').mockImplementation(hear(true)),
  ];
  try {
    const running = run(['node', ...wordsOf(line)]);
    if (goesOn) {
      const startedMs = performance.now();
      await untilTrue(() => heard.length > 0 || performance.now() - startedMs > HEARD_MS, 2 * HEARD_MS);
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      for (const listener of process.listeners('SIGINT')) if (!before.has(listener)) listener('SIGINT');
    }
    await running;
  } finally {
    for (const stream of streams) stream.mockRestore();
  }
  const code = Number(process.exitCode ?? 0);
  // The test's own is another one.
  process.exitCode = undefined;
  const lines = heard.flatMap(({ isTalk, text }) =>
    text
      .replace(/\n$/, '')
      .split('\n')
      .map((each) => `${isTalk ? '! ' : ''}${each}`),
  );
  const out = heard
    .filter(({ isTalk }) => !isTalk)
    .map(({ text }) => text)
    .join('');
  return { text: lines.join('\n'), out, code };
}

/** Whether the command, as it is typed here, runs until Ctrl-C. */
export const goesOn = (leaf: Command, line: string): boolean =>
  leaf.options.some(
    ({ short, long }) =>
      (long === '--watch' || long === '--follow') && new RegExp(` (?:${short}|${long})(?: |$)`).test(line),
  );

/** What is another each time, by what stands for it. In this order. */
const MASKS: readonly (readonly [RegExp, string])[] = [
  [/\bp[0-9a-f]{12}-\d+-\d+-[0-9a-f]{8}\b/g, '<move>'],
  [/\bp[0-9a-f]{12}\b/g, '<plan>'],
  [/\b\d{13}-\d+\b/g, '<entry>'],
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>'],
  [/\b1\d{12}\b/g, '<ms>'],
  [/(127\.0\.0\.1|localhost):\d+/g, '$1:<port>'],
  [/\bprocess \d+/g, 'process <pid>'],
  [/"pid":\d+/g, '"pid":<pid>'],
  [/\b[\w.-]+\/\d{2,}\b(?= |,|;|$)/gm, '<process>'],
  [/cli:\w+/g, 'cli:<user>'],
  [/\b[\d,.]+ ?(?:(?:[kMGT]i?)?B|bytes)\b/g, '<size>'],
  // What has moved lies on both nodes until the old copy is deleted.
  [/\b[\d,]+(?: -> [\d,]+)? {2,}(?=<size>)/g, '<documents>  '],
  [/\bin (?:\d+m )?[\d.]+m?s\b/g, 'in <duration>'],
  [/\b[\d.]+ ?ms\b/g, '<duration>'],
  [/\bsettled after (?:\d+m )?[\d.]+m?s\b/g, 'settled after <duration>'],
  [/\b\d+ ok, \d+ warn, \d+ fail/g, '<some> ok, <some> warn, <some> fail'],
  [/\bepoch \d+/gi, 'epoch <number>'],
  [/(gateway|reconciler) +\d+ +(yes|no)\b/g, '$1  <number>  $2'],
  // How long a plan takes is told by how long moves took here.
  [/\b(?:\d+m )?\d+s to (?:\d+m )?\d+s \(/g, '<duration> to <duration> ('],
  [/\b\d+ ok, \d+ to look at/g, '<some> ok, <some> to look at'],
  [/(topology version |^ {2}"version": )\d+/gm, '$1<number>'],
  [/\b(epoch|fence)=\d+/g, '$1=<number>'],
  [/\b[A-Za-z0-9_-]{40,}\b/g, '<secret>'],
  [/"(id|salt|hash)":"[0-9A-Za-z_+/=-]{16,}"/g, '"$1":"<secret>"'],
  [/(?<=\S) {2,}(?=\S)/g, '  '],
];

/** What tells of progress comes as often as there is time, and how long a batch takes is the machine's. */
const PROGRESS =
  /^(?:predicted: |not known: what was predicted|! (?:\d+\/\d+ moves settled|\d+ of \d+ shards compared|\S+: [\d,]+ documents (?:stamped|copied))|\w+ +node \w+: a small batch)/;
/** Of one output; a list of the configuration tells nothing more with all its lines. */
const LINES_MAX = 40;

export function masked(text: string): string {
  const lines = text.split('\n').filter((line) => !PROGRESS.test(line));
  const some = lines.length > LINES_MAX ? [...lines.slice(0, LINES_MAX / 2), '…'] : lines;
  return MASKS.reduce((all, [pattern, by]) => all.replace(pattern, by), some.join('\n').replace(/[ \t]+$/gm, ''));
}
