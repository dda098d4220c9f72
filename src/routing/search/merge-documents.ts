/**
 * Pages of several nodes as one page. Without `sort` the order is: the first document of each node, the second of each
 * node, and so on (by node id among these), since a node's own order is the one in which it first saw its documents. So
 * the place of every document follows from the nodes' totals, and each node is asked only for what is shown. With `sort`
 * by the fields, ties in that same order.
 */
import { fieldSpan, splitObjectAround } from '../../core/json-text.ts';
import type { Span } from '../../core/json-text.ts';
import type { DocumentsRequest, SortKey } from './documents-request.ts';
import { objectTexts, textsOf } from './json-object.ts';
import type { ObjectTexts } from './json-object.ts';
import { compareSortValues } from './order.ts';
import { withoutOurs } from './own-fields.ts';

export interface PageOf {
  readonly offset: number;
  readonly limit: number;
}

/** Of each node, by its total: the documents that stand in the page. */
export function dealPage(totals: readonly number[], { offset, limit }: PageOf): PageOf[] {
  const from = dealt(totals, offset);
  const to = dealt(totals, offset + limit);
  return totals.map((_, node) => ({ offset: from[node] ?? 0, limit: (to[node] ?? 0) - (from[node] ?? 0) }));
}

/** How many of each node's documents are among the first `count`. */
function dealt(totals: readonly number[], count: number): number[] {
  let left = Math.min(
    count,
    totals.reduce((sum, total) => sum + total, 0),
  );
  const taken = totals.map(() => 0);
  // Whole rounds at once: as many as the smallest node that still has some can take part in.
  while (left > 0) {
    const open = totals.flatMap((total, node) => (total > (taken[node] ?? 0) ? [node] : []));
    const rounds = Math.min(
      Math.floor(left / open.length),
      ...open.map((node) => (totals[node] ?? 0) - (taken[node] ?? 0)),
    );
    for (const node of rounds > 0 ? open : open.slice(0, left)) {
      taken[node] = (taken[node] ?? 0) + Math.max(rounds, 1);
      left -= Math.max(rounds, 1);
    }
  }
  return taken;
}

export interface NodePage {
  /** JSON text of a node's answer. */
  readonly text: string;
  /** The place in its node's order of the first document in it. */
  readonly offset: number;
}

interface Row {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly place: number;
  readonly node: number;
}

const totalIn = (answer: ObjectTexts): number => Number(answer.get('total') ?? 'NaN');

export const totalOf = (text: string): number => totalIn(objectTexts(text));

/** JSON text of the answer. `skip`: how many of the merged documents come before the page. */
export function mergePages(pages: readonly NodePage[], request: DocumentsRequest, skip: number): Map<string, string> {
  const { offset, limit, sort } = request;
  const helpers = new Set(request.helperFields);
  const drops = helpers.size === 0 ? undefined : (name: string): boolean => helpers.has(name);
  const split = pages.map((page) => ({ ...page, ...splitObjectAround(page.text, 'results') }));
  const rows = split.flatMap(({ text, offset: first, elements }, node) =>
    elements.map((span, i): Row => ({
      text: withoutOurs(text, span, drops),
      values: sort.map((key) => sortValue(text, span, key)),
      place: first + i,
      node,
    })),
  );
  rows.sort((a, b) => compareRows(a, b, sort));
  const total = split.reduce((sum, { text, members }) => sum + totalIn(textsOf(text, members)), 0);
  return new Map([
    [
      'results',
      `[${rows
        .slice(skip, skip + limit)
        .map(({ text }) => text)
        .join(',')}]`,
    ],
    ['offset', String(offset)],
    ['limit', String(limit)],
    ['total', String(total)],
  ]);
}

function compareRows(a: Row, b: Row, sort: readonly SortKey[]): number {
  for (const [i, { isAscending }] of sort.entries()) {
    const order = compareSortValues(a.values[i], b.values[i], isAscending);
    if (order !== 0) return order;
  }
  return a.place - b.place || a.node - b.node;
}

/** Of several values the one that comes first in this direction. */
function sortValue(text: string, { start, end }: Span, { path, isAscending }: SortKey): unknown {
  const values: (number | string)[] = [];
  const names = path.split('.');
  for (let i = names.length; i > 0; i -= 1) {
    const span = fieldSpan(text, start, end, names.slice(0, i).join('.'));
    if (span !== undefined) gather(JSON.parse(text.slice(span.start, span.end)), names.slice(i), values);
  }
  return values.sort((a, b) => compareSortValues(a, b, isAscending))[0];
}

function gather(value: unknown, path: readonly string[], found: (number | string)[]): void {
  if (Array.isArray(value)) for (const item of value) gather(item, path, found);
  else if (typeof value === 'object' && value !== null) {
    const [head, ...rest] = path;
    if (head !== undefined) gather((value as Readonly<Record<string, unknown>>)[head], rest, found);
  } else if (path.length === 0) {
    if (typeof value === 'number') found.push(value);
    else if ((typeof value === 'string' && value !== '') || typeof value === 'boolean') found.push(String(value));
  }
}
