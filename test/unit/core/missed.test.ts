import { expect, it } from 'vitest';
import { byOwnership, missedAcknowledged } from '../../../src/core/missed.ts';

it('lists of owners are told from those of nodes that have left the shard', () => {
  const shards = [{ owners: ['n1', 'n2'] }, { owners: ['n2'] }];
  const lists = [
    { shard: 0, owner: 'n1', ids: 3 },
    { shard: 1, owner: 'n1', ids: 1 },
    { shard: 1, owner: 'n2', ids: 1 },
    { shard: 7, owner: 'n2', ids: 1 },
  ];
  expect(byOwnership(lists, shards)).toEqual({ owners: [lists[0], lists[2]], former: [lists[1], lists[3]] });
});

it('a miss of a write that nobody was told is written has a score below all others', () => {
  expect(missedAcknowledged('1700000000000000')).toBe(true);
  expect(missedAcknowledged(700_000_000_000_000)).toBe(false);
});
