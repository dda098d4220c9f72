/**
 * What the demo shows while it works: lines that stay, and below them, in a terminal, bars that move. Without a
 * terminal there are lines only, one every two seconds while something moves.
 */
import { MultiBar } from 'cli-progress';
import { colorsOf } from '../output.ts';

/** A line that moves: a bar (null where there is nothing to draw one of), and words before and after it. */
export interface BarLine {
  readonly label: string;
  readonly share: number | null;
  readonly text: string;
}

export interface Screen {
  readonly colors: ReturnType<typeof colorsOf>;
  /** A line that stays. */
  say(text: string): void;
  /** The bars as they are now; `plain` is what one line has to say instead. Called as often as one likes. */
  bars(lines: readonly BarLine[], plain: string): void;
  /** Takes the bars away. */
  clear(): void;
}

const BAR_CHARS = 22;
const LABEL_CHARS = 17;
/** Terminals of 80 columns must not wrap: cli-progress counts lines, not what a line became. */
const LINE_CHARS = 79;
const PLAIN_EVERY_MS = 2_000;

function barText({ label, share, text }: BarLine): string {
  const head = label.padEnd(LABEL_CHARS);
  if (share === null) return `  ${head}${text}`.slice(0, LINE_CHARS);
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_CHARS);
  return `  ${head}${'█'.repeat(full)}${'░'.repeat(BAR_CHARS - full)} ${text}`.slice(0, LINE_CHARS);
}

function terminalScreen(stream: NodeJS.WriteStream, colors: Screen['colors']): Screen {
  let shown: { readonly multibar: MultiBar; lines: readonly BarLine[] } | null = null;
  const open = (count: number): NonNullable<typeof shown> => {
    const multibar = new MultiBar({ stream, hideCursor: true, clearOnComplete: true, forceRedraw: true, fps: 10 });
    const opened = { multibar, lines: [] as readonly BarLine[] };
    for (let at = 0; at < count; at += 1) {
      // A format of our own for each line: labels change their place, and some lines have no bar.
      const format = (): string => {
        const line = opened.lines[at];
        return line === undefined ? '' : barText(line);
      };
      multibar.create(1, 0, {}, { format });
    }
    return opened;
  };
  const clear = (): void => {
    shown?.multibar.stop();
    shown = null;
  };
  return {
    colors,
    say(text) {
      if (shown === null) {
        stream.write(`${text}\n`);
        return;
      }
      // The bars go away for a moment and come back below the line.
      const { lines } = shown;
      clear();
      stream.write(`${text}\n`);
      shown = open(lines.length);
      shown.lines = lines;
    },
    bars(lines) {
      if (shown !== null && shown.lines.length !== lines.length) clear();
      shown ??= open(lines.length);
      shown.lines = lines;
    },
    clear,
  };
}

function plainScreen(stream: NodeJS.WritableStream, colors: Screen['colors']): Screen {
  let last = '';
  let atMs = -Infinity;
  const say = (text: string): void => {
    stream.write(`${text}\n`);
  };
  return {
    colors,
    say,
    bars(_lines, plain) {
      if (plain === last || performance.now() - atMs < PLAIN_EVERY_MS) return;
      last = plain;
      atMs = performance.now();
      say(`  ${plain}`);
    },
    clear() {
      atMs = -Infinity;
    },
  };
}

export function createScreen(stream: NodeJS.WriteStream): Screen {
  // CI systems take colours for text; a terminal that wants none says so.
  const colors = colorsOf(stream);
  return stream.isTTY ? terminalScreen(stream, colors) : plainScreen(stream, colors);
}
