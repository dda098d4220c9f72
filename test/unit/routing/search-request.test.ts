import { describe, expect, it } from 'vitest';
import { readDocumentsRequest, documentsFor } from '../../../src/routing/search/documents-request.ts';
import { filterFor } from '../../../src/routing/search/filter.ts';
import { objectTextsOrNull } from '../../../src/routing/search/json-object.ts';
import { messageWithoutOurs, withoutOurs } from '../../../src/routing/search/own-fields.ts';
import { readSearchRequest, searchFor } from '../../../src/routing/search/search-request.ts';
import { readSettings } from '../../../src/routing/search/settings.ts';

const SETTINGS = readSettings('{}');

describe('a filter for a node', () => {
  it.each([
    [null, '"_miroir_shard IN [3, 4]"'],
    [' null ', '"_miroir_shard IN [3, 4]"'],
    ['[]', '"_miroir_shard IN [3, 4]"'],
    ['"a = 1 OR b = 2"', '["a = 1 OR b = 2","_miroir_shard IN [3, 4]"]'],
    ['[["a","b"], "c"]', '[["a","b"], "c","_miroir_shard IN [3, 4]"]'],
    ['true', null],
    ['{"a":1}', null],
  ])('%s is narrowed to %s', (own, narrowed) => {
    expect(filterFor(own, [3, 4])).toBe(narrowed);
  });
});

describe('a search for a node', () => {
  const forNode = (body: string, isAlone = false): unknown => {
    const members = objectTextsOrNull(body);
    const request = members === null ? null : readSearchRequest(members, SETTINGS);
    return request === null ? null : JSON.parse(searchFor(request, [1], isAlone, SETTINGS) ?? 'null');
  };

  it('begins at the first hit, asks for details, and keeps everything else', () => {
    expect(forNode('{"q":"x","offset":7,"limit":3,"sort":["a:asc"],"nope":{"b":1.0}}')).toEqual({
      q: 'x',
      offset: 0,
      limit: 10,
      sort: ['a:asc'],
      nope: { b: 1 },
      filter: '_miroir_shard IN [1]',
      showRankingScoreDetails: true,
    });
    expect(forNode('{}', true)).toMatchObject({ limit: 20, showRankingScoreDetails: false });
    expect(forNode('{"showRankingScoreDetails":true}', true)).toMatchObject({ showRankingScoreDetails: true });
  });

  it('asks for no more than the index gives, and takes null as absent', () => {
    expect(forNode('{"offset":900,"limit":500}')).toMatchObject({ limit: 1_000 });
    expect(forNode('{"limit":99999999999999999999}')).toMatchObject({ limit: 1_000 });
    expect(forNode('{"limit":null,"filter":null,"page":null,"hybrid":null}')).toMatchObject({ limit: 20 });
  });

  it('takes the last of a member that comes twice, as a node does', () => {
    expect(forNode('{"limit":5,"limit":6}')).toMatchObject({ limit: 6 });
  });

  it.each(['[]', '{"limit":-1}', '{"limit":1e2}', '{"offset":"1"}', '{"showRankingScoreDetails":1}', '{"filter":3}'])(
    'is not made of what a node refuses: %s',
    (body) => {
      expect(forNode(body)).toBeNull();
    },
  );

  it('is chosen by the same copies for all pages, and by others for others', () => {
    const seedOf = (body: string): number | undefined =>
      readSearchRequest(objectTextsOrNull(body) ?? new Map(), SETTINGS)?.seed;
    expect(seedOf('{"q":"a","offset":20}')).toBe(seedOf('{"q":"a","limit":9,"offset":40}'));
    expect(seedOf('{"q":"a"}')).not.toBe(seedOf('{"q":"b"}'));
  });
});

