import { describe, expect, it } from 'vitest';
import { leftoverFilter, shardsAt } from '../../../src/core/belonging.ts';
import type { PlannedMove } from '../../../src/core/move.ts';
import type { RoutingTable, ShardRoute } from '../../../src/core/routing.ts';

const route = (shard: number, owners: readonly string[], readers = owners): ShardRoute => ({
  shard,
  state: 'stable',
  owners,
  readers,
  epoch: 1,
});
const table: RoutingTable = {
  index: 'docs',
  epoch: 1,
  shards: [route(0, ['n1']), route(1, ['n2'], ['n1']), route(2, ['n2']), route(3, ['n2']), route(4, ['n2'])],
};
const move = (shard: number, changes: Partial<PlannedMove>): PlannedMove => ({
  index: 'docs',
  shard,
  group: 0,
  source: 'n2',
  target: 'n3',
  retires: null,
  reason: 'balance',
  ...changes,
});

describe('shards that a node may hold', () => {
  it('are those it owns, is read for, is given, or keeps for a grace', () => {
    const moves = [move(4, { target: 'n1' }), move(2, { source: 'n2', retires: 'n1' }), move(3, {})];
    expect(shardsAt('n1', table, moves)).toEqual([0, 1, 2, 4]);
  });

  it('are not those of another index', () => {
    expect(shardsAt('n1', table, [move(3, { index: 'books', target: 'n1' })])).toEqual([0, 1]);
  });

  it('leave everything else over', () => {
    expect(leftoverFilter([0, 4])).toBe('_miroir_shard EXISTS AND _miroir_shard NOT IN [0,4]');
    expect(leftoverFilter([])).toBe('_miroir_shard EXISTS');
  });
});
