import { describe, expect, it } from 'vitest';
import { PLAN_INVARIANTS, assertPlanSound } from '../../../src/core/invariants.ts';
import { leave } from '../../../src/core/leaving.ts';
import { assignShard } from '../../../src/core/placement.ts';
import {
  affectedShards,
  assertDrainable,
  planMoves,
  planSummary,
  type Plan,
  type PlannerInput,
} from '../../../src/core/planner.ts';
import type { NodeState, Topology } from '../../../src/core/topology.ts';
import { entryOf, owned, pendingMove, placed, topologyOf } from './world.ts';

function soundPlan(input: PlannerInput): Plan {
  const plan = planMoves(input);
  assertPlanSound(input, plan);
  return plan;
}

const THREE = topologyOf({ n1: 'active', n2: 'active', n3: 'active' });
const FOUR = topologyOf({ n1: 'active', n2: 'active', n3: 'active', n4: 'joining' });
const withState = (topology: Topology, id: string, state: NodeState): Topology => ({
  version: topology.version + 1,
  nodes: topology.nodes.map((node) => (node.id === id ? { ...node, state } : node)),
});

describe('a node is added', () => {
  it.each([1, 2, 3])('at RF %i only what the new node wins moves, once each', (rf) => {
    const entry = entryOf('cities', 64, rf);
    const plan = soundPlan({ topology: FOUR, indexes: [placed(entry, THREE)] });
    const won = Array.from({ length: 64 }, (_, shard) => shard).filter((shard) =>
      assignShard({ shard, nodes: ['n1', 'n2', 'n3', 'n4'], replicationFactor: rf }).includes('n4'),
    );
    expect(plan.moves.map(({ shard }) => shard)).toEqual(won);
    for (const move of plan.moves) {
      expect(move).toMatchObject({ index: 'cities', group: 0, target: 'n4', reason: 'balance', step: 0 });
      expect(move.retires).toBe(move.source);
    }
    expect([plan.blocked, plan.keep, plan.cancel, plan.finish]).toEqual([[], [], [], []]);
  });

  it('affected shards are those whose owners change, as many as there are moves', () => {
    const entry = entryOf('cities', 64, 2);
    const affected = affectedShards(THREE, FOUR, entry);
    const plan = soundPlan({ topology: FOUR, indexes: [placed(entry, THREE)] });
    expect(affected).toEqual(plan.moves.map(({ shard }) => shard));
    expect(affected.length).toBeGreaterThan(20);
    expect(affected.length).toBeLessThan(44);
    expect(affectedShards(THREE, { ...THREE, version: 9 }, entry)).toEqual([]);
  });

  it('touches its own group only', () => {
    const groups = { x1: [1, 'active'], x2: [1, 'active'] } as const;
    const before = topologyOf({ n1: 'active', n2: 'active', ...groups });
    const after = topologyOf({ n1: 'active', n2: 'active', n3: 'joining', ...groups });
    const plan = soundPlan({ topology: after, indexes: [placed(entryOf('idx', 64, 1, [1, 0]), before)] });
    expect(plan.moves.length).toBeGreaterThan(10);
    expect(plan.moves.every(({ group, target }) => group === 0 && target === 'n3')).toBe(true);
  });

  it('nothing moves when everything is where it should be', () => {
    const plan = soundPlan({ topology: THREE, indexes: [placed(entryOf('cities', 64, 2), THREE)] });
    expect(plan.moves).toEqual([]);
  });
});

