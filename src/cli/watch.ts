/** Commands that show something once, or again and again as it changes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Control } from '../service.ts';
import { globalsOf, untilInterrupted, withControl } from './context.ts';
import { linesOf, print, printLines, say, type OutputFormat } from './output.ts';

export interface WatchFlags {
  readonly watch?: true;
}

const EVERY_MS = 1_000;
const CLEAR = '\u001b[2J\u001b[H';

export const withWatch = (command: Command): Command =>
  command.option('-w, --watch', 'go on showing what changes until Ctrl-C');

/** `value` is what programs get, where that is not what was seen; `talk` what people are told beside it. */
export async function show<T>(
  command: Command,
  flags: WatchFlags,
  look: (control: Control) => Promise<T>,
  text: (seen: T) => string,
  value: (seen: T) => unknown = (seen) => seen,
  talk: (seen: T) => readonly string[] = () => [],
): Promise<void> {
  const { output } = globalsOf(command);
  await withControl(command, async (control) => {
    if (flags.watch === undefined) {
      const seen = await look(control);
      print(output, value(seen), () => text(seen));
      for (const line of talk(seen)) say(line);
      return;
    }
    await watch(output, async () => {
      const seen = await look(control);
      return output === 'table'
        ? [[text(seen), ...talk(seen)].join('\n')]
        : output === 'json'
          ? [JSON.stringify(value(seen))]
          : linesOf(value(seen));
    });
  });
}

/** A terminal is drawn anew; elsewhere what has changed is printed: whole for people, JSON as one line, of a list in ndjson what is new. */
async function watch(output: OutputFormat, look: () => Promise<readonly string[]>): Promise<void> {
  const { signal, stop } = untilInterrupted();
  let last: ReadonlySet<string> = new Set();
  while (!signal.aborted) {
    const seen = await look();
    const news = seen.filter((line) => !last.has(line));
    if (output === 'table' && process.stdout.isTTY && news.length > 0) process.stdout.write(CLEAR);
    printLines(news);
    last = new Set(seen);
    try {
      await sleep(EVERY_MS, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
  stop();
  say('detached; the work goes on');
}
