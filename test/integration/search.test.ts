// Searches over three development nodes, compared with one that holds everything: same requests, same answers.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPTIONS, parsed, startReadScene, view } from '../support/reads.ts';
import type { ReadScene } from '../support/reads.ts';
import type { Reads } from '../../src/routing/search/reads.ts';

const WORDS = ['river', 'stone', 'blue', 'harbour', 'Émile', 'north', 'old', 'bridge', 'valley', 'quiet'];
const GENRES = ['drama', 'western', 'art', 'noir', 'Comédie'];
const PLACES = ['Lyon', 'lyon', 'LYON', 'Ulm', 'ulm'];
const COUNT = 600;

/** `rank` differs for every document, so that a sort by it leaves no ties. */
const DOCUMENTS = Array.from({ length: COUNT }, (_, id) => {
  const title = [id, id * 3, id * 7].map((i) => WORDS[i % WORDS.length]).join(' ');
  const genre = id % 11 === 0 ? '["art","noir"]' : JSON.stringify(GENRES[id % GENRES.length]);
  const year = id % 13 === 0 ? 'null' : id % 17 === 0 ? `"y${id % 5}"` : String(1950 + (id % 60));
  return `{"id":${id},"title":"${title}","genre":${genre},"year":${year},"place":"${PLACES[id % PLACES.length]}","rank":${(id * 7919) % COUNT},"big":${18446744073709551000n + BigInt(id)},"exact":${id}.0}`;
});
const SETTINGS = {
  searchableAttributes: ['title'],
  filterableAttributes: ['genre', 'year', 'rank', 'place'],
  sortableAttributes: ['year', 'rank', 'genre', 'place'],
};

interface Found {
  readonly hits: readonly { readonly id: number; readonly _rankingScoreDetails?: unknown }[];
  readonly estimatedTotalHits: number;
}

let scene: ReadScene;
let reads: Reads;

beforeAll(async () => {
  scene = await startReadScene();
  const rules = ['words', 'rank:desc', 'attribute', 'sort', 'exactness'];
  await scene.add({ uid: 'films', documents: DOCUMENTS, settings: SETTINGS });
  await scene.add({ uid: 'twice', documents: DOCUMENTS, settings: SETTINGS, replicationFactor: 2 });
  await scene.add({ uid: 'ruled', documents: DOCUMENTS, settings: { ...SETTINGS, rankingRules: rules } });
  await scene.add({
    uid: 'bounded',
    documents: DOCUMENTS,
    settings: {
      ...SETTINGS,
      pagination: { maxTotalHits: 50 },
      faceting: { maxValuesPerFacet: 3, sortFacetValuesBy: { genre: 'alpha', year: 'alpha' } },
    },
  });
  reads = scene.reads();
}, 60_000);
afterAll(() => scene.stop());

const ask = (index: string, body: object): ReturnType<Reads['search']> =>
  reads.search(index, JSON.stringify(body), OPTIONS);
const whole = (index: string, body: object): ReturnType<ReadScene['whole']> =>
  scene.whole(`/indexes/${index}/search`, JSON.stringify(body));

/** Requests to both sides, and their answers in every member. */
async function both(requests: readonly [string, object][]): Promise<{ ours: unknown[]; theirs: unknown[] }> {
  const ours = await Promise.all(requests.map(async ([index, body]) => view(await ask(index, body))));
  const theirs = await Promise.all(requests.map(async ([index, body]) => view(await whole(index, body))));
  return { ours, theirs };
}

const SORT = { sort: ['rank:asc'] };
const FILTERS = [
  'year > 1980',
  'genre = drama OR genre = art',
  ['genre = western', 'year 1960 TO 1990'],
  [['genre = noir', 'genre = drama'], 'NOT year EXISTS'],
  '',
  [],
  [[], 'year IS NULL'],
  null,
  'rank IN [1, 2, 3, 4, 5, 600]',
];

