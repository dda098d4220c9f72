import { randomUUID } from 'node:crypto';

import { ApiError, INDEX_UID_RULE, indexNotFound, isIndexUid } from '../errors.ts';
import { countFacets, facetCountsText, mergeCounts, type FacetCounts } from '../facet-distribution.ts';
import { readJsonBody } from '../http-body.ts';
import type { IndexStore } from '../index-store.ts';
import {
  expectArray,
  expectCount,
  expectObject,
  expectString,
  expectStrings,
  given,
  rejectUnknownKeys,
  wrongType,
} from '../json-body.ts';
import { JsonNumber, type JsonObject, type JsonTree } from '../json-tree.ts';
import { invalidKey } from '../keys.ts';
import { doubleText } from '../number-text.ts';
import type { Context, Reply, Route } from '../router.ts';
import { insideQuery, readSearchQuery, SEARCH_KEYS } from '../search-query.ts';
import { findHits, hitText, searchPieces, type Hit, type SearchQuery } from '../search.ts';
import { pathUid, requireIndex } from './indexes.ts';

const TOP = { path: '', code: 'bad_request' };

async function searchByBody(context: Context): Promise<Reply> {
  pathUid(context);
  const body = await readJsonBody(context.request, context.node.bodyLimit);
  return searchOne(context, expectObject(body, TOP));
}

/** In a query string every value is text; lists are separated by commas. */
function searchByUrl(context: Context): Promise<Reply> {
  const { query } = context;
  query.allow(SEARCH_KEYS);
  const object: JsonObject = new Map();
  for (const key of SEARCH_KEYS) {
    const text = query.text(key);
    if (text === undefined) continue;
    // The words and the filter are text whatever they look like.
    if (key === 'q' || key === 'filter') object.set(key, text);
    else if (['attributesToRetrieve', 'sort', 'facets'].includes(key)) object.set(key, text.split(','));
    else if (/^(true|false)$/.test(text)) object.set(key, text === 'true');
    else object.set(key, /^\d+(\.\d+)?$/.test(text) ? new JsonNumber(text) : text);
  }
  return searchOne(context, object);
}

async function searchOne(context: Context, object: JsonObject): Promise<Reply> {
  const query = readSearchQuery(object, context.node.state.features, '');
  const index = requireIndex(context);
  try {
    return { status: 200, body: `{${(await searchPieces(index, query)).join(',')}}` };
  } catch (error) {
    throw ofIndex(error, index);
  }
}

/** Errors about a filter name the index. */
function ofIndex(error: unknown, index: IndexStore): unknown {
  const isFilter = error instanceof ApiError && error.code === 'invalid_search_filter';
  return isFilter ? new ApiError(error.code, `Index \`${index.uid}\`: ${error.message}`) : error;
}

/** One query of a multi-search. */
interface Part {
  readonly index: IndexStore;
  readonly query: SearchQuery;
  readonly object: JsonObject;
}

function readPart(context: Context, tree: JsonTree, position: number): Part {
  const path = `.queries[${position}]`;
  const object = expectObject(tree, { ...TOP, path });
  const query = readSearchQuery(object, context.node.state.features, path, [
    'indexUid',
    ...SEARCH_KEYS,
    'federationOptions',
  ]);
  const uidTree = object.get('indexUid');
  if (uidTree === undefined) throw new ApiError('missing_index_uid', `Missing field \`indexUid\` inside \`${path}\``);
  const uid = expectString(uidTree, { path: `${path}.indexUid`, code: 'invalid_index_uid' });
  if (!isIndexUid(uid)) {
    throw new ApiError('invalid_index_uid', `Invalid value at \`${path}.indexUid\`: \`${uid}\` ${INDEX_UID_RULE}`);
  }
  if (!context.access.allowsIndex(uid)) throw invalidKey();
  const index = context.node.state.index(uid);
  if (!index) throw insideQuery(indexNotFound(uid), position);
  return { index, query, object };
}

async function multiSearch(context: Context): Promise<Reply> {
  const object = expectObject(await readJsonBody(context.request, context.node.bodyLimit), TOP);
  rejectUnknownKeys(object, ['queries', 'federation'], TOP);
  const queries = object.get('queries');
  if (queries === undefined) throw new ApiError('bad_request', 'Missing field `queries`');
  const parts = expectArray(queries, { ...TOP, path: '.queries' }).map((tree, i) => readPart(context, tree, i));
  const federation = given(object, 'federation');
  if (federation !== undefined)
    return federatedSearch(parts, expectObject(federation, { ...TOP, path: '.federation' }));
  const results: string[] = [];
  for (const [position, { index, query }] of parts.entries()) {
    try {
      const pieces = await searchPieces(index, query);
      results.push(`{"indexUid":${JSON.stringify(index.uid)},${pieces.join(',')}}`);
    } catch (error) {
      throw insideQuery(ofIndex(error, index), position);
    }
  }
  return { status: 200, body: `{"results":[${results.join(',')}]}` };
}

