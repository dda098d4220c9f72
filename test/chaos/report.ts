// What people read: one line per case, a table at the end, and the same table in the docs.
import { readFile, writeFile } from 'node:fs/promises';
import { type Case, columnOf, mustBeRefused, placeOf } from './cases.ts';
import type { CaseResult } from './run.ts';

const BEGIN = '<!-- chaos:begin -->';
const END = '<!-- chaos:end -->';
const NAME_WIDTH = 78;

const COLUMNS = [
  'kill',
  'kill twice',
  'term',
  'term twice',
  'stop-0.8',
  'stop-0.8 twice',
  'stop-3',
  'stop-3 twice',
  'redis',
  'redis-long',
  'redis-slow',
  'node-source',
  'node-target',
  'silent-loss',
  'job-lock',
  'late-arrival',
];

const howToRun = (one: Case): string => `npm run chaos -- --case '${one.name}'`;

export function caseLine({ case: one, outcome, seconds, sentAgain, mishaps, refused }: CaseResult): string {
  const numbers = `${seconds.toFixed(1).padStart(5)} s  struck ${mishaps}  sent again ${sentAgain}  refused ${refused}`;
  return `${outcome.padEnd(11)} ${one.name.padEnd(NAME_WIDTH)} ${numbers}  ${howToRun(one)}`;
}

/** One line with all that is known when nothing but the end of the output is left. */
export const failedLine = ({ case: one, faults, evidence }: CaseResult, seed: number): string =>
  `failed: ${howToRun(one)} (--seed ${seed}, ${evidence}): ${faults.join('; ').replaceAll(/\s+/g, ' ')}`;

/** Rows are places, columns what happens there; a cell is passed/tried and the longest time. */
export function table(results: readonly CaseResult[]): string {
  const columns = COLUMNS.filter((column) => results.some((one) => columnOf(one.case) === column));
  const places = [...new Set(results.map((one) => placeOf(one.case)))];
  const cell = (place: string, column: string): string => {
    const tried = results.filter((one) => placeOf(one.case) === place && columnOf(one.case) === column);
    if (tried.length === 0) return '';
    const passed = tried.filter(({ outcome }) => outcome === 'passed').length;
    const missed = tried.filter(({ outcome }) => outcome === 'not reached').length;
    const longest = Math.max(...tried.map(({ seconds }) => seconds));
    return `${passed}/${tried.length - missed}, ${longest.toFixed(0)} s`;
  };
  const rows = [
    ['', ...columns],
    columns.concat('').map(() => '---'),
    ...places.map((place) => [place, ...columns.map((column) => cell(place, column))]),
  ];
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

export function summary(results: readonly CaseResult[]): string {
  const sum = (pick: (one: CaseResult) => number): number => results.reduce((total, one) => total + pick(one), 0);
  const missed = results.filter(({ outcome }) => outcome === 'not reached').length;
  return (
    `${results.length} cases, ${sum(({ mishaps }) => mishaps)} mishaps, ${sum(({ sentAgain }) => sentAgain)} windows sent again, ` +
    `${sum(({ refused }) => refused)} refused writes, ${missed} not reached`
  );
}

/** Where a write must be refused, some must have been, or these cases show nothing: none froze a holder of the lease. */
export function provesRefusals(results: readonly Pick<CaseResult, 'case' | 'outcome' | 'refused'>[]): boolean {
  const frozen = results.filter(({ case: one, outcome }) => mustBeRefused(one) && outcome === 'passed');
  return frozen.length === 0 || frozen.some(({ refused }) => refused > 0);
}

/** Puts the text between the markers of a file. */
export async function writeBetweenMarkers(file: string, text: string): Promise<void> {
  const before = await readFile(file, 'utf8');
  const [begin, end] = [before.indexOf(BEGIN), before.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${file} has no lines ${BEGIN} and ${END}`);
  await writeFile(file, `${before.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${before.slice(end)}`);
}
