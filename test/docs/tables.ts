// The tables of docs/ that come from code, as rows of cells: the docs test compares them, `write.ts` writes them.
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { STATUS_OF } from '../../src/api/answers.ts';
import { EXIT, EXIT_BY_CODE, EXIT_MEANING } from '../../src/cli/exit-codes.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { CONFIG_KEYS, environmentName, type ConfigKey } from '../../src/config.ts';
import { REASONS } from '../../src/core/reasons.ts';
import { leaseTimings, type Timings } from '../../src/core/timing.ts';
import * as errors from '../../src/errors.ts';
import { METRICS, type MetricDefinition, type MetricKey } from '../../src/telemetry/metric-table.ts';
import { RULES } from '../support/architecture.ts';
import { apiReference } from './api-reference.ts';
import { cliReference } from './cli-reference.ts';
import { tableOf } from './markdown.ts';
import { openApi } from './openapi.ts';

export const ROOT = join(import.meta.dirname, '../..');
export const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Files below a folder of the project, by path from its root. */
export const filesUnder = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();

export type Rows = readonly (readonly string[])[];
export interface GeneratedTable {
  readonly file: string;
  readonly head: readonly string[];
  readonly rows: Rows;
}

const code = (text: string): string => `\`${text}\``;
const shown = (value: unknown): string => {
  const text = Array.isArray(value) ? value.join(',') : String(value);
  return text === '' ? 'empty' : code(text);
};

/** A docblock or line comment as one line of text. */
const plain = (comment: string): string =>
  comment
    .split('\n')
    .map((line) => line.replace(/^\s*(?:\/\*\*|\*\/|\*)?\s?/, '').replace(/\s*\*\/$/, ''))
    .join(' ')
    .replace(/\s+/g, ' ')
    .trim();

function configRows(): Rows {
  return (Object.keys(CONFIG_KEYS) as ConfigKey[]).map((name) => {
    const { default: value, unit, reason } = CONFIG_KEYS[name];
    return [code(name), code(environmentName(name)), shown(value), unit, reason];
  });
}

/** Text of each error class: the comment right above it. */
export function errorComments(
  source = ['src/errors.ts', 'src/errors/api.ts', 'src/errors/clients.ts'].map(textOf).join('\n'),
): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, comment = '', name = ''] of source.matchAll(
    /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)\nexport class (\w+) extends MiroirError/g,
  )) {
    found.set(name, plain(comment));
  }
  return found;
}

type ErrorClass = new (text: string) => errors.MiroirError;

export const errorClasses = (): [string, ErrorClass][] =>
  Object.entries(errors as Record<string, unknown>).filter(
    (entry): entry is [string, ErrorClass] =>
      typeof entry[1] === 'function' && entry[1].prototype instanceof errors.MiroirError,
  );

function errorRows(): Rows {
  const comments = errorComments();
  return errorClasses()
    .map(([name, Class]) => {
      const error = new Class('');
      return [code(error.code), code(name), error.retryable ? 'yes' : 'no', comments.get(name) ?? ''];
    })
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
}

/** By status, the codes that are answered with it. */
function statusRows(): Rows {
  const codes = new Map<number, string[]>();
  for (const [name, status] of Object.entries(STATUS_OF)) codes.set(status, [...(codes.get(status) ?? []), code(name)]);
  return [...codes].sort(([a], [b]) => a - b).map(([status, names]) => [String(status), names.sort().join(', ')]);
}

function exitRows(): Rows {
  const codes = Object.entries(EXIT_BY_CODE);
  return (Object.keys(EXIT) as (keyof typeof EXIT)[]).map((name) => {
    const own = codes.filter(([, exit]) => exit === EXIT[name]).map(([error]) => code(error));
    return [String(EXIT[name]), name, EXIT_MEANING[name], own.join(', ')];
  });
}

const metricsByKey = Object.entries(METRICS) as [MetricKey, MetricDefinition][];

function metricRows(): Rows {
  return metricsByKey.map(([, { name, type, labels, help }]) => [
    code(name),
    type,
    Object.entries(labels)
      .map(([label, values]) => (values === null ? code(label) : `${code(label)}: ${values.join(', ')}`))
      .join('; ') || 'none',
    help,
  ]);
}

/** Metrics that are in the table and that no code sets yet. */
function unfedRows(): Rows {
  const sources = filesUnder('src')
    .filter((path) => path.endsWith('.ts') && path !== 'src/telemetry/metric-table.ts')
    .map(textOf)
    .join('\n');
  return metricsByKey
    .filter(([key]) => !new RegExp(`\\.${key}\\b`).test(sources))
    .map(([, { name, help }]) => [code(name), help]);
}

