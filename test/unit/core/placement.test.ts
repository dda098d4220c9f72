import { describe, expect, it } from 'vitest';
import { rendezvousScore } from '../../../src/core/hashing.ts';
import { assignShard, desiredOwners, desiredPlacement, initialRoutes } from '../../../src/core/placement.ts';
import { rankNodes } from '../../../src/core/ranking.ts';
import type { IndexEntry } from '../../../src/core/routing.ts';
import { mayOwn } from '../../../src/core/topology.ts';
import { entryOf, topologyOf } from './world.ts';

const SHARDS = 64;
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `node-${i}`);
const table = (nodes: readonly string[], replicationFactor: number): string[][] =>
  Array.from({ length: SHARDS }, (_, shard) => assignShard({ shard, nodes, replicationFactor }));
/** Owners of `b` that are none in `a`, over all shards. */
const gained = (a: readonly string[][], b: readonly string[][]): number =>
  b.reduce((sum, owners, shard) => sum + owners.filter((id) => !a[shard]!.includes(id)).length, 0);

/** Two ids whose scores for shard 0 are equal; found by inverting the hash. */
const TWINS = ['node-left-xx3TJOoOlM', 'node-right-x7QsVbt8r'];

describe('one shard', () => {
  it('is deterministic and does not depend on the order of nodes', () => {
    expect(table([...names(5)].reverse(), 2)).toEqual(table(names(5), 2));
  });

  it('puts 17 to 26 of 64 shards on each of three nodes', () => {
    for (const id of names(3)) {
      const owned = table(names(3), 1).filter(([owner]) => owner === id).length;
      expect(owned).toBeGreaterThanOrEqual(17);
      expect(owned).toBeLessThanOrEqual(26);
    }
  });

  it('adding a fourth node changes at most 32 of 64 shards, and each to the new node', () => {
    const [before, after] = [table(names(3), 1), table(names(4), 1)];
    expect(gained(before, after)).toBeLessThanOrEqual(32);
    expect(after.filter((owners, shard) => owners[0] !== before[shard]![0]).every(([id]) => id === 'node-3')).toBe(
      true,
    );
  });

  it('removing a node moves only its own shards, about RF·S/N of them', () => {
    const [before, after] = [table(names(4), 2), table(names(3), 2)];
    const owned = before.filter((owners) => owners.includes('node-3')).length;
    expect(gained(before, after)).toBe(owned);
    expect(owned).toBeGreaterThan(16);
    expect(owned).toBeLessThan(48);
  });

  it('RF 2 is stable: a node that joins displaces at most one owner of a shard', () => {
    const [before, after] = [table(names(3), 2), table(names(4), 2)];
    for (const [shard, owners] of after.entries()) {
      expect(owners.filter((id) => !before[shard]!.includes(id)).length).toBeLessThanOrEqual(1);
    }
  });

  it('has RF distinct owners, or all nodes when there are fewer', () => {
    for (const owners of table(names(5), 3)) expect(new Set(owners).size).toBe(3);
    expect(assignShard({ shard: 1, nodes: names(2), replicationFactor: 3 }).sort()).toEqual(names(2));
    expect(assignShard({ shard: 1, nodes: [], replicationFactor: 3 })).toEqual([]);
  });

  it('gives equal scores to the lower node id', () => {
    expect(rendezvousScore(0, TWINS[0]!)).toBe(rendezvousScore(0, TWINS[1]!));
    for (const nodes of [TWINS, [...TWINS].reverse()]) {
      expect(assignShard({ shard: 0, nodes, replicationFactor: 2 })).toEqual(TWINS);
      expect(rankNodes(nodes, 1, 2).best(0, 2)).toEqual(TWINS);
      expect(rankNodes(nodes, 1, 1).best(0, 1)).toEqual(TWINS.slice(0, 1));
    }
  });
});

describe('all shards at once', () => {
  it.each([
    ['short ids', (i: number) => `n${i}`],
    ['ids of one length', (i: number) => `node-${String(i).padStart(4, '0')}`],
    ['ids of one to 63 characters', (i: number) => `x${i}`.padEnd((i % 61) + 3, 'meili-')],
    ['ids beyond ASCII', (i: number) => `knoten-ä-${i}`],
  ])('ranks as one shard at a time does: %s', (_, name) => {
    const nodes = Array.from({ length: 130 }, (__, i) => name(i));
    const ranking = rankNodes(nodes, 1030, 4);
    for (let shard = 0; shard < 1030; shard += 37) {
      expect(ranking.best(shard, 4)).toEqual(assignShard({ shard, nodes, replicationFactor: 4 }));
    }
    expect(ranking.best(1029, 2)).toEqual(assignShard({ shard: 1029, nodes, replicationFactor: 2 }));
  });

  it('needs neither nodes nor shards nor copies', () => {
    expect(rankNodes([], 4, 2).best(3, 2)).toEqual([]);
    expect(rankNodes(['a'], 0, 2).best(0, 2)).toEqual([]);
    expect(rankNodes(['a'], 4, 0).best(1, 1)).toEqual([]);
  });
});

describe('groups', () => {
  const topology = topologyOf({
    a: 'active',
    b: 'joining',
    c: 'draining',
    d: 'failed',
    x: [1, 'active'],
    y: [1, 'degraded'],
  });
  const entry: IndexEntry = { ...entryOf('idx', 8, 2), groups: [0, 1] };

  it('write targets are RF owners in each replica group, of nodes that may own', () => {
    for (let shard = 0; shard < entry.shards; shard += 1) {
      const owners = desiredOwners(entry, topology, shard);
      expect([...owners.keys()]).toEqual([0, 1]);
      expect([...owners.get(0)!].sort()).toEqual(['a', 'b']);
      expect([...owners.get(1)!].sort()).toEqual(['x', 'y']);
    }
  });

  it('a whole placement says what single shards say', () => {
    const placement = desiredPlacement([entry, entryOf('small', 2, 1)], topology);
    for (let shard = 0; shard < entry.shards; shard += 1) {
      for (const [group, owners] of desiredOwners(entry, topology, shard)) {
        expect(placement.owners(entry, shard, group)).toEqual(owners);
      }
    }
    expect(placement.owners(entryOf('small', 2, 1), 1, 0)).toHaveLength(1);
  });

  it('a new index begins stable where placement puts it', () => {
    const routes = initialRoutes(entry, topology);
    expect(routes.map(({ shard }) => shard)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const route of routes) {
      const owners = [...desiredOwners(entry, topology, route.shard).values()].flat();
      expect(route).toEqual({ shard: route.shard, state: 'stable', owners, readers: owners, epoch: 1 });
    }
    expect(topology.nodes.filter((node) => !mayOwn(node)).map(({ id }) => id)).toEqual(['c', 'd']);
  });
});