interface FederatedHit {
  readonly part: Part;
  readonly position: number;
  readonly hit: Hit;
  readonly score: number;
}

async function federatedSearch(parts: readonly Part[], federation: JsonObject): Promise<Reply> {
  const started = performance.now();
  const place = (key: string): { path: string; code: string } => ({ path: `.federation.${key}`, code: 'bad_request' });
  rejectUnknownKeys(
    federation,
    ['limit', 'offset', 'facetsByIndex', 'mergeFacets', 'page', 'hitsPerPage', 'distinct'],
    {
      path: '.federation',
      code: 'bad_request',
    },
  );
  const limit = expectCount(given(federation, 'limit') ?? new JsonNumber('20'), place('limit'));
  const offset = expectCount(given(federation, 'offset') ?? new JsonNumber('0'), place('offset'));
  const found: FederatedHit[] = [];
  for (const [position, part] of parts.entries()) {
    try {
      refusePaging(part);
      const weight = readWeight(part, position);
      for (const hit of await findHits(part.index, part.query)) {
        found.push({ part, position, hit, score: hit.score * weight });
      }
    } catch (error) {
      throw insideQuery(ofIndex(error, part.index), position);
    }
  }
  found.sort((a, b) => b.score - a.score || a.position - b.position || a.hit.internal - b.hit.internal);
  const texts = found.slice(offset, offset + limit).map(({ part, position, hit, score }) => {
    const uid = JSON.stringify(part.index.uid);
    const origin = `"_federation":{"indexUid":${uid},"queriesPosition":${position},"weightedRankingScore":${doubleText(score)}}`;
    return hitText(part.index, hit, part.query, [origin]);
  });
  const pieces = [
    `"hits":[${texts.join(',')}]`,
    `"processingTimeMs":${Math.round(performance.now() - started)}`,
    `"limit":${limit},"offset":${offset},"estimatedTotalHits":${found.length}`,
    ...facetPieces(federation, found, place),
    `"requestUid":"${randomUUID()}"`,
  ];
  return { status: 200, body: `{${pieces.join(',')}}` };
}

function refusePaging({ object }: Part): void {
  const key = ['limit', 'offset', 'page', 'hitsPerPage'].find((name) => object.has(name));
  if (key === undefined) return;
  throw new ApiError(
    'invalid_multi_search_query_pagination',
    'Using pagination options is not allowed in federated queries.\n' +
      ` - Hint: remove \`${key}\` from the query or remove \`federation\` from the request\n` +
      ' - Hint: pass `federation.limit` and `federation.offset` for pagination in federated search',
  );
}

function readWeight({ object }: Part, position: number): number {
  const path = `.queries[${position}].federationOptions`;
  const options = given(object, 'federationOptions');
  const weight = options === undefined ? undefined : given(expectObject(options, { ...TOP, path }), 'weight');
  if (weight === undefined) return 1;
  if (!(weight instanceof JsonNumber)) {
    throw wrongType(weight, 'a number', { path: `${path}.weight`, code: 'invalid_multi_search_weight' });
  }
  return Number(weight.text);
}

function facetPieces(
  federation: JsonObject,
  found: readonly FederatedHit[],
  place: (key: string) => { path: string; code: string },
): string[] {
  const asked = given(federation, 'facetsByIndex');
  if (asked === undefined) return [];
  const perIndex: { readonly index: IndexStore; readonly counts: Map<string, FacetCounts> }[] = [];
  for (const [uid, names] of expectObject(asked, place('facetsByIndex'))) {
    if (names === null) continue;
    const hits = found.filter(({ part }) => part.index.uid === uid);
    const index = hits[0]?.part.index;
    if (!index) continue;
    const facets = expectStrings(names, place('facetsByIndex'));
    perIndex.push({
      index,
      counts: countFacets(
        index,
        hits.map(({ hit }) => hit),
        facets,
      ),
    });
  }
  if (given(federation, 'mergeFacets') === undefined) {
    const texts = perIndex.map(({ index, counts }) => {
      const { distribution, stats } = facetCountsText(counts, index.settings.faceting);
      return `${JSON.stringify(index.uid)}:{"distribution":${distribution},"stats":${stats}}`;
    });
    return [`"facetsByIndex":{${texts.join(',')}}`];
  }
  const merged = new Map<string, FacetCounts>();
  for (const { counts } of perIndex) mergeCounts(merged, counts);
  const { distribution, stats } = facetCountsText(merged, {
    maxValuesPerFacet: 100,
    sortFacetValuesBy: { '*': 'alpha' },
  });
  return [`"facetDistribution":${distribution},"facetStats":${stats}`];
}

export const searchRoutes: readonly Route[] = [
  { method: 'POST', path: '/indexes/:uid/search', action: 'search', isQueued: true, handler: searchByBody },
  { method: 'GET', path: '/indexes/:uid/search', action: 'search', isQueued: true, handler: searchByUrl },
  { method: 'POST', path: '/multi-search', action: 'search', isQueued: true, handler: multiSearch },
];