describe('an answer without ties is that of one node', () => {
  it.each(FILTERS)('filtered by %j', async (filter) => {
    const { ours, theirs } = await both([['films', { filter, ...SORT, limit: 1_000 }]]);
    expect(ours).toEqual(theirs);
  });

  it.each([
    [0, 20],
    [0, 0],
    [5, 1],
    [13, 50],
    [590, 20],
    [600, 10],
    [5_000, 10],
    [0, 100_000],
  ])('from %i, %i at most', async (offset, limit) => {
    const { ours, theirs } = await both([
      ['films', { offset, limit, sort: ['rank:desc'] }],
      ['twice', { offset, limit, sort: ['rank:desc'] }],
    ]);
    expect(ours).toEqual(theirs);
  });

  it.each([
    [['year:asc', 'rank:asc']],
    [['year:desc', 'rank:asc']],
    [['genre:asc', 'rank:desc']],
    [['place:desc', 'rank:desc']],
    [['genre:desc', 'year:asc', 'rank:desc']],
  ])('sorted by %j: numbers, texts, nothing', async (sort) => {
    const { ours, theirs } = await both([
      ['films', { sort, limit: 1_000, attributesToRetrieve: ['id', 'genre', 'year'] }],
    ]);
    expect(ours).toEqual(theirs);
  });

  it('ordered by a ranking rule on a field, before and after other rules', async () => {
    const { ours, theirs } = await both([
      ['ruled', { q: '', limit: 700 }],
      ['ruled', { q: 'river stone blue', limit: 700, showRankingScore: true }],
      ['ruled', { q: 'blue', limit: 30, offset: 10, showRankingScoreDetails: true }],
    ]);
    expect(ours).toEqual(theirs);
  });

  it('with words, a filter and a sort', async () => {
    const { ours, theirs } = await both([
      ['films', { q: 'north bridge', ...SORT, limit: 400, showRankingScoreDetails: true }],
      ['films', { q: 'émile', filter: 'year < 1999', ...SORT, showRankingScore: true }],
      ['films', { q: 'nothing-like-this' }],
    ]);
    expect(ours).toEqual(theirs);
  });

  it('with facets', async () => {
    const { ours, theirs } = await both([
      ['films', { q: '', facets: ['genre', 'year', 'rank'], limit: 0, filter: 'rank < 60' }],
      ['films', { q: 'river', facets: ['*'], filter: 'rank < 60 AND rank = 7', ...SORT }],
      ['films', { q: '', facets: ['genre'], filter: 'rank > 9999', limit: 0 }],
      ['bounded', { q: '', facets: ['genre', 'year'], limit: 0 }],
    ]);
    expect(ours).toEqual(theirs);
  });

  it('with facets that are spelt in several ways, counted together under one of them', async () => {
    const body = { q: '', facets: ['place'], limit: 0 };
    const counts = (answer: { readonly body: string }): [string, number][] => {
      const { facetDistribution } = parsed(answer) as { facetDistribution: { place: Record<string, number> } };
      return Object.entries(facetDistribution.place).map(([name, count]) => [name.toLowerCase(), count]);
    };
    expect(counts(await ask('films', body))).toEqual(counts(await whole('films', body)));
  });

  it('cut at maxTotalHits', async () => {
    const { ours, theirs } = await both([
      ['bounded', { ...SORT, limit: 100 }],
      ['bounded', { ...SORT, limit: 30, offset: 40 }],
      ['bounded', { ...SORT, limit: 30, offset: 60 }],
    ]);
    expect(ours).toEqual(theirs);
  });

  it('with some fields, asked for by name or by star, ours among them', async () => {
    const { ours, theirs } = await both([
      ['films', { ...SORT, attributesToRetrieve: ['id', 'title'] }],
      ['films', { ...SORT, attributesToRetrieve: ['*'] }],
      ['films', { ...SORT, attributesToRetrieve: ['_miroir_shard', '_miroir_slot', 'id'] }],
      ['films', { ...SORT, attributesToRetrieve: [] }],
    ]);
    expect(ours).toEqual(theirs);
  });

  it('with numbers as they were sent', async () => {
    const { body } = await ask('films', { filter: 'rank = 0' });
    expect(body).toContain('"big":18446744073709551000,"exact":0.0');
    expect(body).not.toContain('_miroir');
    expect(body).not.toContain('_rankingScore');
  });
});

/** Hits in groups of equal rank, each group's ids in order of id. */
function groups({ hits }: Found): number[][] {
  const grouped: { key: string; ids: number[] }[] = [];
  for (const { id, _rankingScoreDetails: details } of hits) {
    const key = JSON.stringify(details);
    const last = grouped.at(-1);
    if (last?.key === key) last.ids.push(id);
    else grouped.push({ key, ids: [id] });
  }
  return grouped.map(({ ids }) => ids.sort((a, b) => a - b));
}

describe('an answer with ties', () => {
  const QUERIES = ['river', 'river stone', 'blue b', 'old quiet valley', 'émile n', 'harbour xyz'];

  it.each(QUERIES)('has the same groups of equal hits, best first: %s', async (q) => {
    for (const index of ['films', 'twice']) {
      const body = { q, limit: 1_000, showRankingScoreDetails: true };
      const [ours, theirs] = [parsed(await ask(index, body)) as Found, parsed(await whole(index, body)) as Found];
      expect(ours.hits.length).toBeGreaterThan(0);
      expect(groups(ours)).toEqual(groups(theirs));
      expect(ours.estimatedTotalHits).toBe(theirs.estimatedTotalHits);
    }
  });

  it.each(['films', 'twice'])('gives every document once over its pages, in one order: %s', async (index) => {
    const everything = (parsed(await ask(index, { q: 'river b', limit: 1_000 })) as Found).hits.map(({ id }) => id);
    const paged: number[] = [];
    for (let offset = 0; offset < everything.length; offset += 17) {
      const { hits } = parsed(await ask(index, { q: 'river b', limit: 17, offset })) as Found;
      paged.push(...hits.map(({ id }) => id));
    }
    expect(paged).toEqual(everything);
    expect(new Set(paged).size).toBe(paged.length);
  });
});

