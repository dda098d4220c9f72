import { expect, it } from 'vitest';
import { RECORD_VERSION, assertReadable } from '../../../src/core/version.ts';

it('our own version is readable, as a number or as the text that a Redis hash gives back', () => {
  expect(assertReadable(RECORD_VERSION, 'a move')).toBe(RECORD_VERSION);
  expect(assertReadable('1', 'a move')).toBe(1);
});

it.each([RECORD_VERSION + 1, '99'])('a record of version %s is left to a newer process', (v) => {
  expect(() => assertReadable(v, 'move p1')).toThrow(
    expect.objectContaining({ code: 'miroir_record_too_new', message: expect.stringContaining('move p1') }),
  );
});

it.each([undefined, null, 0, -1, 1.5, '', 'x', '1.0', {}])('%s is no version', (v) => {
  expect(() => assertReadable(v, 'a job')).toThrow(
    expect.objectContaining({ code: 'miroir_invalid_input', field: 'v' }),
  );
});
