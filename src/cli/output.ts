/** What commands print: data on stdout, as a table for people or as JSON for programs; talk on stderr. */
import Table from 'cli-table3';
import pc from 'picocolors';

export const OUTPUT_FORMATS = ['table', 'json', 'ndjson'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** CI systems take colours for text; a terminal that wants none says so. */
export const colorsOf = (stream: NodeJS.WriteStream): ReturnType<typeof pc.createColors> =>
  pc.createColors(stream.isTTY ? !process.env['NO_COLOR'] : false);
export const colors = colorsOf(process.stdout);

/** Columns without lines, so that grep and awk find what they look for. */
const CHARS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

export type Cell = string | number | null;

export function tableText(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const table = new Table({
    head: head.map((name) => name.toUpperCase()),
    chars: CHARS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push(row.map((cell) => (cell === null ? '-' : String(cell))));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const isPage = (value: unknown): value is { readonly results: readonly unknown[] } =>
  typeof value === 'object' && value !== null && 'results' in value && Array.isArray(value.results);

/** What is one line each in ndjson: the elements of a list or a page, else the whole. */
export function linesOf(value: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : isPage(value) ? value.results : [value];
  return all.map((one) => JSON.stringify(one));
}

/** Prints `value` as JSON, as lines of JSON, or what `text` makes of it. */
export function print(format: OutputFormat, value: unknown, text: () => string): void {
  if (format === 'ndjson') return printLines(linesOf(value));
  process.stdout.write(`${format === 'json' ? JSON.stringify(value, null, 2) : text()}\n`);
}

export function printLines(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}

/**
 * Of what goes on after the command: the commands to type next, said to people and in JSON as `next_steps`. Without
 * `text` people get nothing else.
 */
export function printStarted(
  format: OutputFormat,
  value: object,
  text: (() => string) | null,
  next: readonly string[],
): void {
  if (format !== 'table' || text !== null) print(format, { ...value, next_steps: next }, text ?? String);
  if (format === 'table') for (const step of next) say(`next: ${step}`);
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
