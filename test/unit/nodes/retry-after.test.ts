import { expect, it } from 'vitest';
import { parseRetryAfter } from '../../../src/nodes/faults.ts';

const NOW_MS = Date.parse('2026-11-22T10:00:00Z');

it.each([
  [null, 0],
  ['10', 10_000],
  [' 2 ', 2_000],
  ['0', 0],
  ['Sun, 22 Nov 2026 10:00:05 GMT', 5_000],
  ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
  ['999999999', 3_600_000],
  ['-5', 0],
  ['soon', 0],
])('Retry-After %j -> %i ms', (text, ms) => {
  expect(parseRetryAfter(text, NOW_MS)).toBe(ms);
});