describe('a node drains', () => {
  it.each([1, 2])('at RF %i every shard leaves it for a node that has no copy yet', (rf) => {
    const topology = withState(THREE, 'n1', 'draining');
    const index = placed(entryOf('cities', 64, rf), THREE);
    const plan = soundPlan({ topology, indexes: [index] });
    const held = index.table.shards.filter(({ owners }) => owners.includes('n1'));
    expect(plan.moves.map(({ shard }) => shard)).toEqual(held.map(({ shard }) => shard));
    for (const move of plan.moves) {
      expect(move).toMatchObject({ source: 'n1', retires: 'n1', reason: 'drain' });
      expect(move.target).not.toBe('n1');
    }
  });

  it('a copy that no other node can take stays, and the operator reads why', () => {
    const topology = withState(topologyOf({ n1: 'active', n2: 'active' }), 'n1', 'draining');
    const plan = soundPlan({ topology, indexes: [owned(entryOf('idx', 1, 2), [['n1', 'n2']])] });
    expect(plan.moves).toEqual([]);
    expect(plan.blocked).toEqual([
      {
        index: 'idx',
        shard: 0,
        group: 0,
        reason: 'node n1 is draining, but replica group 0 has 1 other node(s) for replication factor 2',
      },
    ]);
  });

  it('a surplus copy on a draining node stays too', () => {
    const topology = withState(THREE, 'n3', 'draining');
    const plan = soundPlan({ topology, indexes: [owned(entryOf('idx', 1, 2), [['n1', 'n2', 'n3']])] });
    expect(plan.blocked[0]?.reason).toBe('node n3 is draining, but no other node lacks a copy of the shard');
  });

  it('a displaced surplus copy stays without a word', () => {
    const [best, ...others] = assignShard({ shard: 0, nodes: ['n1', 'n2', 'n3'], replicationFactor: 3 });
    const plan = soundPlan({ topology: THREE, indexes: [owned(entryOf('idx', 1, 1), [[best!, others[0]!]])] });
    expect([plan.moves, plan.blocked]).toEqual([[], []]);
  });
});

