import { describe, expect, it } from 'vitest';
import {
  NODE_STATES,
  arrived,
  findNode,
  groupsOf,
  isGone,
  isLegalTransition,
  isReadable,
  isWaitedFor,
  mayBeSource,
  mayOwn,
  type NodeState,
} from '../../../src/core/topology.ts';
import { topologyOf } from './world.ts';

/** The original's table, written out once more. */
const LEGAL = new Set([
  'joining→active',
  'active→draining',
  'draining→removed',
  'active→failed',
  'draining→failed',
  'failed→restoring',
  'restoring→active',
  'active→degraded',
  'failed→degraded',
  'degraded→active',
  ...['active', 'failed', 'degraded', 'joining', 'draining', 'restoring'].map((state) => `${state}→${state}`),
]);

describe('node states', () => {
  for (const from of NODE_STATES) {
    for (const to of NODE_STATES) {
      const legal = LEGAL.has(`${from}→${to}`);
      it(`${from} → ${to} is ${legal ? 'legal' : 'illegal'}`, () => expect(isLegalTransition(from, to)).toBe(legal));
    }
  }

  it('who may own and who may be read', () => {
    const those = (may: (state: NodeState) => boolean): NodeState[] => NODE_STATES.filter(may);
    expect(those((state) => mayOwn({ state }))).toEqual(['healthy', 'degraded', 'joining', 'active', 'restoring']);
    expect(those((state) => mayOwn({ state, drainWished: true }))).toEqual([]);
    expect(those(mayBeSource)).toEqual(['healthy', 'degraded', 'draining', 'joining', 'active']);
    const node = { id: 'n1', group: 0, url: 'http://n1' };
    const waitedFor = those((state) => isWaitedFor({ ...node, state }));
    expect(waitedFor).toEqual(NODE_STATES.filter((state) => state !== 'failed' && state !== 'removed'));
    expect(isWaitedFor(undefined)).toBe(false);
  });

  it('who has arrived is a member, or goes on being drained', () => {
    const node = { id: 'n1', group: 0, url: 'http://n1', state: 'restoring' } as const;
    expect(arrived(node)).toEqual({ ...node, state: 'active' });
    expect(arrived({ ...node, drainWished: true })).toEqual({ ...node, state: 'draining' });
  });
});

it('groups are those of nodes that were not removed; who has failed or is not there is gone', () => {
  const topology = topologyOf({ a: [2, 'active'], b: [1, 'failed'], c: [0, 'removed'] });
  expect(groupsOf(topology)).toEqual([1, 2]);
  expect(findNode(topology, 'b')?.state).toBe('failed');
  expect(findNode(topology, 'z')).toBeUndefined();
  expect(['a', 'b', 'c', 'z'].filter((id) => isGone(topology, id))).toEqual(['b', 'c', 'z']);
  expect(['a', 'b', 'c', 'z'].filter((id) => isReadable(topology, id))).toEqual(['a']);
});
