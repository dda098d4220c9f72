import { ApiError } from './errors.ts';
import { planAnd, planFilter, planOr, runPlan, type Plan } from './filter-eval.ts';
import { FilterError, type FilterNode } from './filter-node.ts';
import { parseFilter, type FilterFeatures } from './filter-parser.ts';
import type { IndexStore } from './index-store.ts';

/** A filter as routes take it: one expression, or a list of which all must match, each again one or a list of alternatives. */
export interface ParsedFilter {
  /** All must match; each keeps its text, because errors quote the expression they are in. */
  readonly parts: readonly { readonly alternatives: readonly { node: FilterNode; text: string }[] }[];
}

/** Parsed expressions by their text: a router sends the same one with every search, and its list of shards is long. */
const parsed = new Map<string, FilterNode | null>();
const PARSED_MAX = 256;
/** Longer ones are hardly sent twice. */
const PARSED_CHARS_MAX = 4_096;

function parseOnce(text: string, features: FilterFeatures): FilterNode | null {
  const key = `${features.containsFilter} ${text}`;
  const known = parsed.get(key);
  if (known !== undefined) return known;
  const node = parseFilter(text, features);
  const [oldest] = parsed.keys();
  if (parsed.size >= PARSED_MAX && oldest !== undefined) parsed.delete(oldest);
  if (text.length <= PARSED_CHARS_MAX) parsed.set(key, node);
  return node;
}

/** Parses the JSON form of a filter; null when it filters nothing. Throws {@link ApiError} with `code`. */
export function readFilter(filter: unknown, features: FilterFeatures, code: string): ParsedFilter | null {
  const parseOne = (text: string): { node: FilterNode; text: string }[] => {
    try {
      const node = parseOnce(text, features);
      return node ? [{ node, text }] : [];
    } catch (error) {
      if (error instanceof FilterError) throw new ApiError(error.code ?? code, error.message);
      throw error;
    }
  };
  const refuse = (expected: string, found: unknown): never => {
    const text = JSON.stringify(found);
    throw new ApiError(code, `Invalid syntax for the filter parameter: \`expected ${expected}, found: ${text}\`.`);
  };
  let lists: { node: FilterNode; text: string }[][];
  if (typeof filter === 'string') lists = [parseOne(filter)];
  else if (Array.isArray(filter)) {
    lists = filter.map((part: unknown) => {
      if (typeof part === 'string') return parseOne(part);
      if (!Array.isArray(part)) return refuse('String, Array', part);
      return part.flatMap((text: unknown) => (typeof text === 'string' ? parseOne(text) : refuse('String', text)));
    });
  } else return refuse('String, Array', filter);
  const parts = lists.filter((alternatives) => alternatives.length > 0).map((alternatives) => ({ alternatives }));
  return parts.length === 0 ? null : { parts };
}

/**
 * How to find what matches a filter. A search tests the documents that its words have found: listing all that match, as
 * the filter of a router does with whole shards, would cost more than the search itself.
 */
export function planOf(store: IndexStore, filter: ParsedFilter, code: string): Plan {
  return planAnd(filter.parts.map(({ alternatives }) => planOr(alternatives.map((one) => planOne(store, one, code)))));
}

/** All internal ids that a plan finds, ascending. */
export const listOf = (store: IndexStore, plan: Plan): readonly number[] =>
  runPlan(plan, store.internalEnd, (internal) => store.textAt(internal) !== undefined);

/** The internal ids that match, ascending. */
export const evaluateFilter = (store: IndexStore, filter: ParsedFilter, code: string): readonly number[] =>
  listOf(store, planOf(store, filter, code));

function planOne(store: IndexStore, { node, text }: { node: FilterNode; text: string }, code: string): Plan {
  try {
    return planFilter(node, store.facets);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new ApiError(error.code ?? code, error.code ? error.message : error.message + text);
  }
}
