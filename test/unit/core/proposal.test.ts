import { describe, expect, it } from 'vitest';
import { parsePlanApplied, planAppliedToWire } from '../../../src/core/plan-applied.ts';
import { planMoves } from '../../../src/core/planner.ts';
import { differenceSince, EVENTS_MAX, propose, proposeNew, seenOf } from '../../../src/core/proposal.ts';
import type { TopologyEvent } from '../../../src/core/events.ts';
import { entryOf, placed, topologyOf } from './world.ts';

const THREE = topologyOf({ n1: 'active', n2: 'active', n3: 'active' });
const input = { topology: THREE, indexes: [placed(entryOf('cities', 32, 1), THREE)] };
const add = (nodeId: string): TopologyEvent => ({ type: 'NodeAdded', nodeId, url: `http://${nodeId}:7700` });
const drain = (nodeId: string): TopologyEvent => ({ type: 'NodeDraining', nodeId });

describe('several nodes in one plan', () => {
  it('is one version, and moves each shard once: what a drain alone would move elsewhere goes to the new node', () => {
    const { topology, changed, plan } = propose(input, [drain('n1'), add('n4'), add('n5')]);
    expect(topology.version).toBe(THREE.version + 1);
    expect(changed.map(({ id, state }) => [id, state])).toEqual([
      ['n1', 'draining'],
      ['n4', 'joining'],
      ['n5', 'joining'],
    ]);
    const shards = plan.moves.map(({ shard }) => shard);
    expect(new Set(shards).size).toBe(shards.length);
    expect(plan.moves.every(({ target }) => target !== 'n1')).toBe(true);
    expect(plan.moves.some(({ target }) => target === 'n5')).toBe(true);
  });

  it('is what planning gives once these nodes are in the topology, under the same id, in whatever order they are named', () => {
    const { topology, plan } = propose(input, [drain('n1'), add('n4')]);
    expect(planMoves({ ...input, topology })).toEqual(plan);
    expect(propose(input, [add('n4'), drain('n1')]).plan.id).toBe(plan.id);
  });

  it.each([
    ['url', { ...add('n4'), url: 'http://other:7700' }],
    ['key', { ...add('n4'), apiKeyRef: 'fleet' }],
    ['group', { ...add('n4'), group: 1 }],
  ])('is another plan with another %s, though its moves were the same', (_, event) => {
    const topology = topologyOf({ n1: 'active', n2: 'active', n3: [1, 'active'] });
    // No index, so no move tells them apart.
    const idOf = (one: TopologyEvent): string => propose({ topology, indexes: [] }, [{ group: 0, ...one }]).plan.id;
    expect(idOf(event)).not.toBe(idOf(add('n4')));
  });

  it('is called another where a plan of that name has run, and left everything as it was', async () => {
    const { plan } = propose(input, [drain('n1')]);
    const ran = new Set<string>();
    const hasRun = (id: string): Promise<boolean> => Promise.resolve(ran.has(id));
    expect((await proposeNew(input, [drain('n1')], hasRun)).plan).toEqual(plan);
    ran.add(plan.id);
    const second = (await proposeNew(input, [drain('n1')], hasRun)).plan;
    expect(second.id).not.toBe(plan.id);
    expect(second.moves.map(({ shard, target }) => [shard, target])).toEqual(
      plan.moves.map(({ shard, target }) => [shard, target]),
    );
    ran.add(second.id);
    expect(ran).not.toContain((await proposeNew(input, [drain('n1')], hasRun)).plan.id);
  });

  it('may drain a node that only the new one lets go', () => {
    const two = topologyOf({ n1: 'active', n2: 'active' });
    const indexes = [placed(entryOf('cities', 4, 2), two)];
    expect(() => propose({ topology: two, indexes }, [drain('n1')])).toThrow(/without n1/);
    expect(propose({ topology: two, indexes }, [drain('n1'), add('n3')]).plan.moves).toHaveLength(4);
  });

  it('of what is so already keeps the version', () => {
    const draining = topologyOf({ n1: 'draining', n2: 'active' });
    const { topology, changed } = propose({ topology: draining, indexes: [] }, [drain('n1')]);
    expect([topology.version, changed]).toEqual([draining.version, []]);
  });

  it.each([
    ['no node', [], 'drain'],
    ['too many', Array.from({ length: EVENTS_MAX + 1 }, (_, at) => add(`m${at}`)), 'drain'],
    ['a node twice', [add('n4'), drain('n4')], 'node_id'],
  ])('%s is refused', (_, events, field) => {
    expect(() => propose(input, events)).toThrow(expect.objectContaining({ code: 'miroir_invalid_input', field }));
  });
});

describe('what has changed since a plan was shown', () => {
  const seen = seenOf(THREE, 4);
  it.each([
    [
      'a node is another',
      topologyOf({ n1: 'failed', n2: 'active', n3: 'active' }),
      4,
      ['node n1 was active, is failed'],
    ],
    [
      'nodes came and went',
      topologyOf({ n1: 'active', n2: 'active', n4: 'joining' }),
      4,
      ['node n3 is gone', 'node n4 is new (joining)'],
    ],
    ['other moves', THREE, 6, ['4 moves were shown, it would be 6 now']],
    ['it cannot be made any more', { ...THREE, version: 9 }, null, ['the topology is at version 9, 1 was shown']],
    ['only shards moved', THREE, 4, ['shards have moved since: the moves are others now']],
  ])('%s', (_, now, moves, lines) => {
    expect(differenceSince(seen, now, moves)).toEqual(lines);
  });
});

describe('a plan on its way to the planner', () => {
  const applied = { plan: 'p0123456789ab', version: 3, events: [add('n4'), drain('n1')] };
  it('is read as it was sent, also after JSON', () => {
    const { data } = planAppliedToWire(applied);
    expect(parsePlanApplied(JSON.parse(JSON.stringify(data)))).toEqual(applied);
  });

  it.each([
    ['no object', null, 'data'],
    ['another id', { ...applied, plan: 'x' }, 'plan'],
    ['no version', { plan: applied.plan, events: [] }, 'version'],
    ['an event that no plan has', { ...applied, events: [{ name: 'NodeFailed', data: {} }] }, 'events'],
  ])('with %s is refused', (_, data, field) => {
    expect(() => parsePlanApplied(data)).toThrow(expect.objectContaining({ code: 'miroir_invalid_input', field }));
  });

  it('of a newer version waits for a newer planner', () => {
    expect(() => parsePlanApplied({ ...applied, v: 99 })).toThrow(
      expect.objectContaining({ code: 'miroir_record_too_new' }),
    );
  });
});
