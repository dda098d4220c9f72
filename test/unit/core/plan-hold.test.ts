import { describe, expect, it } from 'vitest';
import { hasBegun, holdReason, isHoldReason, isKept } from '../../../src/core/plan-hold.ts';

describe('what a held move says', () => {
  it.each([
    ['operator', 'paused_by_operator: key:ci has paused it; go on with `miroir plan resume`'],
    ['approval', 'awaiting_approval: the plan of key:ci is to be approved first'],
  ] as const)('by %s', (by, text) => {
    expect(holdReason({ by, actor: 'key:ci' })).toBe(text);
    expect(isHoldReason(text)).toBe(true);
  });

  it('is told from other reasons', () => {
    expect(isHoldReason('grace: 3 s')).toBe(false);
  });
});

describe('a move', () => {
  it.each([
    ['Idle', null, false],
    ['Idle', 7, true],
    ['DualWriteStarted', 7, true],
  ])('in %s, started at %s, has begun: %s', (phase, startedAtMs, expected) => {
    expect(hasBegun({ phase, startedAtMs })).toBe(expected);
  });

  it.each([
    ['that goes on', { switchedAtMs: null, cancelWished: false }, true],
    ['past its switch', { switchedAtMs: 7, cancelWished: false }, false],
    ['that is taken back', { switchedAtMs: null, cancelWished: true }, false],
    ['that has ended', { switchedAtMs: null, cancelWished: false, outcome: 'done' }, false],
  ])('%s is kept by a hold: %s', (_, move, expected) => {
    expect(isKept(move)).toBe(expected);
  });
});
