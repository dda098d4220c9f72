/**
 * The order in which a node gives documents, told from what it says about them: ranking score details for searches,
 * values of fields for sorted lists. Compares negative for what comes first.
 */
import { NotMergeableError } from '../../errors.ts';

/** One ranking rule's verdict on a document. */
export type Verdict =
  | { readonly kind: 'score'; readonly score: number }
  | { readonly kind: 'value'; readonly value: unknown; readonly isAscending: boolean };

/** By code points, as the node's database orders bytes; JavaScript compares halves of surrogate pairs. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    if (a.charCodeAt(i) === b.charCodeAt(i)) continue;
    // At the second half of a pair both have the same first half, so the halves decide.
    return a.codePointAt(i)! - b.codePointAt(i)!;
  }
  return a.length - b.length;
}

/** What a node takes for the same facet value: without case, outer spaces and compatibility forms. */
export const facetKey = (text: string): string => text.trim().normalize('NFKD').toLowerCase();

/** Numbers first, then texts, then documents without a value, in both directions. */
export function compareSortValues(a: unknown, b: unknown, isAscending: boolean): number {
  const order = typeRank(a) - typeRank(b);
  if (order !== 0) return order;
  const sign = isAscending ? 1 : -1;
  if (typeof a === 'number' && typeof b === 'number') return sign * (a - b);
  return typeof a === 'string' && typeof b === 'string' ? sign * compareText(facetKey(a), facetKey(b)) : 0;
}

const typeRank = (value: unknown): number => (typeof value === 'number' ? 0 : typeof value === 'string' ? 1 : 2);

const RULE = /:(asc|desc)$/;
const HIDDEN_RULE = /^<hidden-rule-\d+>$/;
/** A rule that a node had no time for counts as the worst. */
const SKIPPED: Verdict = { kind: 'score', score: 0 };

/** The verdicts in `_rankingScoreDetails`, in the order of the ranking rules. */
export function verdictsOf(details: unknown): Verdict[] {
  if (typeof details !== 'object' || details === null) return [];
  return Object.entries(details as Readonly<Record<string, Readonly<Record<string, unknown>>>>)
    .map(([name, rule]) => ({ order: Number(rule['order']), verdict: verdictOf(name, rule) }))
    .sort((a, b) => a.order - b.order)
    .map(({ verdict }) => verdict);
}

function verdictOf(name: string, rule: Readonly<Record<string, unknown>>): Verdict {
  if (HIDDEN_RULE.test(name)) {
    throw new NotMergeableError('a sort by a field that is not displayed cannot be merged from several nodes', {
      remedy: 'add the field to displayedAttributes, or sort by another one',
    });
  }
  const direction = RULE.exec(name)?.[1];
  // A point's distance decides, not where it is.
  const value = 'distance' in rule ? rule['distance'] : rule['value'];
  if (direction !== undefined) return { kind: 'value', value, isAscending: direction === 'asc' };
  return typeof rule['score'] === 'number' ? { kind: 'score', score: rule['score'] } : SKIPPED;
}

/** Rule by rule. Zero: on one node the order in which it first saw the documents decides. */
export function compareVerdicts(a: readonly Verdict[], b: readonly Verdict[]): number {
  for (const [i, verdict] of a.entries()) {
    const order = compareVerdict(verdict, b[i] ?? SKIPPED);
    if (order !== 0) return order;
  }
  return 0;
}

function compareVerdict(a: Verdict, b: Verdict): number {
  if (a.kind === 'score') return b.kind === 'score' ? b.score - a.score : 1;
  return b.kind === 'value' ? compareSortValues(a.value, b.value, a.isAscending) : -1;
}
