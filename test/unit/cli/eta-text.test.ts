// Rate and time left of a plan, as the command line says them.
import { expect, it } from 'vitest';
import { etaText, paceText } from '../../../src/cli/eta-text.ts';
import type { EtaView } from '../../../src/control/eta.ts';

const ETA: EtaView = {
  ratePerSecond: 812.4,
  documentsLeft: 28_400,
  etaSeconds: 36.2,
  etaLowSeconds: 31,
  etaHighSeconds: 48.9,
  etaNote: null,
  stalledMs: null,
  reason: null,
  unblock: null,
};
const NONE = { etaSeconds: null, etaLowSeconds: null, etaHighSeconds: null };

it.each<[Partial<EtaView>, string]>([
  [{}, '812 documents/s, 31s to 48s left, and the grace of old copies after it'],
  [{ etaLowSeconds: 130, etaHighSeconds: 130 }, '812 documents/s, 2m10s left, and the grace of old copies after it'],
  [
    { documentsLeft: 0, etaSeconds: 0, etaLowSeconds: 0, etaHighSeconds: 0 },
    'every shard is switched, old copies go when their grace is over',
  ],
  [
    { ...NONE, ratePerSecond: null, etaNote: 'estimating: fewer than three samples' },
    'estimating: fewer than three samples',
  ],
  [
    { ...NONE, stalledMs: 130_000, reason: 'barrier: router r1 is behind' },
    'stalled 2m10s: barrier: router r1 is behind',
  ],
  [{ ...NONE, stalledMs: 31_000 }, 'stalled 31s: no move says why'],
])('%j', (change, text) => {
  expect(etaText({ ...ETA, ...change })).toBe(text);
});

it('has no time left for a plan that somebody holds', () => {
  expect(paceText(ETA, { by: 'operator', actor: 'cli:ann', sinceMs: 1 })).toMatch(
    /^paused_by_operator: cli:ann has paused it/,
  );
  expect(paceText(ETA, null)).toBe(etaText(ETA));
});
