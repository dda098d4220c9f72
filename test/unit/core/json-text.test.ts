import { describe, expect, it } from 'vitest';
import { resultsSpan } from '../../../src/core/fetch-page.ts';
import {
  DEPTH_MAX,
  fieldSpan,
  scalarText,
  splitArray,
  splitKeyed,
  splitObjectAround,
  splitObject,
  valueEnd,
} from '../../../src/core/json-text.ts';

const parts = (text: string): string[] => splitArray(text).map(({ start, end }) => text.slice(start, end));
const field = (text: string, name: string): string | undefined => {
  const span = fieldSpan(text, 0, text.length, name);
  return span && text.slice(span.start, span.end);
};
const at = (position: number) =>
  expect.objectContaining({ code: 'miroir_invalid_input', details: expect.objectContaining({ position }) });

describe('an array is split', () => {
  it('into its elements as they stand', () => {
    const text =
      ' [ {"a":[1,{"b":"]}"}]} ,\n1.0,18446744073709551615, "x\\"]\\u00e9" ,[],{},true,false,null,-0.5E+10 ] ';
    expect(parts(text)).toEqual([
      '{"a":[1,{"b":"]}"}]}',
      '1.0',
      '18446744073709551615',
      '"x\\"]\\u00e9"',
      '[]',
      '{}',
      'true',
      'false',
      'null',
      '-0.5E+10',
    ]);
    expect(parts('[]')).toEqual([]);
    expect(parts('[ \t\r\n ]')).toEqual([]);
  });

  it('as a part of a longer text', () => {
    expect(splitArray('xx[1,2]yy', 2, 7)).toEqual([
      { start: 3, end: 4 },
      { start: 5, end: 6 },
    ]);
    expect(() => splitArray('xx[1,2]yy', 2, 6)).toThrow(at(6));
  });

  it.each([
    ['', 0],
    ['{}', 0],
    ['[', 1],
    ['[1', 2],
    ['[1,]', 3],
    ['[1 2]', 3],
    ['[1]]', 3],
    ['[01]', 1],
    ['[-]', 1],
    ['[1.]', 3],
    ['[.5]', 1],
    ['[1e]', 3],
    ['[1e+]', 4],
    ['[tru]', 1],
    ['[nul', 1],
    ['["a]', 1],
    ['["\n"]', 2],
    ['["\\x"]', 2],
    ['["\\u12g4"]', 2],
    ['["\\', 2],
    ['[{a:1}]', 2],
    ['[{"a" 1}]', 6],
    ['[{"a":1,}]', 8],
    ['[{"a":}]', 6],
    ['[{"a":1]', 7],
    ['[{"a"', 5],
    ['[NaN]', 1],
    ["['a']", 1],
  ])('malformed: %j at %i', (text, position) => {
    expect(() => splitArray(text)).toThrow(at(position));
    expect(() => splitKeyed(text, 'a')).toThrow(at(position));
  });

  it('a value does not reach beyond the part that it is in', () => {
    for (const text of ['[true', '["ab"', '[12.5e3']) {
      for (let end = 1; end < text.length; end += 1) {
        if (/^\[(?:1|12|12\.5|12\.5e3)$/.test(text.slice(0, end))) continue;
        expect(() => valueEnd(text, 1, end)).toThrow(at(expect.any(Number) as never));
      }
    }
  });

  it(`nested ${DEPTH_MAX} levels deep and no deeper`, () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(parts(nested(DEPTH_MAX))).toEqual([nested(DEPTH_MAX - 1)]);
    expect(() => parts(nested(DEPTH_MAX + 1))).toThrow(/nested deeper/);
    expect(splitKeyed(nested(DEPTH_MAX), 'a')).toHaveLength(1);
    expect(() => splitKeyed(nested(DEPTH_MAX + 1), 'a')).toThrow(/nested deeper/);
    expect(() => parts('['.repeat(1_000_000))).toThrow(/nested deeper/);
  });
});

