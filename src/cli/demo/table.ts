/** The demo's tables: the plan before it runs, and what became of everything. */
import prettyBytes from 'pretty-bytes';
import type { MoveState } from '../../ports.ts';
import type { ClientsSummary } from './clients.ts';
import type { Era } from './searcher.ts';
import { type Tally, FAULTS } from './truth.ts';
import { type Watched, count } from './watch.ts';

/** A table with its first column to the left and the others to the right: numbers are compared by their ends. */
function columns(rows: readonly (readonly string[])[], indent = '  '): string {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows
    .map((row) =>
      row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  '),
    )
    .map((line) => `${indent}${line}`.trimEnd())
    .join('\n');
}

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** What a node holds of the index. */
export interface Holding {
  readonly shards: number;
  readonly documents: number;
  readonly bytes: number;
}
export type Holdings = ReadonlyMap<string, Holding>;

const NOTHING: Holding = { shards: 0, documents: 0, bytes: 0 };

/** What the nodes will hold when the moves are done. A shard's bytes are its share of its source's. */
export function holdingsAfter(
  before: Holdings,
  moves: readonly MoveState[],
  documentsOf: (shard: number) => number,
): { readonly after: Holdings; readonly documents: number; readonly bytes: number } {
  const after = new Map(before);
  const add = (node: string, sign: number, documents: number, bytes: number): void => {
    const held = after.get(node) ?? NOTHING;
    after.set(node, {
      shards: held.shards + sign,
      documents: held.documents + sign * documents,
      bytes: held.bytes + sign * bytes,
    });
  };
  const total = { documents: 0, bytes: 0 };
  for (const { shard, source, target, retires } of moves) {
    const documents = documentsOf(shard);
    const held = before.get(source) ?? NOTHING;
    const bytes = held.documents === 0 ? 0 : (held.bytes * documents) / held.documents;
    total.documents += documents;
    total.bytes += bytes;
    add(target, 1, documents, bytes);
    if (retires !== null) add(retires, -1, documents, bytes);
  }
  // While clients write, shards and what a node counts are not of the same moment: no shards, no documents.
  for (const [node, { shards }] of after) if (shards === 0) after.set(node, NOTHING);
  return { after, ...total };
}

export function planTable(before: Holdings, after: Holdings): string {
  const nodes = [...new Set([...before.keys(), ...after.keys()])].sort();
  const bytes = (value: number): string =>
    value < 1 ? '0' : prettyBytes(Math.round(value), { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  return columns([
    ['node', 'shards', 'then', 'documents', 'then', 'bytes', 'then'],
    ...nodes.map((node) => {
      const [old, fresh] = [before.get(node) ?? NOTHING, after.get(node) ?? NOTHING];
      return [
        node,
        count(old.shards),
        count(fresh.shards),
        count(old.documents),
        count(fresh.documents),
        bytes(old.bytes),
        bytes(fresh.bytes),
      ];
    }),
  ]);
}

/** One rebalance as it went. */
export interface Chapter {
  readonly title: string;
  readonly watched: Watched;
  /** Of this the moves stood still because their worker was dead (ms). */
  readonly stoodStillMs: number;
  /** Who was killed meanwhile. */
  readonly killed: string;
}

export function chaptersTable(chapters: readonly Chapter[]): string {
  const row = (name: string, cell: (chapter: Chapter) => string): string[] => [name, ...chapters.map(cell)];
  return columns([
    row('', ({ title }) => title),
    row('moves', ({ watched: { progress } }) => `${progress.cleaned} of ${progress.moves}`),
    row('documents moved', ({ watched: { progress } }) => count(progress.docsMigrated)),
    row('windows verified', ({ watched: { progress } }) => count(progress.windowsVerified)),
    row('windows sent again', ({ watched: { repeated } }) => count(repeated)),
    row('differences', ({ watched: { progress } }) => count(progress.differences)),
    row('duration until settled', ({ watched: { settledMs } }) => seconds(settledMs)),
    row('killed meanwhile', ({ killed }) => killed),
    row('of this without a worker', ({ stoodStillMs }) => (stoodStillMs === 0 ? '-' : seconds(stoodStillMs))),
    row('rate with a worker', rateOf),
    row('left after a tenth, told / true', leftOf),
  ]);
}

function rateOf({ watched: { progress, settledMs }, stoodStillMs }: Chapter): string {
  return `${count((progress.docsMigrated * 1_000) / Math.max(1, settledMs - stoodStillMs))} docs/s`;
}

/** While no worker is there nothing moves, which nobody could foresee. */
function leftOf({ watched: { left }, stoodStillMs }: Chapter): string {
  return left === null ? '-' : `${seconds(left.toldMs)} / ${seconds(Math.max(0, left.trueMs - stoodStillMs))}`;
}

/** Documents by node at each stage, the last one as the check has paged them. */
export function documentsTable(stages: readonly (readonly [string, ReadonlyMap<string, number>])[]): string {
  const nodes = [...new Set(stages.flatMap(([, perNode]) => [...perNode.keys()]))].sort();
  return columns([
    ['documents on', ...nodes, 'together'],
    ...stages.map(([title, perNode]) => [
      title,
      ...nodes.map((node) => (perNode.has(node) ? count(perNode.get(node) ?? 0) : '-')),
      count([...perNode.values()].reduce((sum, value) => sum + value, 0)),
    ]),
  ]);
}

/** What the check has found, a few lines of it. */
export function findingsText({ problems, examples }: Tally, shown = 10): string {
  const rest = problems - Math.min(shown, examples.length);
  const lines = examples.slice(0, shown).map((line) => `    ${line}`);
  return [...lines, ...(rest > 0 ? [`    and ${count(rest)} more`] : [])].join('\n');
}

const milliseconds = (ms: number | null): string => (ms === null ? '-' : `${Math.round(ms)} ms`);

/** What clients met, and what became of their writes; `atEnd` is what the check found. */
export function clientsTable(summary: ClientsSummary, atEnd: Tally): string {
  const { acknowledged, refused, givenUp, longestMs, seen, searches, searchP95Ms, openTasks } = summary;
  const p95 = (era: Era): string => milliseconds(searchP95Ms[era]);
  return columns([
    ['acknowledged writes', count(acknowledged)],
    ...FAULTS.map((fault) => [fault, count(seen.counts[fault] + atEnd.counts[fault])]),
    ['writes refused and retried', count(refused)],
    ...(givenUp === 0 ? [] : [['writes given up at the end', count(givenUp)]]),
    ...(openTasks === 0 ? [] : [['tasks still open at the end', count(openTasks)]]),
    ['longest time a write waited', seconds(longestMs)],
    ['searches', count(searches)],
    ['search p95 before / during / after', (['before', 'during', 'after'] as const).map(p95).join(' / ')],
  ]);
}
