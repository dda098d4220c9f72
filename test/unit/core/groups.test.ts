// Replica groups in the core: states, events, who is read, how far a group is, and what the planner does for one.
import { describe, expect, it } from 'vitest';
import { addGroup, assertGroup, drainGroup, inState } from '../../../src/core/apply-group-event.ts';
import { applyEvent, parseTopologyEvent } from '../../../src/core/events.ts';
import { groupEventToWire, isGroupEvent, parseGroupEvent } from '../../../src/core/group-events.ts';
import type { GroupEvent } from '../../../src/core/group-events.ts';
import { groupShards, isComplete } from '../../../src/core/group-progress.ts';
import {
  GROUP_STATES,
  comparedText,
  groupStateOf,
  isLegalGroupTransition,
  ownersIn,
  readersAmong,
  servingGroups,
  type GroupState,
} from '../../../src/core/groups.ts';
import { assertPlanSound } from '../../../src/core/invariants.ts';
import { initialRoutes } from '../../../src/core/placement.ts';
import { planMoves } from '../../../src/core/planner.ts';
import type { Topology } from '../../../src/core/topology.ts';
import { entryOf, owned, pendingMove, placed, topologyOf } from './world.ts';

const LEGAL = new Set([
  'initializing→syncing',
  'syncing→sync_complete',
  'sync_complete→active',
  'syncing→failed',
  'active→draining',
  'draining→removed',
  // Ours: out before it was read, and back.
  'initializing→draining',
  'syncing→draining',
  'sync_complete→draining',
  'sync_complete→syncing',
  'failed→draining',
  'failed→initializing',
  'draining→initializing',
  'removed→initializing',
]);

describe('group states', () => {
  for (const from of GROUP_STATES) {
    for (const to of GROUP_STATES) {
      const legal = LEGAL.has(`${from}→${to}`);
      it(`${from} → ${to} is ${legal ? 'legal' : 'illegal'}`, () =>
        expect(isLegalGroupTransition(from, to)).toBe(legal));
    }
  }
});

const grouped = (state: GroupState, nodes = topologyOf({ a: 'active', b: 'active', c: [1, 'joining'] })): Topology => ({
  ...nodes,
  groups: [{ id: 1, state, sinceMs: 5, startedAtMs: 1 }],
});

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    const { code, field, remedy } = error as { code: string; field?: string; remedy?: string };
    expect(remedy).toBeTruthy();
    return `${code} ${field ?? ''}`;
  }
  return 'done';
};

describe('who is read', () => {
  it('initializing groups are filtered from reads, and so is every one that is not active', () => {
    for (const state of GROUP_STATES) {
      const readers = state === 'active' ? ['a', 'c'] : ['a'];
      expect(readersAmong(grouped(state), ['a', 'c'], ['a'])).toEqual(readers);
      expect(initialRoutes(entryOf('docs', 1, 1, [0, 1]), grouped(state))[0]?.readers).not.toContain(
        state === 'active' ? 'z' : 'c',
      );
    }
    expect(servingGroups(grouped('syncing'))).toEqual([0]);
  });

  it('a group without a record is active', () => {
    const topology = topologyOf({ a: 'active', c: [1, 'active'] });
    expect(groupStateOf(topology, 1)).toBe('active');
    expect(readersAmong(topology, ['a', 'c'], ['a'])).toEqual(['a', 'c']);
  });

  it('whoever was read stays where no owner is in an active group; one that is not known stays as it is', () => {
    expect(readersAmong(grouped('syncing'), ['c'], ['a'])).toEqual(['a']);
    expect(readersAmong(grouped('syncing'), ['a', 'z'], ['z'])).toEqual(['a', 'z']);
    expect(readersAmong(grouped('syncing'), ['a', 'z'], ['a'])).toEqual(['a']);
  });

  it('what was compared is of these owners, and of this state of the group', () => {
    const group = { id: 1, state: 'sync_complete', sinceMs: 5, startedAtMs: 1 } as const;
    expect(comparedText(group, ['b', 'a'])).toBe(comparedText(group, ['a', 'b']));
    expect(comparedText(group, ['a'])).not.toBe(comparedText(group, ['a', 'b']));
    expect(comparedText({ ...group, sinceMs: 6 }, ['a'])).not.toBe(comparedText(group, ['a']));
  });

  it('owners are told by their group, one that nobody knows by none', () => {
    expect(ownersIn(grouped('syncing'), ['c', 'a', 'z'], 1)).toEqual(['c']);
  });
});

