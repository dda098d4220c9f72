import { ApiError } from './errors.ts';
import type { Features } from './features.ts';
import { readFilter, type ParsedFilter } from './filters.ts';
import type { FilterNode } from './filter-node.ts';
import {
  expectBoolean,
  expectCount,
  expectString,
  expectStrings,
  given,
  rejectUnknownKeys,
  wrongType,
} from './json-body.ts';
import { JsonNumber, plainValue, type JsonObject, type JsonTree } from './json-tree.ts';
import { checkThreshold, type SearchQuery } from './search.ts';

/** Keys of a search body; those without effect here (highlighting, vectors …) are accepted and ignored. */
export const SEARCH_KEYS: readonly string[] = [
  'q',
  'offset',
  'limit',
  'page',
  'hitsPerPage',
  'attributesToRetrieve',
  'attributesToCrop',
  'cropLength',
  'cropMarker',
  'attributesToHighlight',
  'highlightPreTag',
  'highlightPostTag',
  'showMatchesPosition',
  'filter',
  'sort',
  'distinct',
  'facets',
  'matchingStrategy',
  'attributesToSearchOn',
  'rankingScoreThreshold',
  'locales',
  'hybrid',
  'vector',
  'retrieveVectors',
  'media',
  'personalize',
  'useNetwork',
  'showRankingScore',
  'showRankingScoreDetails',
  'showPerformanceDetails',
];

/** Checks one search; `path` is where it stands in a larger body, `known` its keys there. */
export function readSearchQuery(
  object: JsonObject,
  features: Features,
  path: string,
  known: readonly string[] = SEARCH_KEYS,
): SearchQuery {
  rejectUnknownKeys(object, known, { path, code: 'bad_request' });
  const place = (key: string): { path: string; code: string } => ({
    path: `${path}.${key}`,
    code: `invalid_search_${key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}`,
  });
  const read = <T, D>(
    key: string,
    check: (tree: JsonTree, at: { path: string; code: string }) => T,
    fallback: D,
  ): T | D => {
    const tree = given(object, key);
    return tree === undefined ? fallback : check(tree, place(key));
  };
  const attributes = read('attributesToRetrieve', expectStrings, null);
  const filter = given(object, 'filter');
  return {
    q: read('q', expectString, ''),
    offset: read('offset', expectCount, 0),
    limit: read('limit', expectCount, 20),
    page: read('page', expectCount, null),
    hitsPerPage: read('hitsPerPage', expectCount, null),
    attributesToRetrieve: attributes?.includes('*') ? null : attributes,
    filter: filter === undefined ? null : readSearchFilter(plainValue(filter), features),
    sort: read('sort', expectStrings, []),
    facets: read('facets', expectStrings, null),
    showRankingScore: read('showRankingScore', expectBoolean, false),
    showRankingScoreDetails: read('showRankingScoreDetails', expectBoolean, false),
    rankingScoreThreshold: read(
      'rankingScoreThreshold',
      (tree, at) => {
        if (!(tree instanceof JsonNumber)) throw wrongType(tree, 'a number', at);
        return checkThreshold(Number(tree.text), at.path);
      },
      null,
    ),
  };
}

/** Searches quote a filter not as it was sent but as it was understood. */
function readSearchFilter(filter: unknown, features: Features): ParsedFilter | null {
  const code = 'invalid_search_filter';
  const parsed = readFilter(filter, features, code);
  if (!parsed) return null;
  const rewritten = parsed.parts.map(({ alternatives }) => alternatives.map(({ node }) => filterText(node)));
  return readFilter(rewritten, features, code);
}

function filterText(node: FilterNode): string {
  const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;
  switch (node.kind) {
    case 'and':
      return node.parts.map(grouped).join(' AND ');
    case 'or':
      return node.parts.map(grouped).join(' OR ');
    case 'not':
      return `NOT ${grouped(node.part)}`;
    case 'in':
      return `${quoted(node.attribute.value)} IN [${node.values.map(quoted).join(', ')}]`;
    case 'is':
      return `${quoted(node.attribute.value)} ${node.operator}`;
    case 'compare':
      if (node.operator === 'TO') {
        return `${quoted(node.attribute.value)} ${quoted(node.value)} TO ${quoted(node.upper ?? '')}`;
      }
      return `${quoted(node.attribute.value)} ${node.operator} ${quoted(node.value)}`;
  }
}

function grouped(node: FilterNode): string {
  return node.kind === 'and' || node.kind === 'or' || node.kind === 'not' ? `(${filterText(node)})` : filterText(node);
}

/** The same error, said of one query of several. Why 400: the whole request is at fault, not its address. */
export function insideQuery(error: unknown, position: number): unknown {
  if (!(error instanceof ApiError)) return error;
  return new ApiError(error.code, `Inside \`.queries[${position}]\`: ${error.message}`, 400);
}