describe('a node fails', () => {
  it('its copies are restored from healthy owners, and it retires', () => {
    const topology = withState(FOUR, 'n1', 'failed');
    const plan = soundPlan({ topology, indexes: [placed(entryOf('cities', 64, 2), FOUR)] });
    expect(plan.moves.length).toBeGreaterThan(20);
    for (const move of plan.moves) {
      expect(move).toMatchObject({ reason: 'restore', retires: 'n1' });
      expect(move.source).not.toBe('n1');
    }
  });

  it('that has left its shards is replaced all the same, and nobody retires', () => {
    const topology = withState(FOUR, 'n1', 'failed');
    const entry = entryOf('cities', 64, 2);
    const before = placed(entry, FOUR);
    const shards = before.table.shards.map((route) => ({ ...route, ...leave(route, new Set(['n1'])) }));
    const plan = soundPlan({ topology, indexes: [{ entry, table: { ...before.table, shards } }] });
    expect(plan.moves.length).toBe(before.table.shards.filter(({ owners }) => owners.includes('n1')).length);
    for (const move of plan.moves) expect(move).toMatchObject({ reason: 'restore', retires: null });
    expect(plan.blocked).toEqual([]);
  });

  it('that has left and that nobody can replace is told, until it is back', () => {
    const two = topologyOf({ n1: 'active', n2: 'active', x: [1, 'failed'] });
    const index = owned(entryOf('idx', 1, 2), [['n2']]);
    const plan = soundPlan({ topology: withState(two, 'n1', 'failed'), indexes: [index] });
    expect(plan.moves).toEqual([]);
    expect(plan.blocked.map(({ reason }) => reason)).toEqual([
      'node n1 is failed, but replica group 0 has 1 other node(s) for replication factor 2',
    ]);
    const back = soundPlan({ topology: withState(two, 'n1', 'restoring'), indexes: [index] });
    expect(back).toMatchObject({ blocked: [], moves: [{ source: 'n2', target: 'n1', retires: null }] });
  });

  it('while it was drained gets nothing back when it returns, and its last copies leave when they may be read', () => {
    const index = owned(entryOf('idx', 2, 1), [['n1'], ['n2']]);
    const wished = (state: NodeState): Topology => ({
      ...THREE,
      nodes: THREE.nodes.map((node) => (node.id === 'n1' ? { ...node, state, drainWished: true as const } : node)),
    });
    const plan = soundPlan({ topology: wished('restoring'), indexes: [index] });
    expect(plan.moves).toEqual([]);
    expect(plan.blocked).toMatchObject([{ shard: 0, reason: expect.stringContaining('owners: n1 (restoring)') }]);
    const alone = soundPlan({
      topology: { ...wished('restoring'), nodes: wished('restoring').nodes.slice(0, 1) },
      indexes: [owned(entryOf('idx', 1, 1), [['n1']])],
    });
    expect(alone.blocked.map(({ reason }) => reason)).toEqual([
      'node n1 is restoring, but replica group 0 has 0 other node(s) for replication factor 1',
    ]);
    const back = soundPlan({ topology: withState(THREE, 'n1', 'draining'), indexes: [index] });
    expect(back).toMatchObject({ blocked: [], moves: [{ source: 'n1', retires: 'n1', reason: 'drain' }] });
  });

  describe('while its return is awaited', () => {
    const entry = entryOf('idx', 1, 2);
    const awaitedAt = (topology: Topology, id: string, repairAtMs: number): Topology => ({
      ...topology,
      nodes: topology.nodes.map((node) => (node.id === id ? { ...node, repairAtMs } : node)),
    });
    const leftBy = (owners: string[], ...left: string[]) => {
      const index = owned(entry, [owners]);
      return { ...index, table: { ...index.table, shards: index.table.shards.map((route) => ({ ...route, left })) } };
    };
    const waits = expect.stringContaining('node n1 has failed; repair begins at 2026-01-01T00:00:00.000Z');
    const atMs = Date.UTC(2026, 0, 1);

    it('no copy of it is restored, and the plan says until when', () => {
      const failed = withState(THREE, 'n1', 'failed');
      const plan = soundPlan({ topology: awaitedAt(failed, 'n1', atMs), indexes: [leftBy(['n2'], 'n1')] });
      expect(plan.moves).toEqual([]);
      expect(plan.blocked).toEqual([{ index: 'idx', shard: 0, group: 0, reason: waits }]);
      const due = soundPlan({ topology: failed, indexes: [leftBy(['n2'], 'n1')] });
      expect(due).toMatchObject({ blocked: [], moves: [{ source: 'n2', retires: null, reason: 'restore' }] });
    });

    it('a copy that another node lost is restored all the same', () => {
      const topology = awaitedAt(withState(withState(FOUR, 'n1', 'failed'), 'n2', 'failed'), 'n1', atMs);
      const short = { ...leftBy(['n3'], 'n1', 'n2'), entry: { ...entry, replicationFactor: 3 } };
      const five = { ...topology, nodes: [...topology.nodes, ...topologyOf({ n5: 'active' }).nodes] };
      const both = soundPlan({ topology: five, indexes: [short] });
      expect(both.moves).toMatchObject([{ source: 'n3', retires: null }]);
      expect(both.blocked).toEqual([{ index: 'idx', shard: 0, group: 0, reason: waits }]);
    });

    it('the copy of another that failed after this one had been replaced is not held up', () => {
      const topology = awaitedAt(withState(withState(FOUR, 'n1', 'failed'), 'n3', 'failed'), 'n1', atMs);
      const again = soundPlan({ topology, indexes: [leftBy(['n2'], 'n1', 'n3')] });
      expect(again).toMatchObject({ blocked: [], moves: [{ target: 'n4', retires: null }] });
      const first = soundPlan({ topology, indexes: [leftBy(['n2'], 'n3', 'n1')] });
      expect(first).toMatchObject({ blocked: [{ reason: waits }], moves: [] });
    });

    it('where it is the last owner of its group another group is not read yet either', () => {
      const groups = topologyOf({ n1: 'failed', n2: 'active', x: [1, 'active'] });
      const index = owned(entryOf('idx', 1, 1, [0, 1]), [['n1', 'x']]);
      expect(soundPlan({ topology: awaitedAt(groups, 'n1', atMs), indexes: [index] })).toMatchObject({
        moves: [],
        blocked: [{ reason: waits }],
      });
      expect(soundPlan({ topology: groups, indexes: [index] }).moves).toMatchObject([{ source: 'x', retires: 'n1' }]);
    });
  });

  it('many owners share the work of being read', () => {
    const topology = withState(FOUR, 'n1', 'failed');
    const index = owned(
      entryOf('idx', 30, 3),
      Array.from({ length: 30 }, () => ['n1', 'n2', 'n3']),
    );
    const sources = soundPlan({ topology, indexes: [index] }).moves.map(({ source }) => source);
    expect(sources.filter((id) => id === 'n2')).toHaveLength(15);
    expect(sources.filter((id) => id === 'n3')).toHaveLength(15);
    const reversed = owned(
      entryOf('idx', 30, 3),
      Array.from({ length: 30 }, () => ['n3', 'n2', 'n1']),
    );
    expect(soundPlan({ topology, indexes: [reversed] }).moves.map(({ source }) => source)).toEqual(sources);
  });

  it('at RF 1 the other group is read', () => {
    const topology = topologyOf({ a: 'failed', b: 'active', x: [1, 'active'] });
    const plan = soundPlan({ topology, indexes: [owned(entryOf('idx', 1, 1, [0, 1]), [['a', 'x']])] });
    expect(plan.moves).toMatchObject([{ group: 0, source: 'x', target: 'b', retires: 'a', reason: 'restore' }]);
  });

  it('a healthy node of the same group is preferred, a draining one last', () => {
    const topology = topologyOf({
      a: 'failed',
      b: 'draining',
      c: 'active',
      d: 'active',
      e: 'active',
      x: [1, 'active'],
    });
    const index = owned(entryOf('idx', 1, 4, [0, 1]), [['a', 'b', 'c', 'd', 'x']]);
    const plan = soundPlan({ topology, indexes: [index] });
    expect(plan.moves).toMatchObject([{ source: expect.stringMatching(/^[cd]$/), target: 'e', retires: 'a' }]);
    expect(plan.blocked).toHaveLength(1);
  });

  it('of two that have failed the first by its id is named, in whatever order nodes are read', () => {
    const entry = entryOf('idx', 1, 2);
    const failed = topologyOf({ n1: 'failed', n2: 'failed', n3: 'active' });
    const index = placed(entry, THREE);
    const alone = {
      ...index,
      table: { ...index.table, shards: index.table.shards.map((route) => ({ ...route, owners: ['n3'] })) },
    };
    const reasons = (nodes: Topology['nodes']): string[] =>
      planMoves({ topology: { ...failed, nodes }, indexes: [alone] }).blocked.map(({ reason }) => reason);
    expect(reasons(failed.nodes)).toEqual([expect.stringContaining('node n1 is failed')]);
    expect(reasons(failed.nodes.toReversed())).toEqual(reasons(failed.nodes));
  });

  it('without a healthy copy anywhere the shard is blocked with its owners named', () => {
    const topology = topologyOf({ a: 'failed', b: 'active', c: 'failed' });
    const plan = soundPlan({ topology, indexes: [owned(entryOf('idx', 2, 1), [['a', 'ghost', 'c'], []])] });
    expect(plan.moves).toEqual([]);
    expect(plan.blocked.map(({ shard, reason }) => [shard, reason])).toEqual([
      [0, 'node c is failed, but no other node lacks a copy of the shard'],
      [
        0,
        expect.stringContaining('is left to bring to b; owners: a (failed), c (failed), ghost (not known). Start one'),
      ],
      [1, expect.stringContaining('no healthy copy is left to bring to b; owners: none. ')],
    ]);
  });

  it('a lost replica comes back before anything is balanced, also within one shard', () => {
    const topology = topologyOf({ a: 'active', b: 'failed', c: 'joining', d: 'joining' });
    const shard = Array.from({ length: 500 }, (_, i) => i).find((i) => {
      const wanted = assignShard({ shard: i, nodes: ['a', 'c', 'd'], replicationFactor: 2 });
      return wanted.includes('c') && wanted.includes('d');
    })!;
    const owners = Array.from({ length: shard + 1 }, () => ['a', 'b']);
    const plan = soundPlan({ topology, indexes: [owned(entryOf('idx', shard + 1, 2), owners)] });
    const mine = plan.moves.filter((move) => move.shard === shard);
    expect(mine).toMatchObject([
      { step: 0, reason: 'restore', retires: 'b' },
      { step: 1, reason: 'balance', retires: 'a' },
    ]);
    const reasons = plan.moves.map(({ reason }) => reason);
    expect(reasons.lastIndexOf('restore')).toBeLessThan(reasons.indexOf('balance'));
  });

  it('a shard with fewer copies than RF gets one and nobody retires', () => {
    const plan = soundPlan({ topology: THREE, indexes: [owned(entryOf('idx', 1, 3), [['n1', 'n2']])] });
    expect(plan.moves).toMatchObject([{ target: 'n3', retires: null, reason: 'restore' }]);
  });
});

