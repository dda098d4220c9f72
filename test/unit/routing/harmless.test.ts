import { describe, expect, it } from 'vitest';
import { harmIn } from '../../../src/routing/harmless.ts';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('harmIn', () => {
  it.each([
    ['\\ud800', 'surrogate'],
    ['\\udc00', 'surrogate'],
    ['\\uD83C\\uD83C\\uDFD9', 'surrogate'],
    ['\\ud83c x \\udfd9', 'surrogate'],
    ['\\ud83c\\n\\udfd9', 'surrogate'],
    ['\\ud83c\\udfd9\\udfd9', 'surrogate'],
  ])('finds a lone surrogate in "%s"', (text, words) => {
    expect(harmIn(`{"a":"${text}"}`)).toContain(words);
  });

  it.each(['\\ud83c\\udfd9', '\\uD83C\\uDFD9\\ud83c\\udfd9', '\\\\ud800', 'ud800', '\\u00e9', '🏙'])(
    'takes "%s"',
    (text) => {
      expect(harmIn(`{"a":"${text}"}`)).toBeNull();
    },
  );

  it('finds numbers beyond a double, and not the digits in strings', () => {
    expect(harmIn('{"a":[1,-1e309]}')).toContain('number');
    expect(harmIn(`{"a":${'9'.repeat(400)}}`)).toContain('number');
    expect(harmIn(`{"a":"1e309","b\\"1e999":"${'9'.repeat(400)}","c":1.7e308,"d":1e-999}`)).toBeNull();
  });

  it('finds nesting that is too deep, and not brackets in strings or side by side', () => {
    expect(harmIn(`{"a":${nested(120)}}`)).toContain('nested');
    expect(harmIn(`{"a":${nested(119)}}`)).toBeNull();
    expect(harmIn(`{"a":"${'['.repeat(500)}","b":[${Array(500).fill('[]').join(',')}]}`)).toBeNull();
  });
});
