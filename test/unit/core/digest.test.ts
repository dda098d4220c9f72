import { describe, expect, it } from 'vitest';
import { WindowDigest, canonicalDocument, digestPage, documentDigest, sameDocument } from '../../../src/core/digest.ts';
import { DEPTH_MAX } from '../../../src/core/json-text.ts';

const equal = (a: string, b: string): boolean => canonicalDocument(a) === canonicalDocument(b);

describe('one document, one text', () => {
  it('sorts keys at every level and keeps the order of arrays', () => {
    expect(canonicalDocument(' {"b":[{"d":1,"c":2},2],\n"a":null,"_miroir_shard":7} ')).toBe(
      '{"_miroir_shard":7,"a":null,"b":[{"c":2,"d":1},2]}',
    );
    expect(equal('[1,2]', '[2,1]')).toBe(false);
    expect(canonicalDocument('{"a":{},"b":[]}')).toBe('{"a":{},"b":[]}');
  });

  it('sorts by UTF-16 code units', () => {
    expect(canonicalDocument('{"\uff5e":1,"😀":2,"z":3,"":4}')).toBe('{"":4,"z":3,"😀":2,"\uff5e":1}');
  });

  it('spells strings and keys in one way', () => {
    expect(equal('{"\\u0061":"\\u00e9\\/\\n\\ud83d\\ude00"}', '{"a":"é/\\u000a😀"}')).toBe(true);
    expect(equal('"\ud800"', '"\\ud800"')).toBe(true);
    expect(equal('"a"', '"a\\u0000"')).toBe(false);
  });

  it('keeps the last of equal keys, also spelled differently', () => {
    expect(canonicalDocument('{"a":1,"b":2,"\\u0061":3}')).toBe('{"a":3,"b":2}');
  });

  it.each([
    ['1', '1'],
    ['-7', '-7'],
    ['0', '0'],
    ['9007199254740993', '9007199254740993'],
    ['18446744073709551615', '18446744073709551615'],
    ['18446744073709551616', 'd18446744073709552000'],
    ['18446744073709552000', 'd18446744073709552000'],
    ['99999999999999999999999', 'd1e+23'],
    ['-9223372036854775808', '-9223372036854775808'],
    ['-9223372036854775809', 'd-9223372036854776000'],
    ['1.0', 'd1'],
    ['1e2', 'd100'],
    ['1E2', 'd100'],
    ['100.0', 'd100'],
    ['2.50', 'd2.5'],
    ['-0', 'd-0'],
    ['-0.0', 'd-0'],
    ['0.0', 'd0'],
    ['0e5', 'd0'],
  ])('the number %s is %s', (text, canonical) => {
    expect(canonicalDocument(text)).toBe(canonical);
    expect(canonicalDocument(`{"n":[${text} ]}`)).toBe(`{"n":[${canonical}]}`);
  });

  it('no number is a string, no string a literal', () => {
    const all = ['1', '"1"', '1.0', '"d1"', 'true', '"true"', 'null', '"null"', '[1]', '{"1":1}'];
    expect(new Set(all.map((text) => canonicalDocument(text))).size).toBe(all.length);
  });

  it('may be a part of a longer text', () => {
    expect(canonicalDocument('[{"b":1,"a":2},3]', 1, 14)).toBe('{"a":2,"b":1}');
  });

  it(`may be nested ${DEPTH_MAX} levels deep, and no deeper`, () => {
    const arrays = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    const objects = (depth: number) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);
    for (const nested of [arrays, objects]) {
      expect(canonicalDocument(nested(DEPTH_MAX))).toBe(nested(DEPTH_MAX));
      expect(() => canonicalDocument(nested(DEPTH_MAX + 1))).toThrow(/nested deeper/);
    }
  });

  it.each([
    '',
    '{',
    '{"a"}',
    '{"a":1',
    '{"a":1,}',
    '{"a":1 "b":2}',
    '[1,]',
    '[1',
    '1 2',
    'nul',
    '{"a":01}',
    '{a:1}',
    '}',
  ])('malformed: %j', (text) => {
    expect(() => canonicalDocument(text)).toThrow(expect.objectContaining({ code: 'miroir_invalid_input' }));
  });
});

