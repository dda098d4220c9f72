// The shard map, what the address names, and finding things by name.
import { describe, expect, it } from 'vitest';
import { find } from '../../../src/page/find.ts';
import { hashOf, type Place, placeOf } from '../../../src/page/hash-route.ts';
import { CELL_KINDS, cellAt, cellText, countKinds, gridOf, mapShards, stepTo } from '../../../src/page/shard-cells.ts';
import { aMove, aNode, aPlan, aRoute } from './answers.ts';

describe('cells', () => {
  const nodes = [aNode('n1'), aNode('n2')];
  const routes = [
    aRoute(0),
    aRoute(1),
    aRoute(2, { state: 'tracking' }),
    aRoute(3, { state: 'tracking' }),
    aRoute(4, { state: 'held' }),
    aRoute(5, { state: 'settled', owners: ['n2'] }),
    aRoute(6, { frozen: true, owners: ['gone'] }),
  ];
  const moves = [
    aMove({ shard: 1 }),
    aMove({ shard: 2, phase: 'DualWriteStarted', docsMigrated: 5, documents: 10 }),
    aMove({ shard: 3, phase: 'MigrationInProgress' }),
    aMove({ shard: 0, phase: 'OldReplicaDeleted', outcome: 'done' }),
    aMove({ shard: 0, index: 'other' }),
  ];
  const map = mapShards('cities', routes, moves, nodes);

  it('does not call a shard stable that has none but failed owners', () => {
    const without = [aNode('n1', { state: 'failed' }), aNode('n2')];
    const alone = mapShards('cities', [aRoute(0), aRoute(1, { owners: ['n1', 'n2'] })], [], without);
    expect([cellText(alone, 0), cellText(alone, 1)]).toEqual([
      'shard 0 · no copy answers · on n1',
      'shard 1 · stable · on n1, n2',
    ]);
  });

  it('are what their routes and moves say', () => {
    expect([...map.kinds].map((kind) => CELL_KINDS[kind])).toEqual([
      'stable',
      'waiting',
      'copying',
      'verifying',
      'switching',
      'cleaning',
      'frozen',
    ]);
    expect([...map.owners]).toEqual([0, 0, 0, 0, 0, 1, 255]);
    expect(countKinds(map)).toEqual([1, 1, 1, 1, 1, 1, 1, 0, 0]);
  });
  it('are blocked where nothing else is to be said of them, and say why', () => {
    const stuck = [{ index: 'cities', shards: [0, 1], count: 2, nodes: [], why: 'no room', sinceMs: null }];
    const blocked = mapShards('cities', routes, moves, nodes, stuck);
    expect([...blocked.kinds].slice(0, 2).map((kind) => CELL_KINDS[kind])).toEqual(['blocked', 'waiting']);
    expect(cellText(blocked, 0)).toBe('shard 0 · blocked · on n1 · no room');
    expect(cellText(blocked, 1)).not.toContain('no room');
    expect(countKinds(mapShards('other', routes, [], nodes, stuck))[CELL_KINDS.indexOf('blocked')]).toBe(0);
  });
  it('say in words what their colour and sign say', () => {
    expect(cellText(map, 0)).toBe('shard 0 · stable · on n1');
    expect(cellText(map, 2)).toBe('shard 2 · copying · n1 → n2 · 5 of 10 documents · on n1');
    expect(cellText(map, 99)).toBe('');
  });
});

describe('the grid', () => {
  it.each([
    [64, 1_240, 20],
    [1_024, 1_240, 14],
    [10_000, 1_240, 11],
  ])('of %i shards on %i pixels has cells of %i, and rows of whole dozens', (shards, width, size) => {
    const grid = gridOf(shards, width);
    expect(grid.size).toBe(size);
    expect(grid.columns % 16).toBe(0);
    expect(grid.left + grid.columns * (grid.size + grid.gap) - grid.gap).toBeLessThanOrEqual(width);
    expect(grid.rows * grid.columns).toBeGreaterThanOrEqual(shards);
  });
  it('is there however narrow it is', () => {
    expect(gridOf(3, 0)).toMatchObject({ columns: 1, rows: 3 });
    expect(gridOf(0, 500).rows).toBe(0);
  });
  it('finds the cell under the pointer', () => {
    const grid = gridOf(64, 1_240);
    expect(cellAt(grid, 64, grid.left + 1, 1)).toBe(0);
    expect(cellAt(grid, 64, grid.left + 25, 25)).toBe(grid.columns + 1);
    expect([cellAt(grid, 64, 3, 3), cellAt(grid, 64, grid.left + 1, 900)]).toEqual([null, null]);
  });
  it('is walked by keys, and not left', () => {
    const grid = { ...gridOf(64, 1_240), columns: 16 };
    const walk = (key: string, from: number): number | null => stepTo(key, from, grid, 60);
    expect([walk('ArrowRight', 0), walk('ArrowDown', 1), walk('End', 1), walk('Home', 20)]).toEqual([1, 17, 15, 16]);
    expect([walk('ArrowLeft', 0), walk('ArrowUp', 3), walk('ArrowDown', 50), walk('PageDown', 3)]).toEqual([
      0, 3, 50, 59,
    ]);
    expect([walk('a', 0), walk('toString', 0)]).toEqual([null, null]);
  });
});

describe('the address', () => {
  it.each<Place>([
    { kind: 'move', id: 'p1-0-0-ab' },
    { kind: 'plan', id: 'p1' },
    { kind: 'node', id: 'n1.a/b' },
    { kind: 'shard', index: 'cities 2', shard: 17 },
  ])('names %o', (place) => expect(placeOf(hashOf(place))).toEqual(place));
  it.each([
    '',
    '#',
    '#/',
    '#/moves',
    '#/moves/',
    '#/moves/a/b',
    '#/shards/cities',
    '#/shards/cities/x',
    '#/shards/c/-1',
    '#/toString/a',
    '#/moves/%E0%A4%A',
    '#top',
  ])('names nothing: %s', (hash) => expect(placeOf(hash)).toBeNull());
});

describe('finding', () => {
  const index = { uid: 'cities', shards: 64, replicationFactor: 1, epoch: 1, moving: 0 };
  const findable = {
    nodes: [aNode('n1'), aNode('n12')],
    indexes: [index],
    moves: [aMove({ id: 'm7', shard: 7 })],
    plans: [aPlan()],
  };
  const labels = (asked: string): string[] => find(asked, findable).map(({ label }) => label);

  it('goes by the beginning first, then by what a thing is', () => {
    expect(labels('n1')).toEqual(['n1', 'n12', 'cities/7 n1→n2']);
    expect(labels('move waiting')).toEqual(['cities/7 n1→n2']);
    expect(labels('no such')).toEqual([]);
    expect(find('drained', { ...findable, nodes: [aNode('n1', { drained: true })] })).toHaveLength(1);
  });
  it('knows shards by their number', () => {
    expect(find('cities/17', findable)[0]?.place).toEqual({ kind: 'shard', index: 'cities', shard: 17 });
    expect(find('17', findable)[0]?.label).toBe('cities/17');
    expect(labels('cities/64')).toEqual([]);
    expect(find('3', { ...findable, indexes: [index, { ...index, uid: 'b' }] }).map(({ label }) => label)).toEqual([]);
  });
});
