/** Routes that search. */
import type { ClientAnswer, Router } from '../routing/api.ts';
import { type Call, indexOf, reading, type Route } from './call.ts';
import { filterOf } from './documents.ts';
import { fieldsOf, readJson } from './json-body.ts';
import { invalidKey } from './keys.ts';
import { count, decimal, flag, list, type Parameters, readParameters } from './parameters.ts';

const COUNTS = ['offset', 'limit', 'page', 'hitsPerPage', 'cropLength'] as const;
const FLAGS = ['showMatchesPosition', 'showRankingScore', 'showRankingScoreDetails', 'retrieveVectors'] as const;
const LISTS = [
  'attributesToRetrieve',
  'attributesToCrop',
  'attributesToHighlight',
  'attributesToSearchOn',
  'facets',
  'locales',
] as const;
const TEXTS = ['q', 'highlightPreTag', 'highlightPostTag', 'cropMarker', 'matchingStrategy', 'distinct'] as const;
const OTHERS = ['filter', 'sort', 'rankingScoreThreshold', 'vector', 'hybridEmbedder', 'hybridSemanticRatio'] as const;
const PARAMETERS = [...COUNTS, ...FLAGS, ...LISTS, ...TEXTS, ...OTHERS];

/** `hitsPerPage` → `invalid_search_hits_per_page`. */
const codeOf = (name: string): string =>
  `invalid_search_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;

/** A comma within `_geoPoint(1,2):asc` separates nothing. */
const sortRules = (text: string): string[] => text.split(/,(?![^(]*\))/);

/** The same question as a body, so that the router has one way to be asked. */
export function searchBody(search: string): string {
  const query = readParameters(search, PARAMETERS);
  const each = (
    names: readonly string[],
    read: (parameters: Parameters, name: string, code: string) => unknown,
  ): object => Object.fromEntries(names.map((name) => [name, read(query, name, codeOf(name))]));
  const filter = query.get('filter');
  const sort = query.get('sort');
  const embedder = query.get('hybridEmbedder');
  return JSON.stringify({
    ...each(TEXTS, (parameters, name) => parameters.get(name)),
    ...each(COUNTS, count),
    ...each(FLAGS, flag),
    ...each(LISTS, list),
    filter: filter === undefined ? undefined : filterOf(filter),
    sort: sort === undefined ? undefined : sortRules(sort),
    rankingScoreThreshold: decimal(query, 'rankingScoreThreshold', codeOf('rankingScoreThreshold')),
    vector: list(query, 'vector')?.map(Number),
    hybrid:
      embedder === undefined
        ? undefined
        : { embedder, semanticRatio: decimal(query, 'hybridSemanticRatio', 'invalid_search_semantic_ratio') },
  });
}

/** The router reads the queries; here only whose indexes they are about, where the key is for some. */
function checkIndexes(value: unknown, { access }: Call): void {
  const { queries } = value as { readonly queries?: unknown };
  if (access.indexPatterns === null || !Array.isArray(queries)) return;
  for (const query of queries as unknown[]) {
    const { indexUid } = (query ?? {}) as { readonly indexUid?: unknown };
    if (typeof indexUid === 'string' && !access.allowsIndex(indexUid)) invalidKey();
  }
}

async function multiSearch(router: Router, call: Call): Promise<ClientAnswer> {
  const { text, value } = await readJson(call);
  fieldsOf(value, ['queries', 'federation']);
  checkIndexes(value, call);
  return router.multiSearch(text, reading(call));
}

export const searchRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/indexes/:uid/search',
    action: 'search',
    handle: async (router, call) => {
      const index = indexOf(call);
      const { text } = await readJson(call);
      return router.search(index, text, reading(call));
    },
  },
  {
    method: 'GET',
    path: '/indexes/:uid/search',
    action: 'search',
    handle: async (router, call) => router.search(indexOf(call), searchBody(call.search), reading(call)),
  },
  { method: 'POST', path: '/multi-search', action: 'search', handle: multiSearch },
];
