import { expect, it } from 'vitest';
import { MOVES_PER_NODE, startable } from '../../../src/core/schedule.ts';

const move = (shard: number, source = 'a', target = `t${shard}`, index = 'idx') => ({ index, shard, source, target });

it('at most four moves out of a node and four into one', () => {
  const leaving = Array.from({ length: 6 }, (_, shard) => move(shard));
  expect(startable(leaving, [])).toEqual(leaving.slice(0, MOVES_PER_NODE));
  const arriving = Array.from({ length: 6 }, (_, shard) => move(shard, `s${shard}`, 'b'));
  expect(startable(arriving, [])).toEqual(arriving.slice(0, MOVES_PER_NODE));
  expect(
    startable(
      leaving,
      leaving.slice(0, 3).map((each) => ({ ...each, index: 'other' })),
    ),
  ).toHaveLength(1);
  expect(startable(leaving, [], 2)).toHaveLength(2);
});

it('a full node holds up only the moves that concern it', () => {
  const full = Array.from({ length: 4 }, (_, shard) => move(shard));
  const [waits, starts] = [move(7), move(8, 'b')];
  expect(startable([waits, starts], full)).toEqual([starts]);
});

it('one move of a shard at a time, in the order of its steps', () => {
  const first = move(1, 'a', 'b');
  const then = move(1, 'b', 'c');
  expect(startable([first, then], [])).toEqual([first]);
  expect(startable([then], [first])).toEqual([]);
  expect(startable([{ ...then, index: 'other' }], [first])).toHaveLength(1);
});

it('a later step never overtakes one that waits for its node', () => {
  const full = Array.from({ length: 4 }, (_, shard) => move(shard + 10));
  expect(startable([move(1), move(1, 'b', 'c')], full)).toEqual([]);
});