describe('events about groups', () => {
  const nodes = [
    { node_id: 'n4', url: 'http://127.0.0.1:7704/' },
    { node_id: 'n5', url: 'http://h:1', api_key_ref: 'E' },
  ];

  it('come back from the wire as they were sent', () => {
    const events: GroupEvent[] = [
      parseGroupEvent('GroupAdded', { replica_group: 1, nodes }),
      parseGroupEvent('GroupActivated', { replica_group: 1 }),
      parseGroupEvent('GroupDraining', { replica_group: 0, v: 1 }),
      parseGroupEvent('GroupRemoved', { replica_group: 0, force: true }),
      parseGroupEvent('GroupRemoved', { replica_group: 0 }),
    ];
    expect(events[0]).toMatchObject({
      nodes: [
        { id: 'n4', url: 'http://127.0.0.1:7704' },
        { id: 'n5', apiKeyRef: 'E' },
      ],
    });
    for (const event of events) {
      const { name, data } = groupEventToWire(event);
      expect(isGroupEvent(name)).toBe(true);
      expect(parseGroupEvent(name, JSON.parse(JSON.stringify(data)))).toEqual(event);
    }
    expect(isGroupEvent('NodeAdded')).toBe(false);
  });

  it.each([
    [{ nodes }, 'miroir_invalid_input replica_group'],
    [{ replica_group: -1, nodes }, 'miroir_invalid_input replica_group'],
    [{ replica_group: 1 }, 'miroir_invalid_input nodes'],
    [{ replica_group: 1, nodes: [] }, 'miroir_invalid_input nodes'],
    [{ replica_group: 1, nodes: [{ node_id: 'n4', url: 'ftp://x' }] }, 'miroir_invalid_input nodes.0.url'],
    [{ replica_group: 1, nodes, force: true }, 'miroir_invalid_input force'],
    [{ replica_group: 1, nodes, v: 99 }, 'miroir_record_too_new '],
    [null, 'miroir_invalid_input data'],
  ])('%j is refused with field and remedy', (data, code) => {
    expect(codeOf(() => parseGroupEvent('GroupAdded', data))).toBe(code);
  });
});

describe('adding a group', () => {
  const topology = topologyOf({ a: 'active', b: 'active' });
  const add = (nodes: readonly { id: string; url: string }[], to = topology, group = 1, copies = 1) =>
    addGroup(
      to,
      [placed(entryOf('docs', 2, copies), topologyOf({ a: 'active', b: 'active' }))],
      { type: 'GroupAdded', group, nodes },
      7,
    );
  const c = { id: 'c', url: 'http://c:7700' };

  it('brings its nodes in as joining, the group initializing', () => {
    expect(add([c])).toEqual({
      group: { id: 1, state: 'initializing', sinceMs: 7, startedAtMs: 7 },
      nodes: [{ ...c, group: 1, state: 'joining' }],
    });
  });

  it('is refused where it cannot be carried out', () => {
    expect(codeOf(() => add([c], topologyOf({})))).toBe('miroir_group_not_ready replica_group');
    expect(codeOf(() => add([c], topology, 1, 2))).toBe('miroir_invalid_input nodes');
    expect(codeOf(() => add([c, { ...c, url: 'http://d' }]))).toBe('miroir_invalid_input nodes');
    expect(codeOf(() => add([c, { ...c, id: 'd' }]))).toBe('miroir_invalid_input nodes');
    expect(codeOf(() => add([{ id: 'a', url: 'http://x' }]))).toBe('miroir_node_conflict nodes');
    expect(codeOf(() => add([{ id: 'c', url: 'http://a:7700' }]))).toBe('miroir_node_conflict nodes');
    expect(codeOf(() => add([c], topology, 0))).toBe('miroir_group_conflict nodes');
    const gone = topologyOf({ a: 'active', c: [2, 'removed'] });
    expect(codeOf(() => add([c], gone))).toBe('miroir_node_conflict nodes');
    expect(add([c], gone, 2)?.nodes).toMatchObject([{ id: 'c', state: 'joining' }]);
  });

  it('is repeated while it goes on, and begins again after a failure or a drain', () => {
    const again = (state: GroupState) => add([c], grouped(state));
    for (const state of ['initializing', 'syncing', 'sync_complete', 'active'] as const)
      expect(again(state)).toBeNull();
    for (const state of ['draining', 'failed'] as const)
      expect(again(state)?.group).toMatchObject({ state: 'initializing', startedAtMs: 7 });
  });

  it('a node is brought into a group by NodeAdded, unless that is drained', () => {
    const event = parseTopologyEvent('NodeAdded', { node_id: 'd', replica_group: 1, url: 'http://d' });
    expect(applyEvent(grouped('syncing'), event).change).toBe('changed');
    expect(codeOf(() => applyEvent(grouped('draining'), event))).toBe('miroir_invalid_input replica_group');
    const back = parseTopologyEvent('NodeAdded', { node_id: 'c', replica_group: 1 });
    const gone = grouped('removed', topologyOf({ a: 'active', c: [1, 'removed'] }));
    expect(codeOf(() => applyEvent(gone, back))).toBe('miroir_invalid_input replica_group');
  });
});