describe('a list for a node', () => {
  const read = (body: string): ReturnType<typeof readDocumentsRequest> => readDocumentsRequest(body, { shards: 16 });

  it('asks for fields that only sorting needs', () => {
    const request = read('{"fields":["id"],"sort":["a.b:desc","c:asc","id:asc"],"limit":2}');
    if (request === null) throw new Error('not read');
    expect(request).toMatchObject({ helperFields: ['a', 'c'], shards: null });
    expect(JSON.parse(documentsFor(request, [2], { offset: 4, limit: 5 }) ?? '')).toEqual({
      fields: ['id', 'a', 'c'],
      sort: ['a.b:desc', 'c:asc', 'id:asc'],
      offset: 4,
      limit: 5,
      filter: '_miroir_shard IN [2]',
    });
  });

  it('goes where the ids live, as texts or numbers', () => {
    expect(read('{"ids":[1,"1"]}')?.shards).toHaveLength(1);
    expect(read('{"ids":[1,{}]}')?.shards).toBeNull();
    expect(read('{"ids":[]}')?.shards).toBeNull();
  });

  it.each(['[', '{"sort":1}', '{"sort":["a"]}', '{"fields":[1]}', '{"limit":true}'])(
    'is not made of what a node refuses: %s',
    (body) => {
      expect(read(body)).toBeNull();
    },
  );
});

describe('our own fields', () => {
  it('leave documents, as text', () => {
    const text = '{"id":1.0,"_miroir_shard":3,"n":18446744073709551615,"_miroir_slot":4,"_miroir_updated_at":5}';
    expect(withoutOurs(text, { start: 0, end: text.length })).toBe('{"id":1.0,"n":18446744073709551615}');
    const kept = '{"a":"_miroir_shard","b":{"_miroir_x":1}}';
    expect(withoutOurs(kept, { start: 0, end: kept.length })).toBe(kept);
    expect(withoutOurs('{"a":1,"b":2}', { start: 0, end: 13 }, (name) => name === 'a')).toBe('{"b":2}');
    expect(withoutOurs('{"_miroir_slot":1}', { start: 0, end: 18 })).toBe('{}');
  });

  it.each([
    ['They are: `_miroir_shard`, `_miroir_slot`, `genre`.', 'They are: `genre`.'],
    ['They are: `genre`, `_miroir_shard`, `_miroir_slot`.', 'They are: `genre`.'],
    ['They are: `_miroir_shard, _miroir_slot, genre`.', 'They are: `genre`.'],
    ['They are: `genre, _miroir_shard, _miroir_slot`.', 'They are: `genre`.'],
    [
      'Available filterable attribute patterns are: `_miroir_shard`, `_miroir_slot`.\n1:6 a = 1',
      'This index does not have configured filterable attributes.\n1:6 a = 1',
    ],
    [
      'Available filterable attributes patterns are: `_miroir_shard, _miroir_slot`.',
      'This index does not have configured filterable attributes.',
    ],
    ['Attribute `_miroir_x` is not sortable.', 'Attribute `_miroir_x` is not sortable.'],
    [
      'Available sortable attributes are: `a`, `b`.\n1 `_miroir_a`',
      'Available sortable attributes are: `a`, `b`.\n1 `_miroir_a`',
    ],
    [
      'Filter operator `>` is not allowed.\n  - Note: field `a rule #7` matched rule #1 in `filterableAttributes`\n' +
        '  - Hint: enable comparison in rule #1 by modifying the features.filter object\n' +
        '  - Hint: prepend another rule matching `a` with appropriate filter features before rule #10',
      'Filter operator `>` is not allowed.\n  - Note: field `a rule #7` matched rule #0 in `filterableAttributes`\n' +
        '  - Hint: enable comparison in rule #0 by modifying the features.filter object\n' +
        '  - Hint: prepend another rule matching `a` with appropriate filter features before rule #9',
    ],
    ['Wrong.\n1:6 rule #1 = 1', 'Wrong.\n1:6 rule #1 = 1'],
  ])('leave the lists in a node’s words: %s', (message, cleaned) => {
    expect(messageWithoutOurs(message)).toBe(cleaned);
  });
});