describe('ids', () => {
  const input = {
    topology: FOUR,
    indexes: [placed(entryOf('Cities_2', 16, 1), THREE), placed(entryOf('b', 8, 2), THREE)],
  };

  it('the same input gives the same plan whatever its order', () => {
    const plan = soundPlan(input);
    const shuffled = {
      topology: { ...FOUR, nodes: [...FOUR.nodes].reverse() },
      indexes: [...input.indexes].reverse(),
    };
    expect(planMoves(shuffled)).toEqual(plan);
    expect(plan.id).toMatch(/^p[0-9a-f]{12}$/);
    for (const move of plan.moves) {
      expect(move.id).toMatch(new RegExp(`^${plan.id}-${move.shard}-${move.step}-[0-9a-f]{8}$`));
    }
    expect(plan.topologyVersion).toBe(FOUR.version);
  });

  it('another state, another server or key, or other moves give another plan id', () => {
    const { id } = planMoves(input);
    for (const other of [{ url: 'http://x' }, { apiKeyRef: 'k' }]) {
      const nodes = FOUR.nodes.map((node) => ({ ...node, ...other }));
      expect(planMoves({ ...input, topology: { ...FOUR, nodes } }).id).not.toBe(id);
    }
    expect(planMoves({ ...input, topology: { ...FOUR, version: FOUR.version + 1 } }).id).not.toBe(id);
    expect(planMoves({ ...input, topology: withState(FOUR, 'n1', 'failed') }).id).not.toBe(id);
    expect(planMoves({ ...input, indexes: [input.indexes[1]!] }).id).not.toBe(id);
    expect(planMoves({ ...input, after: id }).id).not.toBe(id);
  });

  it('what goes on in other shards does not change the id; a move of one of its shards does', () => {
    const { id, moves } = planMoves(input);
    const { shard, index } = moves[0]!;
    const other = input.indexes.flatMap(({ entry, table }) =>
      table.shards
        .map((route) => ({ index: entry.uid, shard: route.shard }))
        .filter((at) => !moves.some((move) => move.index === at.index && move.shard === at.shard)),
    )[0]!;
    const raised = (at: { index: string; shard: number }) =>
      input.indexes.map(({ entry, table }) => ({
        entry,
        table: {
          ...table,
          epoch: 2,
          shards: table.shards.map((route) =>
            entry.uid === at.index && route.shard === at.shard ? { ...route, epoch: 2 } : route,
          ),
        },
      }));
    expect(planMoves({ ...input, indexes: raised(other) }).id).toBe(id);
    expect(planMoves({ ...input, indexes: raised({ index, shard }) }).id).not.toBe(id);
  });

  it('a table that does not fit its index is a broken record', () => {
    const index = placed(entryOf('idx', 4, 1), THREE);
    const wrong = { code: 'miroir_invariant' };
    expect(() => planMoves({ topology: THREE, indexes: [{ ...index, entry: entryOf('idx', 8, 1) }] })).toThrow(
      expect.objectContaining(wrong),
    );
    const pending = [pendingMove({ shard: 4, source: 'n1', target: 'n2', retires: 'n1' })];
    expect(() => planMoves({ topology: THREE, indexes: [index], pending })).toThrow(expect.objectContaining(wrong));
  });
});

