// What decides whether a shard goes to a node, for every kind of node.
import { describe, expect, it } from 'vitest';
import { type Candidate, type DeciderInput, decide } from '../../../src/core/deciders.ts';
import { assignShard } from '../../../src/core/placement.ts';
import type { NodeState, Topology } from '../../../src/core/topology.ts';

const node = (id: string, state: NodeState = 'active', group = 0) => ({ id, group, url: `http://${id}`, state });
const WELL: Candidate = { unreachable: null, usedBytes: 10, lacking: [], intoIt: 0 };

function words(
  nodes: Topology['nodes'],
  changes: Partial<Omit<DeciderInput, 'topology'>> = {},
): Record<string, Record<string, string>> {
  const topology: Topology = { version: 1, nodes, groups: [{ id: 1, state: 'draining', sinceMs: 0, startedAtMs: 0 }] };
  const told: Record<string, Record<string, string>> = {};
  const decisions = decide({
    topology,
    entry: { uid: 'books', primaryKey: 'id', shards: 8, replicationFactor: 1, groups: [0, 1] },
    route: { shard: 3, state: 'stable', owners: ['n1'], readers: ['n1'], epoch: 1 },
    candidates: new Map(nodes.map(({ id }) => [id, WELL])),
    places: 2,
    nodeMaxBytes: 0,
    ...changes,
  });
  for (const { node: id, decider, decision, why } of decisions) {
    told[id] = { ...told[id], [decider]: `${decision}: ${why}` };
  }
  return told;
}

describe('deciders of a shard', () => {
  it('rank the nodes of a group as placement does, and say who owns it', () => {
    const nodes = [node('n1'), node('n2'), node('n3'), node('n9', 'removed')];
    const ranked = assignShard({ shard: 3, nodes: ['n1', 'n2', 'n3'], replicationFactor: 3 });
    const told = words(nodes);
    expect(Object.keys(told)).toEqual(ranked);
    expect(ranked.map((id) => told[id]?.['placement'])).toEqual([
      'yes: rank 1 of 3: the best 1 own it',
      'no: rank 2 of 3: only the best 1 own it',
      'no: rank 3 of 3: only the best 1 own it',
    ]);
    expect(told['n1']?.['copy']).toBe('yes: it owns the shard and is read');
    expect(told['n2']).toMatchObject({ copy: 'no: it does not own the shard', state: 'yes: it is active' });
    expect(told['n2']).not.toHaveProperty('disk');
  });

  it('rule out who leaves, who failed, and a group that is drained', () => {
    const route = { shard: 3, state: 'stable', owners: ['n1'], readers: [], left: ['n3'], epoch: 1 } as const;
    const told = words([node('n1', 'draining'), node('n3', 'failed'), node('n5', 'active', 1)], { route });
    expect(told['n1']).toMatchObject({
      state: 'no: it is drained: it gives its shards away',
      copy: 'yes: it owns the shard',
      placement: 'no: it is none of those that are ranked',
    });
    expect(told['n3']).toEqual({
      group: 'yes: group 0 is active',
      state: 'no: it is failed',
      copy: 'no: it left the shard when it failed',
      placement: 'no: it is none of those that are ranked',
    });
    expect(told['n5']?.['group']).toBe('no: group 1 is draining');
  });

  it('tell what nodes showed: answers, room, settings, places', () => {
    const candidates = new Map<string, Candidate>([
      ['n1', { ...WELL, usedBytes: 90, lacking: ['stopWords', 'filterableAttributes'], intoIt: 2 }],
      ['n2', { unreachable: 'n2 does not answer', usedBytes: null, lacking: null, intoIt: 1 }],
      ['n3', { ...WELL, lacking: null }],
    ]);
    const told = words([node('n1'), node('n2'), node('n3'), node('n4')], { candidates, nodeMaxBytes: 100 });
    expect(told['n1']).toMatchObject({
      reach: 'yes: it answers',
      disk: 'no: 90 of 100 bytes are used',
      settings: 'no: other than desired: filterableAttributes, stopWords',
      places: 'throttle: 2 of 2 moves run into it',
    });
    expect(told['n2']).toMatchObject({ reach: 'no: n2 does not answer', places: 'yes: 1 of 2 moves run into it' });
    expect(told['n2']).not.toHaveProperty('settings');
    expect(told['n3']).toMatchObject({
      disk: 'yes: 10 of 100 bytes are used',
      settings: 'yes: it has no such index yet: a move gives it one',
    });
    expect(Object.keys(told['n4'] ?? {})).toEqual(['group', 'state', 'copy', 'placement']);
  });

  it('call settings that are as desired good', () => {
    expect(words([node('n1')])['n1']?.['settings']).toBe('yes: as they are desired');
  });
});
