import { describe, expect, it } from 'vitest';
import { lackingOf } from '../../../src/core/lacking.ts';
import { entryOf, owned, pendingMove, topologyOf } from './world.ts';

describe('what failed nodes have left behind', () => {
  const topology = topologyOf({ n1: 'failed', n2: 'active', n3: 'active' });

  it('is nothing while no node has failed', () => {
    const index = owned(entryOf('idx', 1, 2), [['n1']]);
    expect(lackingOf(topologyOf({ n1: 'active' }), index, [])).toEqual([]);
  });

  it('tells shards without a copy that answers from those with too few', () => {
    const index = owned(entryOf('idx', 4, 2), [['n1'], ['n2', 'n3'], ['n2'], []]);
    expect(lackingOf(topology, index, [])).toEqual([
      { index: 'idx', lack: 'every_copy', count: 1, shards: [0], nodes: ['n1'] },
      { index: 'idx', lack: 'a_copy', count: 1, shards: [2], nodes: ['n1'] },
    ]);
  });

  it('leaves out a shard whose copy is being restored', () => {
    const index = owned(entryOf('idx', 2, 2), [['n2'], ['n3']]);
    const restore = pendingMove({ reason: 'restore', shard: 1, source: 'n3', target: 'n2', retires: null });
    expect(lackingOf(topology, index, [restore])).toMatchObject([{ lack: 'a_copy', shards: [0] }]);
    expect(lackingOf(topology, index, [{ ...restore, reason: 'balance' }])).toMatchObject([{ shards: [0, 1] }]);
  });

  it('counts copies in the groups of failed nodes only: a group that comes is no loss', () => {
    const groups = topologyOf({ n1: 'failed', n2: 'active', m1: [1, 'joining'], other: [2, 'failed'] });
    const index = owned(entryOf('idx', 2, 1, [0, 1]), [['n2'], ['m1']]);
    expect(lackingOf(groups, index, [])).toMatchObject([{ lack: 'a_copy', shards: [1], nodes: ['n1'] }]);
  });

  it('counts all, and names the first thousand', () => {
    const index = owned(
      entryOf('idx', 1_020, 1),
      Array.from({ length: 1_020 }, () => ['n1']),
    );
    const [found] = lackingOf(topology, index, []);
    expect([found?.count, found?.shards.length, found?.shards.at(-1)]).toEqual([1_020, 1_000, 999]);
  });
});
