import { describe, expect, it } from 'vitest';
import { hasBegun, holdReason, isHoldReason, isKept, withCancels, withHolds } from '../../../src/core/plan-hold.ts';

describe('what a held move says', () => {
  it.each([
    [{ by: 'operator' }, 'paused_by_operator: key:ci has paused it; go on with `miroir plan resume`'],
    [
      { by: 'operator', isOfAll: true },
      'all_paused: key:ci has paused all plans; go on with `miroir plan resume --all`',
    ],
    [
      { by: 'approval' },
      'awaiting_approval: the plan is to be approved first: `miroir plan show`, then `miroir plan apply`',
    ],
  ] as const)('by %j', (hold, text) => {
    expect(holdReason({ ...hold, actor: 'key:ci' })).toBe(text);
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

describe('moves with what holds them', () => {
  const base = {
    planId: 'p1',
    phase: 'Idle',
    startedAtMs: null,
    switchedAtMs: null,
    cancelWished: false,
    waiting: null,
  };
  const own = { by: 'approval', sinceMs: 5, actor: 'me' } as const;
  const all = { by: 'operator', sinceMs: 9, actor: 'you', isOfAll: true } as const;
  const plans = [
    { id: 'p1', held: own },
    { id: 'p2', held: null },
  ];

  it.each([
    ['that of its plan', base, { code: 'awaiting_approval', reason: holdReason(own), sinceMs: 5 }],
    ['that of all plans', { ...base, planId: 'p2' }, { code: 'all_paused', reason: holdReason(all), sinceMs: 9 }],
    ['none once it has begun', { ...base, startedAtMs: 3 }, null],
    ['none where it is to be undone', { ...base, cancelWished: true }, null],
  ])('say %s', (_, move, waiting) => {
    expect(withHolds([move], plans, all)).toEqual([{ ...move, waiting }]);
  });

  it('are left alone where nothing is held', () => {
    const move = { ...base, planId: 'p2' };
    expect(withHolds([move], plans, null)).toEqual([move]);
  });
});

describe('moves of a cancelled plan', () => {
  it('are not counted on, also before the planner has left the wish in them; those past their switch are', () => {
    const move = { planId: 'p1', phase: 'Idle', startedAtMs: null, switchedAtMs: null, cancelWished: false };
    const plans = [
      { id: 'p1', cancelled: { sinceMs: 1, actor: 'ann' } },
      { id: 'p2', cancelled: null },
    ];
    const told = withCancels([move, { ...move, switchedAtMs: 5 }, { ...move, planId: 'p2' }], plans);
    expect(told.map(({ cancelWished }) => cancelWished)).toEqual([true, false, false]);
  });
});