describe('pending moves', () => {
  const entry = entryOf('idx', 1, 1);
  const [best, second, third] = assignShard({ shard: 0, nodes: ['n1', 'n2', 'n3'], replicationFactor: 3 }) as [
    string,
    string,
    string,
  ];
  const index = owned(entry, [[second]]);
  const good = pendingMove({ id: 'good', source: second, target: best, retires: second });
  const bad = pendingMove({ id: 'bad', source: second, target: third, retires: second });
  const plan = (pending: PlannerInput['pending'], indexes = [index], topology = THREE) =>
    soundPlan({ topology, indexes, pending: pending! });

  it('one that is still wanted is kept and not planned again', () => {
    for (const phase of ['Idle', 'DualWriteStarted', 'MigrationComplete'] as const) {
      expect(plan([{ ...good, phase }])).toMatchObject({ keep: ['good'], moves: [], cancel: [] });
    }
  });

  it('one before the switch that is not wanted is cancelled, and planned from the present owners', () => {
    expect(plan([{ ...bad, phase: 'MigrationInProgress' }])).toMatchObject({
      cancel: ['bad'],
      moves: [{ source: second, target: best, retires: second }],
    });
  });

  it('one that is to be cancelled already is not counted on', () => {
    expect(plan([{ ...good, cancelWished: true }])).toMatchObject({ cancel: ['good'], moves: [{ target: best }] });
  });

  it('one past the switch finishes, or is kept when it helped', () => {
    const moved = owned(entry, [[third]]);
    const phase = 'DualWriteStopped';
    expect(plan([{ ...bad, phase }], [moved])).toMatchObject({
      finish: ['bad'],
      moves: [{ source: third, target: best }],
    });
    expect(plan([{ ...good, phase }], [owned(entry, [[best]])])).toMatchObject({
      keep: ['good'],
      finish: [],
      moves: [],
    });
  });

  it.each(['settling', 'settled'] as const)('%s is past the switch, before the phase says so', (state) => {
    const table = owned(entry, [[third]]).table;
    const route = { ...table.shards[0]!, state, moveId: 'bad' };
    const moved = { entry, table: { ...table, shards: [route] } };
    expect(plan([{ ...bad, phase: 'MigrationComplete' }], [moved])).toMatchObject({ finish: ['bad'] });
  });

  it('one that has not begun is planned anew when its source or who retires is no healthy owner any more', () => {
    const lost = owned(entry, [[third]]);
    expect(plan([good], [lost])).toMatchObject({ cancel: ['good'], moves: [{ source: third, target: best }] });
    const failed = withState(
      topologyOf({ n1: 'active', n2: 'active', n3: 'active', x: [1, 'active'] }),
      second,
      'failed',
    );
    const both = owned({ ...entry, groups: [0, 1] }, [[second, 'x']]);
    const target = assignShard({ shard: 0, nodes: [best, third], replicationFactor: 1 })[0]!;
    expect(plan([{ ...good, target }], [both], failed)).toMatchObject({ cancel: ['good'], moves: [{ source: 'x' }] });
  });

  it('one whose retiring owner is wanted again is cancelled', () => {
    const two = owned(entryOf('idx', 1, 2), [[second, third]]);
    const wrong = pendingMove({
      id: 'wrong',
      source: second,
      target: best,
      retires: second,
      phase: 'DualWriteStarted',
    });
    expect(plan([wrong], [two])).toMatchObject({ cancel: ['wrong'], moves: [{ target: best, retires: third }] });
  });

  it('one in a group that the index has no more is cancelled', () => {
    expect(plan([{ ...good, group: 5 }])).toMatchObject({ cancel: ['good'] });
  });

  it('what comes after a kept move builds on it, in whatever order they are given', () => {
    const nodes = ['n1', 'n2', 'n3', 'n4'];
    const topology = topologyOf({ n1: 'active', n2: 'active', n3: 'active', n4: 'active' });
    const [w1, w2, o1, o2] = assignShard({ shard: 0, nodes, replicationFactor: 4 }) as [string, string, string, string];
    const two = owned(entryOf('idx', 1, 2), [[o1, o2]]);
    const first = pendingMove({ id: 'z-first', source: o1, target: w1, retires: o1 });
    const then = pendingMove({ id: 'a-then', source: w1, target: w2, retires: o2 });
    expect(plan([then, first], [two], topology)).toMatchObject({ keep: ['z-first', 'a-then'], moves: [] });
    const alone = plan([first], [two], topology);
    expect(alone).toMatchObject({ keep: ['z-first'], moves: [{ source: o2, target: w2, retires: o2, step: 0 }] });
  });

  it('ended moves and other indexes’ are not judged', () => {
    const pending = [
      { ...good, id: 'ended', outcome: 'done' as const },
      { ...good, id: 'other', index: 'other' },
    ];
    expect(plan(pending)).toMatchObject({ keep: [], cancel: [], finish: [], moves: [{ target: best }] });
  });
});

