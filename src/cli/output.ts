/** What commands print: data on stdout, as a table for people or as JSON for programs; talk on stderr. */
import Table from 'cli-table3';

export type OutputFormat = 'table' | 'json';

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

/** Prints `value` as JSON, or what `text` makes of it. */
export function print(format: OutputFormat, value: unknown, text: () => string): void {
  process.stdout.write(`${format === 'json' ? JSON.stringify(value, null, 2) : text()}\n`);
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
