import { describe, expect, it } from 'vitest';
import { applyEvent, type TopologyEvent, type TopologyEventType } from '../../../src/core/events.ts';
import { NODE_STATES, findNode, type NodeState, type Topology } from '../../../src/core/topology.ts';
import { topologyOf } from './world.ts';

/** What each event makes of a node in each state: the next state, `repeated`, or the code of the refusal. */
const TABLE: Record<TopologyEventType, Record<NodeState, string>> = {
  NodeAdded: {
    healthy: 'repeated',
    degraded: 'repeated',
    draining: 'joining',
    failed: 'miroir_invalid_input',
    joining: 'repeated',
    active: 'repeated',
    restoring: 'repeated',
    removed: 'joining',
  },
  NodeDraining: {
    healthy: 'miroir_invalid_input',
    degraded: 'draining',
    draining: 'repeated',
    failed: 'miroir_invalid_input',
    joining: 'draining',
    active: 'draining',
    restoring: 'draining',
    removed: 'miroir_node_unknown',
  },
  NodeFailed: {
    healthy: 'miroir_invalid_input',
    degraded: 'failed',
    draining: 'failed',
    failed: 'repeated',
    joining: 'failed',
    active: 'failed',
    restoring: 'failed',
    removed: 'miroir_node_unknown',
  },
  NodeRecovered: {
    healthy: 'miroir_invalid_input',
    degraded: 'miroir_invalid_input',
    draining: 'miroir_invalid_input',
    failed: 'restoring',
    joining: 'miroir_invalid_input',
    active: 'repeated',
    restoring: 'repeated',
    removed: 'miroir_node_unknown',
  },
};

const added = (event: Partial<TopologyEvent> = {}): TopologyEvent => ({ type: 'NodeAdded', nodeId: 'n9', ...event });
const refused = (code: string, field: string) => expect.objectContaining({ code: `miroir_${code}`, field });

const CASES = Object.entries(TABLE).flatMap(([type, row]) =>
  NODE_STATES.map((state) => ({ type: type as TopologyEventType, state, result: row[state] })),
);
const isRefused = ({ result }: { result: string }): boolean => result.startsWith('miroir_');
const isRepeated = ({ result }: { result: string }): boolean => result === 'repeated';

describe('every state with every event', () => {
  const around = (state: NodeState) => topologyOf({ n1: state, n2: 'active' });

  it.each(CASES.filter(isRefused))('$state + $type -> $result', ({ type, state, result }) => {
    const topology = around(state);
    expect(() => applyEvent(topology, { type, nodeId: 'n1' })).toThrow(
      expect.objectContaining({ code: result, field: 'node_id', remedy: expect.any(String) }),
    );
    expect(topology).toEqual(around(state));
  });

  it.each(CASES.filter(isRepeated))('$state + $type -> repeated', ({ type, state }) => {
    const topology = around(state);
    expect(applyEvent(topology, { type, nodeId: 'n1' })).toEqual({ topology, change: 'repeated' });
  });

  it.each(CASES.filter((each) => !isRefused(each) && !isRepeated(each)))(
    '$state + $type -> $result',
    ({ type, state, result }) => {
      const topology = around(state);
      const applied = applyEvent(topology, { type, nodeId: 'n1' });
      expect(applied.change).toBe('changed');
      expect(applied.topology.version).toBe(topology.version + 1);
      const wish = state === 'draining' && type === 'NodeFailed' ? { drainWished: true } : {};
      expect(findNode(applied.topology, 'n1')).toEqual({ ...topology.nodes[0], state: result, ...wish });
      expect(findNode(applied.topology, 'n2')).toEqual(topology.nodes[1]);
      expect(topology).toEqual(around(state));
    },
  );
});

describe('a new node', () => {
  const empty: Topology = { version: 0, nodes: [] };
  const url = 'http://n9:7700';

  it('opens its group when there are no nodes, group 0 unless it names another', () => {
    expect(applyEvent(empty, added({ url })).topology).toEqual({
      version: 1,
      nodes: [{ id: 'n9', group: 0, url, state: 'joining' }],
    });
    const { nodes } = applyEvent(empty, added({ url, group: 3, apiKeyRef: 'k' })).topology;
    expect(nodes).toEqual([{ id: 'n9', group: 3, url, apiKeyRef: 'k', state: 'joining' }]);
  });

  it('goes to the only group when it names none', () => {
    const { topology } = applyEvent(topologyOf({ n1: [2, 'active'] }), added({ url }));
    expect(findNode(topology, 'n9')).toMatchObject({ group: 2, state: 'joining' });
  });

  it('has to name a group when there are several, and one that exists', () => {
    const topology = topologyOf({ n1: [0, 'active'], n2: [1, 'active'] });
    expect(() => applyEvent(topology, added({ url }))).toThrow(refused('invalid_input', 'replica_group'));
    expect(() => applyEvent(topology, added({ url, group: 7 }))).toThrow(refused('group_unknown', 'replica_group'));
  });

  it('needs a url', () => {
    expect(() => applyEvent(empty, added())).toThrow(refused('invalid_input', 'url'));
  });
});