describe('a page of documents', () => {
  const docs = ['{"id":1,"x":1.5}', '{"id":2,"x":{"y":[1,2],"z":"é"}}', '{"id":3}', '{"x":9,"id":4,"w":{"v":1}}'];
  const one = digestPage(`[${docs.join()}]`);

  it('is one whatever the order of documents, of their fields, and the cut into pages', () => {
    const two = new WindowDigest();
    for (const text of ['{"w":{"v":1},"id":4,"x":9}', '{ "id" : 3 }', '{"x":1.50,"id":1}']) two.add(text);
    two.addPage('[{"x":{"z":"\\u00e9","y":[1,2]},"id":2}]');
    expect(two.equals(one)).toBe(true);
    expect([two.count, two.sum]).toEqual([4, one.sum]);
  });

  it('is the sum of what its documents hash to', () => {
    const sum = docs.reduce((total, text) => total + documentDigest(canonicalDocument(text)), 0n);
    expect(one.sum).toBe(BigInt.asUintN(64, sum));
    expect(digestPage('[]')).toMatchObject({ count: 0, sum: 0n });
  });

  it('tells a document that is missing, there twice, or changed', () => {
    for (const other of [docs.slice(1), [...docs, docs[0]], ['{"id":1,"x":1.5000001}', ...docs.slice(1)]]) {
      expect(digestPage(`[${other.join()}]`).equals(one)).toBe(false);
    }
    const swapped = digestPage(`[${[...docs.slice(1), docs[1]].join()}]`);
    expect(swapped.count).toBe(one.count);
    expect(swapped.equals(one)).toBe(false);
  });

  it('remembers the fields of the last document without being misled by them', () => {
    const mixed = [
      '{"a":1,"b":2}',
      '{"a":1}',
      '{"a":1,"b":2,"c":3}',
      '{"a":1,"c":3}',
      '{ "a":1,"b":2}',
      '{}',
      '{"ab":1}',
    ];
    const digest = digestPage(`[${mixed.join()}]`);
    const apart = mixed.map((text) => documentDigest(canonicalDocument(text)));
    expect(digest.sum).toBe(
      BigInt.asUintN(
        64,
        apart.reduce((a, b) => a + b),
      ),
    );
  });

  it.each(['[1]x', '[1', '{}', '', '[{"a":1},{"a":1x}]'])('malformed: %j', (text) => {
    expect(() => digestPage(text)).toThrow(expect.objectContaining({ code: 'miroir_invalid_input' }));
  });
});

describe('the same document', () => {
  it.each([
    ['{"a":1,"b":"x"}', '{"b":"\\u0078","a":1}'],
    ['{"x":0.1}', '{"x":0.10000000000000002}'],
    ['{"x":[1e-7,{"y":-123456.789}]}', '{"x":[1.00000000000001e-7,{"y":-123456.78900000002}]}'],
    ['1.0', '1e0'],
    ['0.0', '-0.0'],
    ['{"t":"a\\"d1","x":1.5}', '{"t":"a\\"d1","x":1.5000000000000002}'],
  ])('%s and %s', (a, b) => {
    expect(sameDocument(a, b)).toBe(true);
    expect(sameDocument(b, a)).toBe(true);
  });

  it.each([
    ['{"x":0.1}', '{"x":0.1000001}'],
    ['{"x":1}', '{"x":1.0}'],
    ['{"x":9007199254740992}', '{"x":9007199254740993}'],
    ['{"x":1.5}', '{"y":1.5}'],
    ['{"x":1.5}', '{"x":1.5000000000000002,"y":1}'],
    ['{"x":"d1.5"}', '{"x":"d1.5000000000000002"}'],
    ['[1.5]', '[1.5000000000000002,2]'],
    ['1.5', '-1.5'],
    ['0.0', '1e-300'],
    ['1', '12'],
  ])('not %s and %s', (a, b) => {
    expect(sameDocument(a, b)).toBe(false);
    expect(sameDocument(b, a)).toBe(false);
  });
});
