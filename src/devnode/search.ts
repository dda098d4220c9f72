import { randomUUID } from 'node:crypto';

import { Slicer } from './clock.ts';
import { documentText, readSort } from './document-select.ts';
import { storedFields } from './document-text.ts';
import { ApiError } from './errors.ts';
import { facetTexts } from './facet-distribution.ts';
import { listOf, type ParsedFilter, planOf } from './filters.ts';
import type { IndexStore } from './index-store.ts';
import { doubleText } from './number-text.ts';
import { Ranking, type Found } from './ranking.ts';
import { SearchIndex, wordsOf } from './search-index.ts';

/** One search; everything has its default already. */
export interface SearchQuery {
  readonly q: string;
  readonly offset: number;
  readonly limit: number;
  /** Given: the answer has pages instead of an estimate. */
  readonly page: number | null;
  readonly hitsPerPage: number | null;
  /** Null for all. */
  readonly attributesToRetrieve: readonly string[] | null;
  readonly filter: ParsedFilter | null;
  readonly sort: readonly string[];
  readonly facets: readonly string[] | null;
  readonly showRankingScore: boolean;
  readonly showRankingScoreDetails: boolean;
  readonly rankingScoreThreshold: number | null;
}

/** A document that was found, with how well it matches (0 to 1). */
export interface Hit extends Found {
  readonly score: number;
}

/** Limit: more documents than this are not scored but left in internal order, to keep broad words cheap. */
const RANKED_MAX = 2000;

/** All documents that match, best first. */
export async function findHits(index: IndexStore, query: SearchQuery): Promise<Hit[]> {
  const words = wordsOf(query.q);
  const search = words.length === 0 ? null : await searchIndexOf(index);
  // From here on in one turn: no batch comes in between.
  const plan = query.filter ? planOf(index, query.filter, 'invalid_search_filter') : null;
  const ranking = rankingOf(index, query);
  let hits: Hit[];
  if (search === null) {
    const found = plan === null ? index.page(0, Number.POSITIVE_INFINITY) : listOf(index, plan);
    hits = found.map((internal) => ({ internal, score: 1, matchingWords: 0, wordCount: 0, closeness: 1 }));
  } else {
    hits = findWords(index, search, query.q, words, (internal) => plan?.test(internal) ?? true);
  }
  hits = ranking.order(hits);
  const { rankingScoreThreshold } = query;
  return rankingScoreThreshold === null ? hits : hits.filter(({ score }) => score >= rankingScoreThreshold);
}

/** Refuses a sort by attributes that may not be sorted by. */
function rankingOf(index: IndexStore, query: SearchQuery): Ranking {
  const sort = readSort(index, query.sort, 'invalid_search_sort', `Index \`${index.uid}\`: `);
  return new Ranking(index, sort, wordsOf(query.q).length > 0);
}

/** Documents with all words, then those without the last one, and so on; the first word must always be there. */
function findWords(
  index: IndexStore,
  search: SearchIndex,
  q: string,
  words: readonly string[],
  isAllowed: (internal: number) => boolean,
): Hit[] {
  const hits: Hit[] = [];
  const seen = new Set<number>();
  const perWord = words.map((word, i) => search.find(word, i === words.length - 1 && /[\p{L}\p{N}\p{M}]$/u.test(q)));
  for (let count = words.length; count > 0; count -= 1) {
    const [first = [], ...others] = perWord.slice(0, count).sort((a, b) => a.length - b.length);
    const sets = others.map((list) => new Set(list));
    const found = first.filter(
      (internal) => !seen.has(internal) && sets.every((set) => set.has(internal)) && isAllowed(internal),
    );
    for (const internal of found) seen.add(internal);
    for (const hit of rank(index, search, found, words.slice(0, count), words.length)) hits.push(hit);
  }
  return hits;
}

/** How well each fits: the whole attribute, then earlier words. */
function rank(
  index: IndexStore,
  search: SearchIndex,
  found: readonly number[],
  words: readonly string[],
  wordCount: number,
): Hit[] {
  const share = words.length / wordCount;
  const isMany = found.length > RANKED_MAX;
  return found.map((internal) => {
    const fit = isMany ? 0.5 : closeness(index, search, internal, words);
    return { internal, score: share * fit, matchingWords: words.length, wordCount, closeness: fit };
  });
}

