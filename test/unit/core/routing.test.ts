import { expect, it } from 'vitest';
import { begunMoves, oldReaders, SHARD_STATES } from '../../../src/core/routing.ts';

it('who was read before the switch is who is read still, or who was when documents came to be withheld', () => {
  expect(oldReaders({ readers: ['n1'] })).toEqual(['n1']);
  expect(oldReaders({ readers: ['n2'], withheld: { slots: [1], from: ['n1', 'n3'] } })).toEqual(['n1', 'n3']);
});

it('a move has places at its nodes from tracking until the shard is settled', () => {
  const shards = SHARD_STATES.map((state, shard) => ({ shard, state, owners: ['n1'], readers: ['n1'], epoch: 1 }));
  expect(begunMoves({ index: 'x', epoch: 1, shards })).toBe(3);
  expect(begunMoves(null)).toBe(0);
});
