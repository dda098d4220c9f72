import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotMergeableError } from '../../../src/errors.ts';
import { dealPage } from '../../../src/routing/search/merge-documents.ts';
import { mergeDistributions, mergeFacetStats } from '../../../src/routing/search/merge-facets.ts';
import { mergeSearches } from '../../../src/routing/search/merge-search.ts';
import { mergeStats, readStats } from '../../../src/routing/search/merge-stats.ts';
import { readSettings, SettingsCache } from '../../../src/routing/search/settings.ts';
import type { SearchSettings } from '../../../src/routing/search/settings.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const SETTINGS = readSettings('{}');
const ASKED = { offset: 0, limit: 20, wantsDetails: false };

const answer = (hits: readonly string[]): string =>
  `{"hits":[${hits.join(',')}],"query":"é","processingTimeMs":3,"limit":99,"offset":0,"estimatedTotalHits":${hits.length}}`;
const hit = (id: number, score: number, more = ''): string =>
  `{"id":${id}${more},"_rankingScoreDetails":{"words":{"order":0,"score":${score}}}}`;

function merge(
  parts: readonly string[],
  request: Partial<typeof ASKED> = {},
  settings: Partial<SearchSettings> = {},
): Record<string, string> {
  return Object.fromEntries(mergeSearches(parts, { ...ASKED, ...request }, { ...SETTINGS, ...settings }));
}

describe('answers of several nodes', () => {
  it('are one list, best first; ties by their place, then by node', () => {
    const parts = [answer([hit(1, 1), hit(2, 0.5), hit(3, 0.5)]), answer([hit(4, 1), hit(5, 0.7), hit(6, 0.5)])];
    const ids = ({ hits = '' }: Record<string, string>): number[] =>
      (JSON.parse(hits) as { id: number }[]).map(({ id }) => id);
    expect(ids(merge(parts))).toEqual([1, 4, 5, 2, 3, 6]);
    expect(ids(merge([answer([hit(1, 1), hit(2, 1)]), answer([hit(3, 1)])]))).toEqual([1, 3, 2]);
    expect(ids(merge(parts, { offset: 2, limit: 2 }))).toEqual([5, 2]);
    expect(ids(merge(parts, { limit: 9 }, { maxTotalHits: 4 }))).toEqual([1, 4, 5, 2]);
    expect(merge(parts, { offset: 2, limit: 2 })).toMatchObject({ offset: '2', limit: '2', estimatedTotalHits: '6' });
  });

  it('keep text as it was written, and lose what only we asked for', () => {
    const more =
      ',"n":1.0,"_miroir_shard":4,"_formatted":{"id":"1","_miroir_slot":"3","t":"<em>é</em>"},"_matchesPosition":{"t":[{"start":0,"length":2}],"_miroir_shard":[]}';
    const parts = [answer([hit(1, 1, more)]), answer([hit(2, 0.5)])];
    const kept = '"n":1.0,"_formatted":{"id":"1","t":"<em>é</em>"},"_matchesPosition":{"t":[{"start":0,"length":2}]}';
    expect(merge(parts)['hits']).toBe(`[{"id":1,${kept}},{"id":2}]`);
    expect(merge(parts, { wantsDetails: true })['hits']).toContain(
      '"_rankingScoreDetails":{"words":{"order":0,"score":0.5}}',
    );
    expect(merge(parts)).toMatchObject({ query: '"é"', processingTimeMs: '3' });
  });

  it('of one node only stay in its order', () => {
    expect(merge([answer(['{"id":2}', '{"id":1,"_miroir_slot":1}'])])['hits']).toBe('[{"id":2},{"id":1}]');
  });

  it('give pages that fit together, whatever the nodes hold', () => {
    const scores = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(scores, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 5 }), (nodes, size) => {
        const lists = nodes.map((list, node) =>
          list.sort((a, b) => b - a).map((score, place) => hit(node * 100 + place, score)),
        );
        const total = lists.reduce((sum, list) => sum + list.length, 0);
        const page = (offset: number, limit: number): unknown[] => {
          // A node gives its first hits up to the page's end.
          const parts = lists.map((list) => answer(list.slice(0, offset + limit)));
          return JSON.parse(merge(parts, { offset, limit, wantsDetails: true })['hits'] ?? '') as unknown[];
        };
        const paged: unknown[] = [];
        for (let offset = 0; offset < total; offset += size) paged.push(...page(offset, size));
        expect(paged).toEqual(page(0, total));
      }),
    );
  });
});

