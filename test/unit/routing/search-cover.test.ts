import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RoutingTable } from '../../../src/core/routing.ts';
import { Covers, coverShards } from '../../../src/routing/search/cover.ts';

const tableOf = (readers: readonly (readonly string[])[]): RoutingTable => ({
  index: 'x',
  epoch: 1,
  shards: readers.map((ids, shard) => ({ shard, state: 'stable', owners: ids, readers: ids, epoch: 1 })),
});
const all = (): boolean => true;

describe('a cover', () => {
  it('has every shard once, on a usable reader of it, and names the others', () => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const tables = fc.array(fc.subarray(ids), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(tables, fc.subarray(ids), fc.nat(), (readers, usable, seed) => {
        const isUsable = (id: string): boolean => usable.includes(id);
        const { parts, unserved } = coverShards({ table: tableOf(readers), isUsable, seed });
        const served = [...parts].flatMap(([id, shards]) => shards.map((shard) => ({ id, shard })));
        for (const { id, shard } of served) expect(isUsable(id) && readers[shard]?.includes(id)).toBe(true);
        for (const shard of unserved) expect(readers[shard]?.some(isUsable)).toBe(false);
        const shards = [...served.map(({ shard }) => shard), ...unserved].sort((a, b) => a - b);
        expect(shards).toEqual([...readers.keys()]);
        expect([...parts.values()].every((list) => list.length > 0)).toBe(true);
      }),
    );
  });

  it('takes few nodes: one group where there are two', () => {
    const readers = Array.from({ length: 30 }, (_, shard) => [`a${shard % 3}`, `b${(shard >> 2) % 3}`]);
    for (let seed = 0; seed < 20; seed += 1) {
      const { parts } = coverShards({ table: tableOf(readers), isUsable: all, seed });
      expect(parts.size).toBeLessThanOrEqual(5);
    }
  });

  it('spreads the load over the copies by the seed, and is the same for the same seed', () => {
    const readers = Array.from({ length: 64 }, () => ['a', 'b', 'c']);
    const chosen = new Set<string>();
    for (let seed = 0; seed < 12; seed += 1) {
      const cover = coverShards({ table: tableOf(readers), isUsable: all, seed });
      expect(cover.parts.size).toBe(1);
      expect(coverShards({ table: tableOf(readers), isUsable: all, seed })).toEqual(cover);
      chosen.add([...cover.parts.keys()].join());
    }
    expect(chosen).toEqual(new Set(['a', 'b', 'c']));
  });

  it('evens out what the chosen nodes share', () => {
    const readers = Array.from({ length: 20 }, (_, shard) => (shard < 2 ? ['a'] : shard < 4 ? ['b'] : ['a', 'b']));
    const { parts } = coverShards({ table: tableOf(readers), isUsable: all, seed: 0 });
    expect([...parts.values()].map(({ length }) => length)).toEqual([10, 10]);
  });

  it('is of some shards only where these are asked for', () => {
    const readers = [['a'], ['b'], ['c']];
    const { parts, unserved } = coverShards({ table: tableOf(readers), shards: [1, 7], isUsable: all, seed: 0 });
    expect([[...parts], unserved]).toEqual([[['b', [1]]], [7]]);
  });

  it('of a whole table is kept by what is usable and a few seeds', () => {
    const covers = new Covers();
    const table = tableOf(Array.from({ length: 8 }, () => ['a', 'b']));
    const first = covers.of(table, all, 1);
    expect(covers.of(table, all, 17)).toBe(first);
    expect(covers.of(table, (id) => id !== 'a', 1).parts).toEqual(new Map([['b', [0, 1, 2, 3, 4, 5, 6, 7]]]));
    expect(covers.of({ ...table, epoch: 2 }, all, 1)).not.toBe(first);
    for (let seed = 0; seed < 16; seed += 1) {
      expect(covers.of(table, all, seed)).toEqual(coverShards({ table, isUsable: all, seed }));
    }
  });
});
