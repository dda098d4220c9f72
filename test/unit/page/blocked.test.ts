// What the page says when nodes have failed, and of shards that nothing can be done about as things are.
import { describe, expect, it } from 'vitest';
import { alarmText, blockedShards, sumOf } from '../../../src/page/blocked.ts';
import type { TopologyAnswer } from '../../../src/page/answers.ts';
import { aNode, aPlan } from './answers.ts';

const topology: TopologyAnswer = {
  version: 1,
  nodes: [aNode('n1', { state: 'failed', failedAtMs: 5_000, repairAtMs: 605_000 }), aNode('n2')],
  lacking: [
    { index: 'cities', lack: 'every_copy', count: 2, shards: [0, 4], nodes: ['n1'] },
    { index: 'books', lack: 'a_copy', count: 150, shards: [7], nodes: ['n1'] },
  ],
};
const reason = 'no other node lacks a copy of the shard';

describe('blocked shards', () => {
  it('are those that failed nodes have left, with since when and what becomes of them', () => {
    const [away, few] = blockedShards(topology, []);
    expect(away).toMatchObject({ index: 'cities', count: 2, why: 'no copy answers: n1 failed', sinceMs: 5_000 });
    expect(few?.why).toMatch(/^too few copies: n1 failed, restored elsewhere from [\d:]+ on$/);
  });

  it('are those that open plans could not plan, by reason, and each once', () => {
    const blocked = [
      { index: 'cities', shard: 4, reason: 'no healthy copy is left' },
      { index: 'books', shard: 99, reason: 'beyond the shards that are named' },
      { index: 'cities', shard: 5, reason },
      { index: 'cities', shard: 6, reason },
    ];
    const found = blockedShards(topology, [
      aPlan({ blocked, createdAtMs: 9_000 }),
      aPlan({ blocked: blocked.slice(2, 3) }),
      aPlan({ state: 'done', blocked: [{ index: 'cities', shard: 60, reason }] }),
    ]);
    expect(found.slice(2)).toEqual([
      { index: 'cities', shards: [5, 6], count: 2, nodes: [], why: reason, sinceMs: 9_000 },
    ]);
    expect(sumOf(found)).toBe(154);
  });

  it('are told in half a line, with the failed nodes', () => {
    expect(alarmText(topology, blockedShards(topology, []))).toBe(
      'n1 failed · 2 shards without a copy · 150 shards blocked',
    );
    const five = ['a', 'b', 'c', 'd', 'e'].map((id) => aNode(id, { state: 'failed' }));
    expect(alarmText({ version: 1, nodes: five }, [])).toBe('5 nodes failed');
    expect([alarmText(null, []), alarmText({ version: 1, nodes: [aNode('n1')] }, [])]).toEqual([null, null]);
  });
});