describe('draining is refused', () => {
  const refused = expect.objectContaining({ code: 'miroir_last_replica', field: 'node_id' });

  it('when a group would have fewer nodes than a shard has copies', () => {
    const indexes = [placed(entryOf('one', 8, 1), THREE), placed(entryOf('all', 8, 3), THREE)];
    expect(() => assertDrainable(THREE, indexes, 'n1')).toThrow(refused);
    expect(() => assertDrainable(THREE, indexes, 'n1')).toThrow(/2 node\(s\) for 3 copies of index all/);
  });

  it('but not when the others suffice, the index lies elsewhere, or nobody knows the node', () => {
    const allowed = [
      () => assertDrainable(THREE, [placed(entryOf('two', 8, 2), THREE)], 'n1'),
      () => assertDrainable(FOUR, [placed(entryOf('three', 8, 3), THREE)], 'n1'),
      () => assertDrainable(THREE, [owned(entryOf('far', 1, 3, [7]), [['n1', 'n2', 'n3']])], 'n1'),
      () => assertDrainable(THREE, [placed(entryOf('two', 8, 2), THREE)], 'n99'),
      () => assertDrainable(withState(THREE, 'n3', 'failed'), [owned(entryOf('idx', 1, 2), [['n1', 'n3']])], 'n1'),
    ];
    for (const act of allowed) expect(act).not.toThrow();
  });
});

