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

/** Parses the JSON form of a filter; null when it filters nothing. Throws {@link ApiError} with `code`. */
export function readFilter(filter: unknown, features: FilterFeatures, code: string): ParsedFilter | null {
  const parseOne = (text: string): { node: FilterNode; text: string }[] => {
    try {
      const node = parseFilter(text, features);
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
 * The internal ids that match, ascending.
 * @param quote how an error shows the place at fault; searches show a rewritten filter.
 */
export function evaluateFilter(
  store: IndexStore,
  filter: ParsedFilter,
  code: string,
  quote: (text: string, node: FilterNode) => string = (text) => text,
): readonly number[] {
  const plans = filter.parts.map(({ alternatives }) =>
    planOr(alternatives.map(({ node, text }) => planOne(store, node, code, () => quote(text, node)))),
  );
  return runPlan(planAnd(plans), store.internalEnd, (internal) => store.textAt(internal) !== undefined);
}

function planOne(store: IndexStore, node: FilterNode, code: string, quote: () => string): Plan {
  try {
    return planFilter(node, store.facets);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new ApiError(error.code ?? code, error.code ? error.message : error.message + quote());
  }
}