describe('a field is found', () => {
  it('at the top level only, whatever its key looks like', () => {
    const text = '{ "x":{"id":1}, "\\u0069d" : "a\\n", "n":18446744073709551615 }';
    expect(field(text, 'id')).toBe('"a\\n"');
    expect(field(text, 'n')).toBe('18446744073709551615');
    expect(field(text, 'y')).toBeUndefined();
    expect(field('{}', 'id')).toBeUndefined();
  });

  it('and the last one counts', () => expect(field('{"a":1,"a":2}', 'a')).toBe('2'));

  it('beside the elements of one of them, in the same walk', () => {
    const around = (text: string) => {
      const { members, elements } = splitObjectAround(text, 'hits');
      return [members.map(({ name }) => name), elements.map(({ start, end }) => text.slice(start, end))];
    };
    expect(around(' { "a" : [0] , "hits" : [ {"hits":[3]} , 2 , [4] ] , "b":{"hits":[5]} } ')).toEqual([
      ['a', 'hits', 'b'],
      ['{"hits":[3]}', '2', '[4]'],
    ]);
    expect(around('{"hits":[1,2],"hit\\u0073":[3]}')).toEqual([['hits', 'hits'], ['3']]);
    expect(around('{"hits":{"a":1}}')).toEqual([['hits'], []]);
    expect(around('{"hits":7}')).toEqual([['hits'], []]);
    expect(around('{}')).toEqual([[], []]);
    expect(() => around('{"hits":[1,]}')).toThrow(at(11));
    expect(() => around('[]')).toThrow(at(0));
  });

  it('of every element of an array, where it has one', () => {
    const keyed = (text: string) =>
      splitKeyed(text, 'id').map(({ field: span }) => span && text.slice(span.start, span.end));
    expect(keyed('[]')).toEqual([]);
    expect(keyed(' [ {"id":1,"id":2} , {"x":{"id":3}}, 4, ["id"], {"\\u0069d":"a"}, {"ib":5,"i":6} ] ')).toEqual([
      '2',
      undefined,
      undefined,
      undefined,
      '"a"',
      undefined,
    ]);
  });

  it('in an object only', () => expect(() => field('[1]', 'a')).toThrow(at(0)));
});

describe('a primary key as text', () => {
  it.each([
    ['17', '17'],
    ['18446744073709551615', '18446744073709551615'],
    ['-5', '-5'],
    ['"abc"', 'abc'],
    ['"\\u00e9\\"\\/"', 'é"/'],
    ['""', ''],
  ])('%s is %j', (text, key) => expect(scalarText(text, 0, text.length)).toBe(key));

  it.each(['null', 'true', '{}', '[1]', '1 2', '"a" ', ''])('%j is none', (text) => {
    expect(() => scalarText(text, 0, text.length)).toThrow(expect.objectContaining({ code: 'miroir_invalid_input' }));
  });
});

describe('the documents of a page', () => {
  const docs = '[{"id":1,"t":"é😀 ],\\"offset\\":"},{"id":2.0}]';
  const cases = {
    'as nodes send it': `{"results":${docs},"offset":0,"limit":20,"total":2}`,
    'with a line end': `{"results":${docs},"offset":0,"limit":20,"total":2}\n`,
    'in another order': `{"offset":0,"limit":20,"total":2,"results":${docs}}`,
    'with white space': `{ "results" : ${docs} , "offset" : 0, "limit":20, "total":2 }`,
    'with more fields': `{"results":${docs},"offset":0,"limit":20,"total":2,"remoteErrors":{}}`,
  };
  for (const [name, page] of Object.entries(cases)) {
    it(`${name}, as text and as bytes`, () => {
      const span = resultsSpan(page);
      expect(page.slice(span.start, span.end)).toBe(docs);
      const bytes = Buffer.from(page);
      const inBytes = resultsSpan(bytes);
      expect(bytes.subarray(inBytes.start, inBytes.end).toString()).toBe(docs);
      expect(inBytes).toMatchObject({ offset: 0, limit: 20, total: 2 });
    });
  }

  it('none of them, and far more of them than the page holds', () => {
    const page = '{"results":[],"offset":5,"limit":0,"total":999999999999}';
    expect(resultsSpan(page)).toEqual({ start: 11, end: 13, offset: 5, limit: 0, total: 999999999999 });
  });

  it('is found at the two ends: what lies between is not read, so that 8 MB cost microseconds', () => {
    const page = Buffer.from(`{"results":[${'{"id":1}?'.repeat(900_000)}{}],"offset":0,"limit":1,"total":1}`);
    expect(resultsSpan(page)).toMatchObject({ start: 11, total: 1 });
    expect(() => splitArray(page.toString('latin1', 11))).toThrow(/malformed/);
  });

  it.each([
    '',
    '[]',
    '{}',
    '{"results":7,"offset":0,"limit":1,"total":1}',
    '{"results":[],"offset":0,"limit":1}',
    '{"results":[],"offset":0,"limit":1,"total":"1"}',
    '{"results":[],"offset":-1,"limit":1,"total":1}',
    '{"message":"Index not found","code":"index_not_found"}',
    '<html>',
  ])('not in %j', (page) => {
    for (const form of [page, Buffer.from(page)]) {
      expect(() => resultsSpan(form)).toThrow(expect.objectContaining({ code: 'miroir_invalid_input' }));
    }
  });
});

describe('an object is split', () => {
  it('into its members as they stand, in order, a name that comes twice too', () => {
    const text = 'xx{ "a":1.0 ,"\\u0062" : {"a":[2]},"a":"}" }yy';
    const members = splitObject(text, 2, text.length - 2).map(({ name, key, value }) => [
      name,
      text.slice(key.start, key.end),
      text.slice(value.start, value.end),
    ]);
    expect(members).toEqual([
      ['a', '"a"', '1.0'],
      ['b', String.raw`"\u0062"`, '{"a":[2]}'],
      ['a', '"a"', '"}"'],
    ]);
    expect(splitObject('{}')).toEqual([]);
    expect(() => splitObject('[]')).toThrow(at(0));
  });
});
