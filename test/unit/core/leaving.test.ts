import { describe, expect, it } from 'vitest';
import { countsOn, leave, namedInVain } from '../../../src/core/leaving.ts';
import type { ShardRoute } from '../../../src/core/routing.ts';

const route = (change: Partial<ShardRoute>): ShardRoute => ({
  shard: 3,
  state: 'stable',
  owners: ['n1', 'n2', 'n3'],
  readers: ['n1', 'n2', 'n3'],
  epoch: 7,
  ...change,
});
const gone = (...ids: string[]): Set<string> => new Set(ids);

describe('a failed node leaves a shard', () => {
  it('that has another copy, and is named as one that may still be read', () => {
    expect(leave(route({}), gone('n2'))).toEqual({
      shard: 3,
      state: 'stable',
      owners: ['n1', 'n3'],
      readers: ['n1', 'n3'],
      left: ['n2'],
    });
    expect(namedInVain(route({}), gone('n2', 'n9'))).toEqual(['n2']);
  });

  it('which counts on its copy where it could do without, and where it changes owners among whom it is', () => {
    expect(countsOn(route({}), 'n2')).toBe(true);
    expect(countsOn(route({}), 'n9')).toBe(false);
    const alone = { owners: ['n1'], readers: ['n1'] };
    expect(countsOn(route(alone), 'n1')).toBe(false);
    expect(countsOn(route({ ...alone, state: 'tracking' }), 'n1')).toBe(false);
    for (const state of ['held', 'settling', 'settled'] as const)
      expect(countsOn(route({ ...alone, state }), 'n1')).toBe(true);
  });

  it('together with others, and after others', () => {
    expect(leave(route({}), gone('n1', 'n3'))).toMatchObject({ owners: ['n2'], left: ['n1', 'n3'] });
    const later = route({ owners: ['n2', 'n3'], readers: ['n2', 'n3'], left: ['n1'] });
    expect(leave(later, gone('n1', 'n3'))).toMatchObject({ owners: ['n2'], readers: ['n2'], left: ['n1', 'n3'] });
  });

  it('that stays frozen', () => {
    const known = { frozen: true, others: ['n4'] } as const;
    expect(leave(route(known), gone('n2'))).toMatchObject({ owners: ['n1', 'n3'], ...known });
  });

  it('whose documents are withheld as before', () => {
    const withheld = { slots: [7], from: ['n1'] };
    const settling = route({ state: 'settling', moveId: 'm', owners: ['n2', 'n4'], readers: ['n2', 'n4'], withheld });
    expect(leave(settling, gone('n4'), 'n4')).toMatchObject({ owners: ['n2'], readers: ['n2'], withheld });
  });

  it('but never as the last owner or reader, whether it is one or all of them', () => {
    expect(leave(route({ owners: ['n1'], readers: ['n1'] }), gone('n1'))).toBeNull();
    expect(leave(route({}), gone('n1', 'n2', 'n3'))).toBeNull();
    const lastReader = leave(route({ readers: ['n1'] }), gone('n1'));
    expect(lastReader).toMatchObject({ owners: ['n2', 'n3'], readers: ['n1'] });
    expect(namedInVain(route({ ...lastReader }), gone('n1'))).toEqual([]);
  });

  it('and what it is not named in stays as it is', () => {
    expect(leave(route({}), gone('n9'))).toBeNull();
    expect(leave(route({}), gone())).toBeNull();
  });
});

describe('a shard in a move', () => {
  it('keeps its move and its state; while it is tracked its source may be another one, which stays', () => {
    expect(leave(route({ state: 'tracking', moveId: 'm', delayMs: 20 }), gone('n1'))).toEqual({
      shard: 3,
      state: 'tracking',
      owners: ['n2', 'n3'],
      readers: ['n2', 'n3'],
      left: ['n1'],
      moveId: 'm',
      staying: true,
      delayMs: 20,
    });
    const settled = leave(route({ state: 'settled', moveId: 'm' }), gone('n1'));
    expect(settled).toMatchObject({ state: 'settled', moveId: 'm' });
    expect(settled).not.toHaveProperty('staying');
    expect(leave(route({ state: 'settled', moveId: 'm', staying: true }), gone('n1'))).toMatchObject({ staying: true });
  });

  it('that settles goes on without its target, which nobody could bring anything any more', () => {
    const settling = route({ state: 'settling', moveId: 'm', owners: ['n2', 'n4'], readers: ['n1', 'n2'] });
    expect(leave(settling, gone('n4', 'n1'), 'n4')).toEqual({
      shard: 3,
      state: 'settling',
      owners: ['n2'],
      readers: ['n1', 'n2'],
      left: ['n4'],
      moveId: 'm',
    });
    expect(leave({ ...settling, owners: ['n4'] }, gone('n4'), 'n4')).toBeNull();
  });

  it.each(['held', 'settling'] as const)('is left alone while it is %s', (state) => {
    const busy = route({ state, moveId: 'm' });
    expect(leave(busy, gone('n1'))).toBeNull();
    expect(leave(busy, gone('n1'), 'n4')).toBeNull();
    expect(namedInVain(busy, gone('n1'))).toEqual(['n1']);
  });
});
