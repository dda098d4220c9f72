import { beforeEach, describe, expect, it } from 'vitest';

import { FacetRules } from '../../../src/devnode/facet-rules.ts';
import { FacetSet } from '../../../src/devnode/facet-set.ts';
import { parseFilter } from '../../../src/devnode/filter-parser.ts';
import { evaluateFilter, readFilter } from '../../../src/devnode/filters.ts';
import { IndexStore } from '../../../src/devnode/index-store.ts';

const features = { containsFilter: false };
const comparable = (name: string) => ({
  attributePatterns: [name],
  features: { facetSearch: false, filter: { equality: true, comparison: true } },
});

describe('filter parser', () => {
  it('binds AND closer than OR', () => {
    const node = parseFilter('a = 1 OR b = 2 AND c = 3', features);
    expect(node).toMatchObject({ kind: 'or', parts: [{ kind: 'compare' }, { kind: 'and' }] });
  });

  it('reads quotes, lists and both forms of NOT', () => {
    expect(parseFilter(`'a b' = "x\\"y"`, features)).toMatchObject({ attribute: { value: 'a b' }, value: 'x"y' });
    expect(parseFilter('a IN [1, x, "y z",]', features)).toMatchObject({ kind: 'in', values: ['1', 'x', 'y z'] });
    expect(parseFilter('a NOT IN [1]', features)).toMatchObject({ kind: 'not', part: { kind: 'in' } });
    expect(parseFilter('NOT (a = 1)', features)).toMatchObject({ kind: 'not', part: { kind: 'compare' } });
  });

  it.each([
    ['color = ', 'Was expecting a value but instead got nothing.\n9:9 color = '],
    ['(color = a', 'missing the following closing delimiter: `)`.\n1:11 (color = a'],
    ['color=red and age>40', '11:21 color=red and age>40'],
    [`${'('.repeat(37)}a = 1${')'.repeat(37)}`, 'maximum depth limit'],
  ])('refuses %s and says where', (text, message) => {
    expect(() => parseFilter(text, features)).toThrow(message);
  });

  it('accepts the deepest nesting and thousands of flat conditions', () => {
    expect(parseFilter(`${'('.repeat(36)}a = 1${')'.repeat(36)}`, features)).toMatchObject({ kind: 'compare' });
    const flat = Array.from({ length: 2100 }, (_, i) => `a = ${i}`).join(' OR ');
    expect(parseFilter(flat, features)).toMatchObject({ kind: 'or' });
  });

  it('takes a blank text for no filter', () => {
    expect(parseFilter('  ', features)).toBeNull();
  });
});

describe('filter evaluation', () => {
  let index: IndexStore;

  const put = (...texts: string[]) => {
    const reader = index.reader();
    index.commit(
      texts.map((text) => ({ id: String((JSON.parse(text) as { id: number }).id), document: reader.readStored(text) })),
    );
  };
  const find = (filter: unknown): number[] => {
    const parsed = readFilter(filter, features, 'invalid_document_filter');
    if (!parsed) throw new Error('no filter');
    return [...evaluateFilter(index, parsed, 'invalid_document_filter')].map((internal) =>
      Number(index.idAt(internal)),
    );
  };

  beforeEach(() => {
    index = new IndexStore('ix', 0);
    index.primaryKey = 'id';
    index.facets = new FacetSet(new FacetRules([comparable('shard'), comparable('slot'), 'name', 'o']));
  });

  it('finds windows of a shard, both ends included', () => {
    put(...Array.from({ length: 5000 }, (_, i) => `{"id":${i},"shard":${i % 7},"slot":${(i * 31) % 1000}}`));
    const expected = (from: number, to: number) =>
      Array.from({ length: 5000 }, (_, i) => i).filter(
        (i) => i % 7 === 3 && (i * 31) % 1000 >= from && (i * 31) % 1000 <= to,
      );
    expect(find('shard = 3 AND slot 100 TO 199')).toEqual(expected(100, 199));
    expect(find('shard = 3 AND slot >= 100 AND slot < 200')).toEqual(expected(100, 199));
    expect(find(['shard = 3', ['slot 0 TO 9', 'slot 990 TO 999']])).toEqual(
      [...expected(0, 9), ...expected(990, 999)].sort((a, b) => a - b),
    );
    expect(find('shard = 9')).toEqual([]);
  });

  it('agrees with itself after documents changed, went and came back', () => {
    put('{"id":1,"shard":1,"slot":5}', '{"id":2,"shard":1,"slot":6}', '{"id":3,"shard":2,"slot":5}');
    put('{"id":1,"shard":2,"slot":5}');
    index.commit([{ id: '2', document: null }]);
    expect(find('shard = 1')).toEqual([]);
    expect(find('slot 5 TO 6')).toEqual([1, 3]);
    put('{"id":2,"shard":1,"slot":6}');
    expect(find('shard = 1')).toEqual([2]);
    expect(find('slot 5 TO 6')).toEqual([1, 2, 3]);
    expect(find('slot != 5')).toEqual([2]);
  });

  it('compares strings without case and numbers by value', () => {
    put('{"id":1,"name":"Ann"}', '{"id":2,"name":" ann "}', '{"id":3,"name":30}', '{"id":4,"name":"30"}', '{"id":5}');
    expect(find('name = ANN')).toEqual([1, 2]);
    expect(find('name = 30')).toEqual([3, 4]);
    expect(find('name = 30.0')).toEqual([3]);
    expect(find('name EXISTS')).toEqual([1, 2, 3, 4]);
    expect(find('name STARTS WITH a')).toEqual([1, 2]);
  });

  it('looks into objects and arrays', () => {
    put('{"id":1,"o":{"p":[1,2]}}', '{"id":2,"o":[{"p":3}]}', '{"id":3,"o":{"p":null}}', '{"id":4,"o":{"p":[]}}');
    expect(find('o.p = 2')).toEqual([1]);
    expect(find('o.p > 2')).toEqual([2]);
    expect(find('o.p IS NULL')).toEqual([3]);
    expect(find('o.p IS EMPTY')).toEqual([4]);
  });

  it('refuses attributes that are not filterable, or not like this', () => {
    expect(() => find('other = 1')).toThrow(
      'Available filterable attribute patterns are: `name`, `o`, `shard`, `slot`.',
    );
    index.facets = new FacetSet(
      new FacetRules([
        {
          attributePatterns: ['shard'],
          features: { facetSearch: false, filter: { equality: true, comparison: false } },
        },
      ]),
    );
    expect(() => find('shard > 1')).toThrow('Filter operator `>` is not allowed for the attribute `shard`.');
  });
});
