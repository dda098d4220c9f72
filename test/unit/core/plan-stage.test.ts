import { describe, expect, it } from 'vitest';
import { stageOf, stageText } from '../../../src/core/plan-stage.ts';

const RUNNING = { state: 'running', left: 4, held: null, cancelled: null } as const;
const BY = { operator: { by: 'operator' }, approval: { by: 'approval' } } as const;
const CANCELLED = { sinceMs: 1, actor: 'ann' };

describe('how a plan stands', () => {
  it.each([
    ['opening', { state: 'opening' }, 4, null],
    ['running', {}, 1, null],
    ['paused', {}, 1, {}],
    ['paused', { held: BY.operator }, 1, null],
    ['awaiting_approval', { held: BY.approval }, 1, {}],
    // A pause keeps nothing that is past its switch.
    ['settled', { held: BY.operator }, 0, {}],
    ['cancelling', { cancelled: CANCELLED, held: BY.operator }, 1, null],
    ['cancelling', { state: 'opening', cancelled: CANCELLED }, 0, null],
    ['cancelled', { cancelled: CANCELLED }, 0, null],
    ['cancelled', { state: 'done', left: 0, cancelled: CANCELLED }, 0, {}],
    ['done', { state: 'done', left: 0 }, 0, {}],
    // Its last move has ended a moment ago.
    ['running', { left: 0 }, 0, null],
  ] as const)('is %s', (stage, plan, unswitched, paused) => {
    expect(stageOf({ ...RUNNING, ...plan }, unswitched, paused)).toBe(stage);
  });

  it('is told to people without underscores', () => {
    expect(stageText('awaiting_approval')).toBe('awaiting approval');
  });
});
