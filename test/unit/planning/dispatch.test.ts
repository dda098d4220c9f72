import { describe, expect, it } from 'vitest';
import type { Phase } from '../../../src/core/move.ts';
import { dispatch, needsWorker } from '../../../src/planning/dispatch.ts';
import type { MoveState } from '../../../src/ports.ts';

/** What deciding looks at; a record has more. */
const move = (id: string, over: Partial<MoveState> = {}): MoveState =>
  ({
    id,
    planId: 'p1',
    index: 'books',
    shard: 0,
    phase: 'Idle',
    step: 0,
    wish: '',
    cancelWished: over.wish === 'cancel',
    createdAtMs: 1,
    phaseAtMs: null,
    ...over,
  }) as MoveState;

const ids = (moves: readonly MoveState[]): string[] => moves.map(({ id }) => id).sort();
const split = (...moves: MoveState[]) => {
  const { due, hurry, behind } = dispatch(moves);
  return { due: ids(due), hurry: ids(hurry), behind: ids(behind) };
};

describe('dispatch', () => {
  it('gives every shard its first move, whatever order they come in', () => {
    expect(split(move('b', { step: 1 }), move('a'), move('c', { shard: 1, step: 2 }))).toEqual({
      due: ['a', 'c'],
      hurry: [],
      behind: ['b'],
    });
    expect(split(move('a', { index: 'films' }), move('b', { step: 1 }))).toEqual({
      due: ['a', 'b'],
      hurry: [],
      behind: [],
    });
  });

  it('lets the older plan go first', () => {
    expect(split(move('a', { createdAtMs: 2 }), move('b', { createdAtMs: 1, step: 1 })).due).toEqual(['b']);
  });

  it.each<[Phase, string[]]>([
    ['DualWriteStarted', ['b']],
    ['MigrationInProgress', ['b']],
    ['MigrationComplete', ['b']],
    ['DualWriteStopped', []],
  ])('keeps the next one back while the first is in %s: %j', (phase, behind) => {
    expect(split(move('a', { phase }), move('b', { createdAtMs: 0 })).behind).toEqual(behind);
  });

  it('ends a grace that holds another move up, once', () => {
    const first = move('a', { phase: 'DualWriteStopped' });
    expect(split(first, move('b', { step: 1 })).hurry).toEqual(['a']);
    expect(split({ ...first, wish: 'now' }, move('b', { step: 1 })).hurry).toEqual([]);
    expect(split(first, move('b', { step: 1, wish: 'cancel' })).hurry).toEqual([]);
    expect(split(first).hurry).toEqual([]);
  });

  it('gives a cancelled move that has not begun its job, and does not wait for it', () => {
    expect(split(move('a', { wish: 'cancel' }), move('b', { step: 1 }))).toEqual({
      due: ['a', 'b'],
      hurry: [],
      behind: [],
    });
    expect(split(move('a', { phase: 'MigrationInProgress' }), move('b', { wish: 'cancel' })).due).toEqual(['a', 'b']);
  });

  it('waits for a cancelled move that has begun', () => {
    expect(split(move('a', { phase: 'MigrationInProgress', wish: 'cancel' }), move('b', { step: 1 })).behind).toEqual([
      'b',
    ]);
  });

  it('leaves out what has ended', () => {
    expect(split(move('a', { outcome: 'done' }), move('b'))).toEqual({ due: ['b'], hurry: [], behind: [] });
  });
});

describe('needsWorker', () => {
  it('is true but for a grace that is not over and that nobody ends', () => {
    const grace = move('a', { phase: 'DualWriteStopped', phaseAtMs: 1_000 });
    expect(needsWorker(move('a'), 500, 0)).toBe(true);
    expect(needsWorker(grace, 500, 1_499)).toBe(false);
    expect(needsWorker(grace, 500, 1_500)).toBe(true);
    expect(needsWorker({ ...grace, wish: 'now' }, 500, 1_000)).toBe(true);
  });
});
