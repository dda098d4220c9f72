import { describe, expect, it } from 'vitest';
import { briefText } from '../../../src/core/brief-text.ts';

describe('a text that is kept', () => {
  it('is whole where it is short, else its beginning', () => {
    expect(briefText('a'.repeat(10_000))).toBe('a'.repeat(10_000));
    expect(briefText('a'.repeat(10_001))).toBe(`${'a'.repeat(10_000)}…`);
  });

  it('is never cut into half of a character', () => {
    expect(briefText(`${'a'.repeat(9_999)}😀 and more`)).toBe(`${'a'.repeat(9_999)}\uFFFD…`);
  });
});