describe('a request that a node refuses', () => {
  it.each([
    { filter: 'title = x' },
    { filter: 'title = x AND year > 3' },
    { filter: ['year > 3', 'title = x'] },
    { filter: 'year >' },
    { filter: true },
    { filter: { a: 1 } },
    { filter: [[[1]]] },
    { filter: [1] },
    { limit: 'x' },
    { offset: -1 },
    { limit: 1.5 },
    { q: 1 },
    { nope: 1 },
    { sort: ['title:asc'] },
    { sort: ['year'] },
    { facets: ['title'] },
    { rankingScoreThreshold: 2 },
    { showRankingScoreDetails: 'yes' },
  ])('is refused in the words that one node has: %j', async (body) => {
    const { ours, theirs } = await both([['films', body]]);
    expect(ours).toEqual(theirs);
  });

  it.each(['', '{', '[]', '"x"', '{"limit":01}', '{"q":"\\ud800"}x'])(
    'also when it is no request: %s',
    async (body) => {
      const ours = await reads.search('films', body, OPTIONS);
      expect(view(ours)).toEqual(view(await scene.whole('/indexes/films/search', body)));
      expect(ours.status).toBe(400);
    },
  );

  it('is refused when there is no such index', async () => {
    expect(view(await ask('nowhere', {}))).toEqual(view(await whole('nowhere', {})));
  });
});

describe('what cannot be merged', () => {
  it.each([
    { distinct: 'genre' },
    { page: 1 },
    { hitsPerPage: 10 },
    { hybrid: { embedder: 'x' } },
    { vector: [1, 2] },
    { useNetwork: true },
    { matchingStrategy: 'frequency' },
    { showPerformanceDetails: true },
  ])('is 501: %j', async (body) => {
    const answer = await ask('films', body);
    expect(answer.status).toBe(501);
    expect(parsed(answer)).toMatchObject({ code: 'miroir_not_mergeable', type: 'invalid_request' });
  });

  it('is 501 by the settings of the index too, while it has them', async () => {
    await scene.add({ uid: 'once', documents: DOCUMENTS.slice(0, 9), settings: { distinctAttribute: 'genre' } });
    const fresh = scene.reads();
    expect((await fresh.search('once', '{}', OPTIONS)).status).toBe(501);
    for (const id of ['n1', 'n2', 'n3']) {
      await scene.applied(id, await scene.client(id).updateSettings('once', { distinctAttribute: null }));
    }
    expect((await scene.reads().search('once', '{}', OPTIONS)).status).toBe(200);
  });

  it('is 501 for a sort by what is not displayed, and for facets by count that a node cuts', async () => {
    await scene.add({
      uid: 'hidden',
      documents: DOCUMENTS,
      settings: {
        ...SETTINGS,
        displayedAttributes: ['id'],
        faceting: { maxValuesPerFacet: 3, sortFacetValuesBy: { '*': 'count' } },
      },
    });
    expect((await ask('hidden', SORT)).status).toBe(501);
    expect((await ask('hidden', { facets: ['year'] })).status).toBe(501);
    const { ours, theirs } = await both([
      ['hidden', { filter: 'genre = art', facets: ['genre'], limit: 0, q: 'nothing' }],
    ]);
    expect(ours).toEqual(theirs);
  });
});

describe('several searches in one request', () => {
  const multi = (body: unknown): ReturnType<Reads['multiSearch']> => reads.multiSearch(JSON.stringify(body), OPTIONS);
  const wholeMulti = (body: unknown): ReturnType<ReadScene['whole']> =>
    scene.whole('/multi-search', JSON.stringify(body));

  it('are answered in order', async () => {
    const body = {
      queries: [
        { indexUid: 'films', ...SORT, limit: 3 },
        { indexUid: 'twice', q: 'blue', ...SORT, filter: 'genre = art' },
        { indexUid: 'ruled', facets: ['genre'], limit: 1 },
        ...Array.from({ length: 10 }, (_, i) => ({ indexUid: 'films', ...SORT, offset: i, limit: 1 })),
      ],
    };
    expect(view(await multi(body))).toEqual(view(await wholeMulti(body)));
    expect(view(await multi({ queries: [] }))).toEqual(view(await wholeMulti({ queries: [] })));
  });

  it.each([
    {},
    { queries: 1 },
    { queries: [1] },
    { queries: [{}] },
    { queries: [{ indexUid: 'no/pe' }] },
    { queries: [{ indexUid: 'films' }, { indexUid: 'nowhere' }] },
    { queries: [{ indexUid: 'films' }, { indexUid: 'films', limit: 'x' }] },
    { queries: [{ indexUid: 'films', filter: 'title = 1' }] },
    { queries: [{ indexUid: 'films', nope: 1 }] },
    { queries: [], nope: 1 },
  ])('are refused in the words that one node has: %j', async (body) => {
    expect(view(await multi(body))).toEqual(view(await wholeMulti(body)));
  });

  it('are 501 when they are federated or one of them cannot be merged', async () => {
    expect((await multi({ federation: {}, queries: [{ indexUid: 'films' }] })).status).toBe(501);
    expect((await multi({ queries: [{ indexUid: 'films' }, { indexUid: 'films', page: 1 }] })).status).toBe(501);
  });
});