describe('the summary', () => {
  const indexes = [placed(entryOf('cities', 64, 1), THREE)];
  const plan = soundPlan({ topology: FOUR, indexes });

  it('says per node what there is before and after, and that the moves are the fewest', () => {
    const summary = planSummary(plan, indexes, () => ({ documents: 10, bytes: 1000 }));
    expect(summary.minimum).toBe(summary.moves);
    expect(summary.moved).toEqual({ documents: plan.moves.length * 10, bytes: plan.moves.length * 1000 });
    expect(summary.nodes.map(({ node }) => node)).toEqual(['n1', 'n2', 'n3', 'n4']);
    const n4 = summary.nodes[3]!;
    expect(n4).toMatchObject({ shardsBefore: 0, shardsAfter: plan.moves.length, before: { documents: 0, bytes: 0 } });
    const sum = (of: (node: typeof n4) => number) => summary.nodes.reduce((total, node) => total + of(node), 0);
    expect(sum((node) => node.shardsBefore)).toBe(64);
    expect(sum((node) => node.shardsAfter)).toBe(64);
    expect(sum((node) => node.after.documents)).toBe(640);
  });

  it('counts a copy that is there already as no need', () => {
    const vain = {
      ...plan,
      moves: [...plan.moves, { ...plan.moves[0]!, target: plan.moves[0]!.source, retires: null }],
    };
    const summary = planSummary(vain, indexes);
    expect(summary.moves - summary.minimum).toBe(1);
    expect(summary.moved).toEqual({ documents: 0, bytes: 0 });
  });

  it('leaves a node out of after when it never had anything before', () => {
    const empty = { ...plan, moves: [] };
    expect(planSummary(empty, indexes).nodes.map(({ node }) => node)).toEqual(['n1', 'n2', 'n3']);
  });
});