describe('facets', () => {
  const by = (order: string, maxValuesPerFacet = 100): SearchSettings => ({
    ...SETTINGS,
    maxValuesPerFacet,
    sortFacetValuesBy: { '*': order },
  });

  it('are counted together, without ours, in a node’s order', () => {
    const parts = ['{"genre":{"art":1,"Drama":2},"_miroir_shard":{"3":1}}', '{"genre":{"Art":4,"noir":1},"a":{}}'];
    expect(mergeDistributions(parts, by('alpha'))).toBe('{"a":{},"genre":{"art":5,"Drama":2,"noir":1}}');
    expect(mergeDistributions(parts, by('count'))).toBe('{"a":{},"genre":{"art":5,"Drama":2,"noir":1}}');
    expect(mergeDistributions(['{"g":{"b":1,"a":1,"c":3}}', '{"g":{"b":1}}'], by('count'))).toBe(
      '{"g":{"c":3,"b":2,"a":1}}',
    );
  });

  it('that nodes cut are right by name, and refused by count', () => {
    const parts = ['{"g":{"a":1,"b":1}}', '{"g":{"b":2,"c":5}}'];
    expect(mergeDistributions(parts, by('alpha', 2))).toBe('{"g":{"a":1,"b":3}}');
    expect(() => mergeDistributions(parts, by('count', 2))).toThrow(NotMergeableError);
    expect(mergeDistributions(parts.slice(0, 1), by('count', 2))).toBe('{"g":{"a":1,"b":1}}');
  });

  it('named as what every object has are in the order of all', () => {
    const parts = ['{"constructor":{"a":1,"b":2}}', '{"constructor":{"b":1}}'];
    expect(mergeDistributions(parts, by('count'))).toBe('{"constructor":{"b":3,"a":1}}');
  });

  it('have the least and the greatest of all nodes, as they were written', () => {
    const parts = [
      '{"p":{"min":3.0,"max":7.5},"_miroir_slot":{"min":1.0,"max":2.0}}',
      '{"p":{"min":-1.50,"max":7.0}}',
      '{}',
    ];
    expect(mergeFacetStats(parts)).toBe('{"p":{"min":-1.50,"max":7.5}}');
  });
});

describe('a page that is dealt to nodes', () => {
  it('is what taking one document of each node in turn gives', () => {
    const totals = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(totals, fc.nat({ max: 60 }), fc.nat({ max: 60 }), (counts, offset, limit) => {
        const order = counts
          .flatMap((count, node) => Array.from({ length: count }, (_, place) => ({ node, place })))
          .sort((a, b) => a.place - b.place || a.node - b.node)
          .slice(offset, offset + limit);
        const dealt = dealPage(counts, { offset, limit }).flatMap((page, node) =>
          Array.from({ length: page.limit }, (_, i) => ({ node, place: page.offset + i })),
        );
        expect(dealt.sort((a, b) => a.place - b.place || a.node - b.node)).toEqual(order);
      }),
    );
  });

  it('costs no time at the end of a large index', () => {
    expect(dealPage([10_000_000, 20_000_000], { offset: 25_000_000, limit: 10 })).toEqual([
      { offset: 10_000_000, limit: 0 },
      { offset: 15_000_000, limit: 10 },
    ]);
  });
});

describe('stats', () => {
  const stats = (documents: number, more: object = {}): ReturnType<typeof readStats> =>
    readStats({
      numberOfDocuments: documents,
      rawDocumentDbSize: 1_000,
      isIndexing: false,
      fieldDistribution: {},
      ...more,
    });

  it('count what is read, and take that part of what a node tells of everything it holds', () => {
    const merged = mergeStats([
      {
        documents: 50,
        stats: stats(100, { fieldDistribution: { id: 100, some: 10, _miroir_shard: 100 }, isIndexing: true }),
      },
      { documents: 30, stats: stats(30, { fieldDistribution: { id: 30 }, numberOfEmbeddings: 4 }) },
    ]);
    expect(merged).toEqual({
      numberOfDocuments: 80,
      rawDocumentDbSize: 1_500,
      avgDocumentSize: 19,
      isIndexing: true,
      numberOfEmbeddings: 4,
      numberOfEmbeddedDocuments: 0,
      fieldDistribution: { id: 80, some: 5 },
    });
    const odd = { documents: 9, stats: stats(9, { fieldDistribution: { constructor: 7 } }) };
    expect(mergeStats([odd, { documents: 0, stats: stats(0) }]).fieldDistribution).toEqual({ constructor: 7 });
    expect(mergeStats([{ documents: 0, stats: stats(0) }])).toMatchObject({ numberOfDocuments: 0, avgDocumentSize: 0 });
  });
});

describe('settings', () => {
  it('are kept for a second, read once for all who ask, and not kept when that failed', async () => {
    const clock = new VirtualClock();
    const cache = new SettingsCache(clock);
    let reads = 0;
    const read = (): Promise<SearchSettings> => {
      reads += 1;
      return reads === 1 ? Promise.reject(new Error('no node')) : Promise.resolve(SETTINGS);
    };
    await expect(cache.of('x', read)).rejects.toThrow('no node');
    await Promise.all([cache.of('x', read), cache.of('x', read), cache.of('x', read)]);
    expect(reads).toBe(2);
    await cache.of('y', read);
    expect(reads).toBe(3);
    await clock.pass(1_001);
    await cache.of('x', read);
    expect(reads).toBe(4);
  });

  it('have a node’s defaults', () => {
    expect(readSettings('{"pagination":{"maxTotalHits":7},"faceting":null,"distinctAttribute":"a"}')).toEqual({
      distinctAttribute: 'a',
      maxTotalHits: 7,
      maxValuesPerFacet: 100,
      sortFacetValuesBy: { '*': 'alpha' },
    });
  });
});
