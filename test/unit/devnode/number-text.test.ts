import { describe, expect, it } from 'vitest';

import { storedText, ValueTextError } from '../../../src/devnode/json-tree.ts';
import { numberText } from '../../../src/devnode/number-text.ts';

describe('number text', () => {
  it.each([
    ['14630868576586246730', '14630868576586246730'],
    ['18446744073709551615', '18446744073709551615'],
    ['18446744073709551616', '1.8446744073709552e+19'],
    ['-9223372036854775808', '-9223372036854775808'],
    ['-9223372036854775809', '-9.223372036854776e+18'],
    ['9007199254740993', '9007199254740993'],
    ['1.0', '1.0'],
    ['1e2', '100.0'],
    ['2.50', '2.5'],
    ['-0', '-0.0'],
    ['-0.0', '-0.0'],
    ['0e5', '0.0'],
    ['1E-7', '1e-7'],
    ['0.00001', '0.00001'],
    ['0.000001', '1e-6'],
    ['1e15', '1000000000000000.0'],
    ['1e16', '1e+16'],
    ['100000000000000000000.0', '1e+20'],
    ['12345678901234567890123', '1.2345678901234568e+22'],
    ['1.7976931348623157e308', '1.7976931348623157e+308'],
    ['1e-400', '0.0'],
  ])('gives %s out as %s', (given, expected) => {
    expect(numberText(given)).toBe(expected);
  });

  it('moves long doubles by one unit as a real node does, small ones with every copy', () => {
    expect(numberText('488681394.25261956')).toBe('488681394.2526195');
    const first = numberText('8.518333012119956e-10');
    expect(first).toBe('8.518333012119955e-10');
    expect(numberText(first)).toBe('8.518333012119954e-10');
  });

  it('refuses what no double can hold', () => {
    expect(() => numberText('1e400')).toThrow('number out of range');
  });
});

describe('stored text', () => {
  it('drops white space, unescapes and normalises', () => {
    expect(storedText('{ "a" : [ 1.50 , "\\u0041\\/\\n" ] , "b" : null }')).toBe('{"a":[1.5,"A/\\n"],"b":null}');
  });

  it('keeps the last of equal keys at the place of the first', () => {
    expect(storedText('{"a":1,"b":2,"a":3}')).toBe('{"a":3,"b":2}');
  });

  it.each([
    ['"\\ud800"', 'unexpected end of hex escape at line 1 column 8'],
    ['1e400', 'number out of range at line 1 column 5'],
    ['['.repeat(128) + ']'.repeat(128), 'recursion limit exceeded at line 1 column 128'],
  ])('refuses %s', (given, reason) => {
    expect(() => storedText(given)).toThrow(ValueTextError);
    expect(() => storedText(given)).toThrow(reason);
  });

  it('accepts a surrogate pair and the deepest allowed nesting', () => {
    const deep = '['.repeat(127) + ']'.repeat(127);
    expect(storedText('"\\ud83d\\ude00"')).toBe('"😀"');
    expect(storedText(deep)).toBe(deep);
  });
});