describe('draining a group', () => {
  const both = topologyOf({ a: 'active', b: 'active', c: [1, 'active'] });
  const index = (readers: string[][]) => {
    const { entry, table } = owned(
      entryOf('docs', readers.length, 1, [0, 1]),
      readers.map(() => ['a', 'c']),
    );
    return {
      entry,
      table: { ...table, shards: table.shards.map((route, at) => ({ ...route, readers: readers[at]! })) },
    };
  };

  it('the last group is refused, and one that some shard is read from alone', () => {
    expect(codeOf(() => drainGroup(topologyOf({ a: 'active' }), [], 0, 7))).toBe('miroir_last_replica replica_group');
    expect(codeOf(() => drainGroup(grouped('syncing'), [], 0, 7))).toBe('miroir_last_replica replica_group');
    expect(codeOf(() => drainGroup(both, [index([['a', 'c'], ['a']])], 0, 7))).toBe(
      'miroir_last_replica replica_group',
    );
    expect(drainGroup(both, [index([['a', 'c']])], 0, 7)).toMatchObject({ group: { id: 0, state: 'draining' } });
    expect(drainGroup(grouped('syncing'), [index([['a']])], 1, 7)).toMatchObject({ group: { state: 'draining' } });
    expect(drainGroup(grouped('draining'), [], 1, 7)).toBeNull();
  });

  it('an illegal step names the state, an unknown group those that are there', () => {
    expect(codeOf(() => inState(grouped('active'), 1, 'syncing', 7))).toBe('miroir_group_conflict replica_group');
    expect(codeOf(() => assertGroup(both, 5))).toBe('miroir_group_unknown replica_group');
    expect(codeOf(() => assertGroup(topologyOf({}), 5))).toBe('miroir_group_unknown replica_group');
    expect(codeOf(() => assertGroup(both, 1))).toBe('done');
  });
});

describe('what a group waits for', () => {
  const topology = grouped('syncing');
  const index = (owners: string[][]) => owned(entryOf('idx', owners.length, 1, [0, 1]), owners);
  const percent = (owners: string[][]): number => {
    const shards = groupShards({ topology, indexes: [index(owners)], moves: [] }, 1);
    return (100 * shards.filter(({ sync }) => sync === 'complete').length) / shards.length;
  };

  it('progress 0, 50, 100', () => {
    expect(percent([['a'], ['a']])).toBe(0);
    expect(percent([['a', 'c'], ['a']])).toBe(50);
    expect(
      percent([
        ['a', 'c'],
        ['b', 'c'],
      ]),
    ).toBe(100);
  });

  it('says of each shard how far it is', () => {
    const move = pendingMove({ source: 'a', target: 'c', retires: null, group: 1 });
    const syncs = (moves: readonly object[], owners = [['a'], ['a', 'c']]) =>
      groupShards({ topology, indexes: [index(owners)], moves: moves.map((more) => ({ ...move, ...more })) }, 1).map(
        ({ sync }) => sync,
      );
    expect(syncs([])).toEqual(['pending', 'complete']);
    expect(syncs([{}])).toEqual(['pending', 'complete']);
    expect(syncs([{ phase: 'MigrationInProgress' }])).toEqual(['syncing', 'complete']);
    expect(syncs([{ outcome: 'failed' }])).toEqual(['failed', 'complete']);
    expect(syncs([{ shard: 1 }])).toEqual(['pending', 'pending']);
    // A group with fewer nodes than copies is not complete, however little there is to bring.
    const lost = grouped('syncing', topologyOf({ a: 'active', c: [1, 'failed'] }));
    const shards = groupShards({ topology: lost, indexes: [index([['a']])], moves: [] }, 1);
    expect(isComplete(shards)).toBe(false);
  });

  it('round-robin sources: groups that are read, one shard from this and the next from that; existing groups left alone', () => {
    const three: Topology = {
      ...topologyOf({ a: 'active', b: [1, 'active'], c: [2, 'joining'], d: [2, 'joining'] }),
      groups: [{ id: 2, state: 'syncing', sinceMs: 5, startedAtMs: 1 }],
    };
    const indexes = [
      owned(
        entryOf('idx', 8, 2, [0, 1, 2]),
        Array.from({ length: 8 }, () => ['a', 'b']),
      ),
    ];
    const plan = planMoves({ topology: three, indexes });
    assertPlanSound({ topology: three, indexes }, plan);
    expect(plan.moves).toHaveLength(16);
    expect(
      plan.moves.every(({ group, retires, reason }) => group === 2 && retires === null && reason === 'balance'),
    ).toBe(true);
    for (const source of ['a', 'b']) expect(plan.moves.filter((move) => move.source === source)).toHaveLength(8);
  });

  it('a drained group gets no shards, loses none by moves, and moves to it are cancelled', () => {
    const draining = grouped('draining', topologyOf({ a: 'active', c: [1, 'draining'], d: [1, 'active'] }));
    const indexes = [index([['a', 'c'], ['a']])];
    const pending = [pendingMove({ id: 'p0-1-0-x', shard: 1, source: 'a', target: 'd', retires: null, group: 1 })];
    const plan = planMoves({ topology: draining, indexes, pending });
    assertPlanSound({ topology: draining, indexes, pending }, plan);
    expect([plan.moves, plan.blocked, plan.cancel]).toEqual([[], [], ['p0-1-0-x']]);
  });
});