function closeness(index: IndexStore, search: SearchIndex, internal: number, words: readonly string[]): number {
  let best = 0;
  for (const [name, value] of storedFields(index.textAt(internal) ?? '{}')) {
    if (!search.searchable.includes('*') && !search.searchable.includes(name)) continue;
    const inField = wordsOf(value.startsWith('"') ? (JSON.parse(value) as string) : value);
    const at = words.map((word) => inField.findIndex((candidate) => candidate.startsWith(word)));
    if (at.includes(-1)) continue;
    const isWhole = inField.length === words.length && inField.every((word, i) => word === words[i]);
    best = Math.max(best, isWhole ? 1 : 1 / (1.02 + 0.05 * Math.min(...at, 10)));
  }
  return best === 0 ? 0.3 : best;
}

const builds = new WeakMap<SearchIndex, Promise<void>>();

/** The words of an index. Cost: the first search reads all documents, in slices. */
async function searchIndexOf(index: IndexStore): Promise<SearchIndex> {
  for (;;) {
    const search = (index.search ??= new SearchIndex(index.settings.searchableAttributes));
    let build = builds.get(search);
    if (!build) {
      build = fill(index, search);
      builds.set(search, build);
    }
    await build;
    // A clear or new settings may have come in between.
    if (index.search === search) return search;
  }
}

async function fill(index: IndexStore, search: SearchIndex): Promise<void> {
  const slicer = new Slicer();
  for (let internal = 0; internal < index.internalEnd; internal += 1) {
    search.builtEnd = internal + 1;
    const text = index.textAt(internal);
    if (text !== undefined) search.add(internal, text);
    if (internal % 64 === 0 && slicer.isDue()) await slicer.rest();
    if (index.search !== search) return;
  }
  search.builtEnd = Number.POSITIVE_INFINITY;
}

/** The text of a hit: only displayed attributes, only those asked for. */
export function hitText(
  index: IndexStore,
  hit: Hit,
  query: SearchQuery,
  extra: readonly string[] = [],
  ranking: Ranking = rankingOf(index, query),
): string {
  const displayed = index.settings.displayedAttributes;
  const asked = query.attributesToRetrieve;
  const isAllDisplayed = displayed.includes('*');
  const fields =
    asked === null
      ? isAllDisplayed
        ? null
        : displayed
      : asked.filter((name) => isAllDisplayed || displayed.includes(name));
  const text = documentText(index, hit.internal, fields, false);
  const pieces = [
    ...extra,
    ...(query.showRankingScore ? [`"_rankingScore":${doubleText(hit.score)}`] : []),
    ...(query.showRankingScoreDetails ? [`"_rankingScoreDetails":${ranking.details(hit)}`] : []),
  ];
  if (pieces.length === 0) return text;
  return text === '{}' ? `{${pieces.join(',')}}` : `${text.slice(0, -1)},${pieces.join(',')}}`;
}

/** The answer of one search as the pieces of a JSON object. */
export async function searchPieces(index: IndexStore, query: SearchQuery): Promise<string[]> {
  const started = performance.now();
  const hits = await findHits(index, query);
  const max = index.settings.pagination.maxTotalHits;
  const isPaged = query.page !== null || query.hitsPerPage !== null;
  const hitsPerPage = query.hitsPerPage ?? 20;
  const page = query.page ?? 1;
  const offset = isPaged ? Math.max(0, page - 1) * hitsPerPage : query.offset;
  const limit = isPaged ? (page === 0 ? 0 : hitsPerPage) : query.limit;
  const shown = hits.slice(offset, Math.min(offset + limit, max));
  const ranking = rankingOf(index, query);
  const texts = shown.map((hit) => hitText(index, hit, query, [], ranking));
  const pages = hitsPerPage === 0 ? 0 : Math.ceil(Math.min(hits.length, max) / hitsPerPage);
  const facets = query.facets ? facetTexts(index, hits, query.facets) : null;
  return [
    `"hits":[${texts.join(',')}]`,
    `"query":${JSON.stringify(query.q)}`,
    `"processingTimeMs":${Math.round(performance.now() - started)}`,
    isPaged
      ? `"hitsPerPage":${hitsPerPage},"page":${page},"totalPages":${pages},"totalHits":${hits.length}`
      : `"limit":${limit},"offset":${offset},"estimatedTotalHits":${hits.length}`,
    ...(facets ? [`"facetDistribution":${facets.distribution},"facetStats":${facets.stats}`] : []),
    `"requestUid":"${randomUUID()}"`,
  ];
}

/** Refuses a threshold that cannot be a score. */
export function checkThreshold(value: number, path: string): number {
  if (value >= 0 && value <= 1) return value;
  throw new ApiError(
    'invalid_search_ranking_score_threshold',
    `Invalid value at \`${path}\`: the value of \`rankingScoreThreshold\` is invalid, expected a float between \`0.0\` and \`1.0\`.`,
  );
}
