import { describe, expect, it } from 'vitest';
import type { ShardRoute, ShardState } from '../../../src/core/routing.ts';
import { sameOwners, stepOf } from '../../../src/routing/router/choice.ts';
import { quorumOf, verdictOf } from '../../../src/routing/router/quorum.ts';

const route = (state: ShardState, more: Partial<ShardRoute> = {}): ShardRoute => ({
  shard: 0,
  state,
  owners: ['n1'],
  readers: ['n1'],
  epoch: 1,
  ...more,
});

describe('stepOf', () => {
  it.each([
    ['stable', { kind: 'send', journal: 'none', turn: false }],
    ['tracking', { kind: 'send', journal: 'append', turn: false }],
    ['held', { kind: 'wait', why: 'held' }],
    ['settling', { kind: 'send', journal: 'lookUp', turn: false }],
    ['settled', { kind: 'send', journal: 'none', turn: false }],
  ] as const)('of documents while %s', (state, step) => {
    expect(stepOf(route(state), 'ids')).toEqual(step);
  });

  it.each([
    ['stable', { kind: 'send', journal: 'none', turn: false }],
    ['tracking', { kind: 'send', journal: 'raise', turn: false }],
    ['held', { kind: 'wait', why: 'held' }],
    ['settling', { kind: 'wait', why: 'settling' }],
    ['settled', { kind: 'send', journal: 'none', turn: false }],
  ] as const)('of a filter while %s', (state, step) => {
    expect(stepOf(route(state), 'filter')).toEqual(step);
  });

  it('takes turns where there is more than one owner, the source stays one, or another may come back', () => {
    expect(stepOf(route('stable', { owners: ['n1', 'n2'] }), 'ids')).toMatchObject({ turn: true });
    expect(stepOf(route('tracking', { staying: true }), 'ids')).toMatchObject({ turn: true });
    expect(stepOf(route('stable', { left: ['n2'] }), 'ids')).toMatchObject({ turn: true });
  });
});

describe('sameOwners', () => {
  it('compares as sets', () => {
    expect(sameOwners(['a', 'b'], ['b', 'a'])).toBe(true);
    expect(sameOwners(['a', 'b'], ['a'])).toBe(false);
    expect(sameOwners(['a'], ['b'])).toBe(false);
    expect(sameOwners(['a'], ['a', 'b'])).toBe(false);
  });
});

describe('a quorum', () => {
  const groups: Readonly<Record<string, number>> = { a1: 0, a2: 0, a3: 0, b1: 1, b2: 1 };
  const verdict = (owners: string[], accepted: string[], readers = owners) =>
    verdictOf({ owners, readers }, new Set(accepted), (node) => groups[node] ?? -1);

  it('is a majority of the owners that the epoch names', () => {
    expect([1, 2, 3, 4, 5].map(quorumOf)).toEqual([1, 2, 2, 3, 3]);
  });

  it('is reached when one group has its own; the others are short', () => {
    expect(verdict(['a1', 'a2', 'a3'], ['a1', 'a3'])).toEqual({ isReached: true, shortGroups: [] });
    expect(verdict(['a1', 'a2', 'a3'], ['a1'])).toEqual({ isReached: false, shortGroups: [0] });
    expect(verdict(['a1', 'a2', 'b1', 'b2'], ['b1', 'b2', 'a1'])).toEqual({ isReached: true, shortGroups: [0] });
    expect(verdict(['a1', 'a2', 'b1', 'b2'], ['b1', 'a1'])).toEqual({ isReached: false, shortGroups: [0, 1] });
    expect(verdict(['a1'], [])).toEqual({ isReached: false, shortGroups: [0] });
  });

  it('is neither made nor broken by a group that nobody reads the shard from', () => {
    const unread = (accepted: string[]) => verdict(['a1', 'a2', 'b1', 'b2'], accepted, ['a1', 'a2']);
    expect(unread(['b1', 'b2', 'a1'])).toEqual({ isReached: false, shortGroups: [0] });
    expect(unread(['a1', 'a2'])).toEqual({ isReached: true, shortGroups: [] });
    // While a shard settles its old owners are read: their group counts.
    expect(verdict(['a2'], ['a2'], ['a1'])).toEqual({ isReached: true, shortGroups: [] });
    // All owners of the group that was read are lost.
    expect(verdict(['b1'], ['b1'], ['a1'])).toEqual({ isReached: true, shortGroups: [] });
  });
});