describe('the promises of a plan notice when they are broken', () => {
  const topology = topologyOf({ n1: 'active', n2: 'active', n3: 'draining', n4: 'failed', x: [1, 'active'] });
  const indexes = [owned(entryOf('idx', 1, 2), [['n1', 'n3']])];
  const input: PlannerInput = { topology, indexes };
  const right = planMoves(input);
  const move = right.moves[0]!;
  /** Whether the promise and the sum of all notice the change. */
  const notices = (name: keyof typeof PLAN_INVARIANTS, changes: object, given = input): boolean => {
    const plan = { ...right, moves: [{ ...move, ...changes }] };
    expect(() => assertPlanSound(given, plan)).toThrow(expect.objectContaining({ code: 'miroir_invariant' }));
    return PLAN_INVARIANTS[name](given, plan) !== undefined;
  };

  it('and are kept by the plan itself', () => {
    expect(move).toMatchObject({ source: 'n3', target: 'n2', retires: 'n3' });
    expect(() => assertPlanSound(input, right)).not.toThrow();
  });

  it('readsOnlyHealthyOwners', () => {
    const lost = { topology, indexes: [owned(entryOf('idx', 1, 2), [['n1', 'n4']])] };
    expect(notices('readsOnlyHealthyOwners', { source: 'n2' })).toBe(true);
    expect(notices('readsOnlyHealthyOwners', { source: 'n4' }, lost)).toBe(true);
  });

  it.each(['n1', 'n3', 'n4', 'x', 'nobody'])('targetsMayOwn: %s', (target) => {
    expect(notices('targetsMayOwn', { target })).toBe(true);
  });

  it('retiresOnlyOwners', () => expect(notices('retiresOnlyOwners', { retires: 'n2' })).toBe(true));

  it('copiesNeverDrop', () => expect(notices('copiesNeverDrop', { target: 'n4', retires: 'n1' })).toBe(true));

  it('stepsAreInOrder', () => expect(notices('stepsAreInOrder', { step: 1 })).toBe(true));

  it('idsAreUniqueAndPlain', () => {
    expect(notices('idsAreUniqueAndPlain', { id: 'a:b' })).toBe(true);
    const twice = { ...right, moves: [move, move] };
    expect(PLAN_INVARIANTS.idsAreUniqueAndPlain(input, twice)).toBe('two moves have one id');
    expect(PLAN_INVARIANTS.movesAreMinimal(input, twice)).toBe('a node gets a shard twice');
  });

  it('judgesEveryPendingMove', () => {
    const pending = [pendingMove({ source: 'n3', target: 'n2', retires: 'n3' })];
    expect(notices('judgesEveryPendingMove', {}, { ...input, pending })).toBe(true);
  });

  it('keepsOnlyWhatHelps', () => {
    const pending = [pendingMove({ source: 'n3', target: 'n2', retires: 'n1' })];
    const plan = { ...right, moves: [], keep: pending.map(({ id }) => id) };
    expect(PLAN_INVARIANTS.keepsOnlyWhatHelps({ ...input, pending }, plan)).toMatch(/retires n1/);
    const away = [{ ...pending[0]!, target: 'n3', retires: null }];
    expect(PLAN_INVARIANTS.keepsOnlyWhatHelps({ ...input, pending: away }, plan)).toMatch(/brings n3/);
  });

  it('endsAtPlacement', () => {
    expect(PLAN_INVARIANTS.endsAtPlacement(input, { ...right, moves: [] })).toMatch(/n2 should own it/);
  });

  it('movesAreMinimal', () => {
    const back = { ...move, id: 'back', source: 'n2', target: 'n3', retires: 'n2' };
    expect(PLAN_INVARIANTS.movesAreMinimal(input, { ...right, moves: [move, back] })).toMatch(/takes away/);
  });
});
