// What a node counts of an index is more than what it owns: copies in their grace, and parts of those that are being brought.
import { describe, expect, it } from 'vitest';
import { heldCopies, perShard } from '../../../src/core/held-copies.ts';
import type { RoutingTable } from '../../../src/core/routing.ts';

const table: RoutingTable = {
  index: 'books',
  epoch: 1,
  shards: [['n1'], ['n1'], ['n2'], ['n2']].map((owners, shard) => ({
    shard,
    state: 'stable',
    epoch: 1,
    owners,
    readers: owners,
  })),
};
const move = (shard: number, target: string, retires: string | null, docsMigrated = 100) => ({
  shard,
  target,
  retires,
  docsMigrated,
});

describe('what a node has of an index', () => {
  it('is what it owns, old copies that are kept, each once, and what is on its way to it', () => {
    // Shards 2 and 3 have left n1 and stand in their grace; shard 0 is being copied to n3; shard 1 goes back and forth.
    const held = heldCopies(table, [
      move(2, 'n2', 'n1'),
      move(3, 'n2', 'n1'),
      move(3, 'n2', 'n1'),
      move(0, 'n3', 'n1', 30),
      move(1, 'n3', 'n1', 12),
      move(1, 'n1', null),
    ]);
    expect(Object.fromEntries(held)).toEqual({
      n1: { owned: 2, kept: 2, arriving: 0 },
      n2: { owned: 2, kept: 0, arriving: 0 },
      n3: { owned: 0, kept: 0, arriving: 42 },
    });
  });

  it('tells what one whole shard has', () => {
    const counted = { documents: 430, bytes: 4_300 };
    expect(perShard(counted, { owned: 2, kept: 2, arriving: 30 })).toEqual({ documents: 100, bytes: 1_000 });
    expect(perShard(counted, { owned: 0, kept: 0, arriving: 430 })).toEqual({ documents: 0, bytes: 0 });
    expect(perShard({ documents: 0, bytes: 7 })).toEqual({ documents: 0, bytes: 0 });
    // Counted before the last windows came.
    expect(perShard({ documents: 5, bytes: 50 }, { owned: 1, kept: 0, arriving: 9 })).toEqual({
      documents: 0,
      bytes: 0,
    });
  });
});