const TIMING_TEXT: Readonly<Record<keyof Timings, string>> = {
  ttlMs: 'a lease lasts this long in Redis, from its last renewal',
  renewMs: 'the holder renews this often',
  attemptMs: 'one try to renew; then the next one is due',
  selfStopMs: 'a holder stops acting, from the sending of its last good renewal',
  requestMs: 'longest request to a node',
  residueMs: 'how long a request of a stopped holder may still be on its way',
  takeoverMs: 'a successor acts, from the last renewal that it saw: self-stop plus residue',
  watchMs: 'each process looks at all leases this often',
  marginMs: 'with less than this left nothing new is started',
  routerLapseMs: 'a router stops reading and writing, from the sending of its last good confirmation',
  routerEntryMs: 'a router’s entry counts, from its last confirmation',
  runChangeMs: 'no barrier passes, after a change of Redis’ run id',
  beatMs: 'an observer tells what it sees this often, and looks again at a node that is silent',
  reportMs: 'a report counts, from when it was last made; one without a fresh report is no observer',
  jobLockMs: 'lock of a queue job; 1,000 at least',
  stalledMs: 'jobs whose process died are looked for this often; 200 at least',
};

const whole = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 3 });

function timingRows(): Rows {
  const ttlMs = 10_000;
  const timings = leaseTimings(ttlMs, 2_000);
  return (Object.keys(timings) as (keyof Timings)[]).map((name) => {
    const share = name === 'renewMs' ? '`lease_renewal_interval_ms`' : `${whole(timings[name] / ttlMs)} × TTL`;
    return [code(name), share, whole(Math.round(timings[name])), TIMING_TEXT[name]];
  });
}

function dependencyRows(): Rows {
  return Object.entries(RULES).map(([unit, { own, typesOnly = [], npm, node = true }]) => [
    unit,
    own.map((name) => (name === '*' ? 'all' : typesOnly.includes(name) ? `${name} (types)` : name)).join(', ') ||
      'none',
    npm === undefined ? 'any that no other unit owns' : npm.join(', ') || 'none',
    node ? 'yes' : 'no',
  ]);
}

function reasonRows(): Rows {
  return errors.WAIT_REASONS.map((name) => [code(name), REASONS[name].means, REASONS[name].unblock]);
}

/** By the name that stands in the marker before the table. */
export const GENERATED: Readonly<Record<string, () => GeneratedTable>> = {
  config: () => ({
    file: 'docs/configuration.md',
    head: ['key', 'environment', 'default', 'unit', 'reason'],
    rows: configRows(),
  }),
  errors: () => ({ file: 'docs/errors.md', head: ['code', 'class', 'retryable', 'what it means'], rows: errorRows() }),
  'api-errors': () => ({ file: 'docs/api.md', head: ['status', 'codes'], rows: statusRows() }),
  'exit-codes': () => ({ file: 'docs/errors.md', head: ['exit code', 'name', 'when', 'codes'], rows: exitRows() }),
  metrics: () => ({ file: 'docs/metrics.md', head: ['name', 'type', 'labels', 'meaning'], rows: metricRows() }),
  unfed: () => ({ file: 'docs/metrics.md', head: ['name', 'will mean'], rows: unfedRows() }),
  timings: () => ({
    file: 'docs/protocol.md',
    head: ['name', 'how', 'ms', 'meaning'],
    rows: timingRows(),
  }),
  reasons: () => ({
    file: 'docs/operations.md',
    head: ['reason', 'meaning', 'what unblocks it'],
    rows: reasonRows(),
  }),
  dependencies: () => ({
    file: 'docs/architecture.md',
    head: ['unit', 'may import of ours', 'packages', 'Node’s modules'],
    rows: dependencyRows(),
  }),
};

/** Documents that come from code as a whole. */
export const REFERENCES: Readonly<Record<string, () => Promise<string>>> = {
  'docs/cli.md': () => Promise.resolve(cliReference(buildProgram())),
  'docs/api-reference.md': async () => apiReference(await openApi()),
};

const unescaped = (cell: string): string => cell.replace(/\\([\\|*_<>`~[\]])/g, '$1').trim();

/** The cells of a Markdown table, its line of dashes left out. */
export const cellsOf = (markdown: string): string[][] =>
  markdown
    .split('\n')
    .filter((line) => line.trim().startsWith('|') && !/^[\s|:-]+$/.test(line))
    .map((line) =>
      line
        .trim()
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map(unescaped),
    );

export const markdownOf = ({ head, rows }: GeneratedTable): string =>
  rows.length === 0 ? 'None.' : tableOf(head, rows);

const blockOf = (name: string): RegExp => new RegExp(`(<!-- generated: ${name} -->)([\\s\\S]*?)(<!-- end -->)`);

/** What stands between the markers; null without them. */
export const generatedText = (markdown: string, name: string): string | null =>
  blockOf(name).exec(markdown)?.[2] ?? null;

export const withGenerated = (markdown: string, name: string, table: string): string =>
  markdown.replace(blockOf(name), (_, begin: string, _old: string, end: string) => `${begin}\n\n${table}\n\n${end}`);
