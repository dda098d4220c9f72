import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareSortValues,
  compareText,
  compareVerdicts,
  facetKey,
  verdictsOf,
} from '../../../src/routing/search/order.ts';

describe('texts', () => {
  it('are ordered as their UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(Math.sign(compareText(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
    expect(compareText('\u{1F600}', '\uFFFD')).toBeGreaterThan(0);
  });

  it('are the same facet value without case, outer spaces and compatibility forms', () => {
    expect(facetKey(' Lyon ')).toBe(facetKey('lyON'));
    expect(facetKey('ﬁn')).toBe('fin');
  });
});

describe('values to sort by', () => {
  const sorted = (isAscending: boolean): unknown[] =>
    ['b', null, 2, 'A', 10, undefined, -1].sort((a, b) => compareSortValues(a ?? null, b ?? null, isAscending));

  it('are numbers, then texts, then nothing, both ways', () => {
    expect(sorted(true)).toEqual([-1, 2, 10, 'A', 'b', null, undefined]);
    expect(sorted(false)).toEqual([10, 2, -1, 'b', 'A', null, undefined]);
  });
});

describe('ranking score details', () => {
  const compare = (a: object, b: object): number => Math.sign(compareVerdicts(verdictsOf(a), verdictsOf(b)));
  const words = (score: number, order = 0): object => ({
    words: { order, matchingWords: 1, maxMatchingWords: 2, score },
  });

  it('are compared in the order of the rules, not of their names', () => {
    const rules = (a: number, b: number): object => ({
      exactness: { order: 1, matchType: 'exactMatch', score: b },
      words: { order: 0, score: a },
    });
    expect(compare(rules(1, 0.1), rules(0.5, 1))).toBe(-1);
    expect(compare(rules(1, 0.1), rules(1, 1))).toBe(1);
    expect(compare(rules(1, 1), rules(1, 1))).toBe(0);
    expect(compare({}, {})).toBe(0);
  });

  it('are compared by values of fields, by their direction', () => {
    const by = (name: string, value: unknown): object => ({ [name]: { order: 0, value } });
    expect(compare(by('year:asc', 3), by('year:asc', 20))).toBe(-1);
    expect(compare(by('year:desc', 3), by('year:desc', 20))).toBe(1);
    expect(compare(by('a:b:asc', 'Ä'), by('a:b:asc', 'ä'))).toBe(0);
    expect(compare(by('year:desc', null), by('year:desc', 1))).toBe(1);
  });

  it('are compared by distance from a point', () => {
    const at = (distance: number | null): object => ({
      '_geoPoint(1, 2):asc': { order: 0, value: { lat: 1, lng: 2 }, distance },
    });
    expect(compare(at(3), at(200))).toBe(-1);
    expect(compare(at(null), at(200))).toBe(1);
  });

  it('put a document for which a node had no time last', () => {
    expect(compare(words(0.1), { skipped: { order: 0 } })).toBe(-1);
    expect(compare({ 'a:asc': { order: 0, value: 1 } }, { skipped: { order: 0 } })).toBe(-1);
    expect(compare({ skipped: { order: 0 } }, { 'a:asc': { order: 0, value: 1 } })).toBe(1);
    expect(compare({ ...words(1), 'a:asc': { order: 1, value: 1 } }, words(1))).toBe(-1);
  });

  it('that hide a field cannot be compared', () => {
    expect(() => verdictsOf({ '<hidden-rule-0>': { order: 0, value: '<hidden>' } })).toThrow(/not displayed/);
    expect(verdictsOf(null)).toEqual([]);
  });
});