describe('a known node', () => {
  const topology = topologyOf({ n1: 'active', n2: 'active' });
  const again = (event: Partial<TopologyEvent>) => added({ nodeId: 'n1', ...event });

  it('with another url or group is a conflict', () => {
    expect(() => applyEvent(topology, again({ url: 'http://other:1' }))).toThrow(refused('node_conflict', 'url'));
    expect(() => applyEvent(topology, again({ group: 1 }))).toThrow(refused('node_conflict', 'replica_group'));
  });

  it('with the same url and group is repeated', () => {
    expect(applyEvent(topology, again({ url: 'http://n1:7700', group: 0 })).change).toBe('repeated');
  });

  it('with another key name changes that and nothing else', () => {
    const once = applyEvent(topology, again({ apiKeyRef: 'k2' }));
    expect(once.change).toBe('changed');
    expect(findNode(once.topology, 'n1')).toEqual({ ...topology.nodes[0], apiKeyRef: 'k2' });
    expect(applyEvent(once.topology, again({ apiKeyRef: 'k2' })).change).toBe('repeated');
    expect(applyEvent(once.topology, again({})).change).toBe('repeated');
  });

  it('that was removed does not come back under a url that is another node’s by now', () => {
    const [n1, n2] = topology.nodes;
    const moved = {
      ...topology,
      nodes: [
        { ...n1!, state: 'removed' as const },
        { ...n2!, url: n1!.url },
      ],
    };
    expect(() => applyEvent(moved, again({}))).toThrow(refused('node_conflict', 'url'));
  });

  it('add, drain, add changes the topology each time', () => {
    const drained = applyEvent(topology, { type: 'NodeDraining', nodeId: 'n1' });
    const back = applyEvent(drained.topology, again({}));
    expect([drained.change, back.change, back.topology.version]).toEqual(['changed', 'changed', 3]);
    expect(findNode(back.topology, 'n1')?.state).toBe('joining');
  });
});

describe('refusals that concern more than the node', () => {
  it('the last node of a group cannot be drained, whatever other groups have', () => {
    const topology = topologyOf({ n1: 'active', n2: 'draining', n3: 'failed', x: [1, 'active'] });
    expect(() => applyEvent(topology, { type: 'NodeDraining', nodeId: 'n1' })).toThrow(
      refused('last_replica', 'node_id'),
    );
  });

  it.each(['NodeDraining', 'NodeFailed', 'NodeRecovered'] as const)('%s of a node nobody knows', (type) => {
    expect(() => applyEvent(topologyOf({}), { type, nodeId: 'n1' })).toThrow(refused('node_unknown', 'node_id'));
  });

  it.each(['NodeDraining', 'NodeFailed', 'NodeRecovered'] as const)(
    '%s with a group that is not the node’s',
    (type) => {
      const topology = topologyOf({ n1: 'active', n2: 'active' });
      expect(() => applyEvent(topology, { type, nodeId: 'n1', group: 1 })).toThrow(
        refused('invalid_input', 'replica_group'),
      );
    },
  );
});

describe('a node that fails', () => {
  const moment = { nowMs: 1_000, repairDelayMs: 500 };
  const failed = (change: Partial<TopologyEvent> = {}): TopologyEvent => ({
    type: 'NodeFailed',
    nodeId: 'n1',
    ...change,
  });
  const of = (topology: Topology) => findNode(topology, 'n1');
  const active = topologyOf({ n1: 'active', n2: 'active' });

  it('is waited for, until an event says that it does not come back', () => {
    const { topology } = applyEvent(active, failed(), moment);
    expect(of(topology)).toMatchObject({ state: 'failed', failedAtMs: 1_000, repairAtMs: 1_500 });
    const later = { ...moment, nowMs: 1_200 };
    expect(applyEvent(topology, failed(), later)).toEqual({ topology, change: 'repeated' });
    const sooner = applyEvent(topology, failed({ repairNow: true }), later);
    expect(sooner.change).toBe('changed');
    expect(of(sooner.topology)).toMatchObject({ state: 'failed', failedAtMs: 1_000 });
    expect(of(sooner.topology)).not.toHaveProperty('repairAtMs');
    expect(applyEvent(sooner.topology, failed({ repairNow: true }), later).change).toBe('repeated');
  });

  it('is not waited for where the delay is 0, or the event says so at once', () => {
    for (const [event, repairDelayMs] of [
      [failed(), 0],
      [failed({ repairNow: true }), 500],
    ] as const) {
      const node = of(applyEvent(active, event, { nowMs: 7, repairDelayMs }).topology);
      expect(node).toMatchObject({ state: 'failed', failedAtMs: 7 });
      expect(node).not.toHaveProperty('repairAtMs');
    }
  });

  it('while it was drained is not waited for, and goes on with that when it is back, until it is added again', () => {
    const draining = topologyOf({ n1: 'draining', n2: 'active' });
    const { topology } = applyEvent(draining, failed(), moment);
    expect(of(topology)).toEqual({ ...of(draining), state: 'failed', failedAtMs: 1_000, drainWished: true });
    const back = applyEvent(topology, { type: 'NodeRecovered', nodeId: 'n1' }, moment);
    expect(of(back.topology)).toEqual({ ...of(draining), state: 'restoring', drainWished: true });
    const twice = applyEvent(back.topology, failed(), moment);
    expect(of(twice.topology)).toEqual(of(topology));
    const again = applyEvent(back.topology, { type: 'NodeAdded', nodeId: 'n1' });
    expect(again.change).toBe('changed');
    expect(of(again.topology)).toEqual({ ...of(draining), state: 'restoring' });
    const drained = applyEvent(back.topology, { type: 'NodeDraining', nodeId: 'n1' });
    expect(of(drained.topology)).toEqual(of(draining));
    // One that is itself to leave is nobody that another may leave its shards to.
    expect(() => applyEvent(back.topology, { type: 'NodeDraining', nodeId: 'n2' })).toThrow(
      refused('last_replica', 'node_id'),
    );
  });

  it('has nothing of that left when it is back', () => {
    const { topology } = applyEvent(active, failed(), moment);
    const back = of(applyEvent(topology, { type: 'NodeRecovered', nodeId: 'n1' }, moment).topology);
    expect(back).toEqual({ ...of(active), state: 'restoring' });
  });
});
