import { describe, expect, it } from 'vitest';
import {
  changedThrottle,
  documentsInto,
  isUnlimited,
  NO_LIMITS,
  NO_THROTTLE,
  parseThrottle,
} from '../../../src/core/throttle.ts';

describe('a throttle', () => {
  it('is taken as it is given, without nodes that it does not limit', () => {
    const n4 = { documentsPerSecond: 500, tasksInFlight: null };
    const given = { documentsPerSecond: null, tasksInFlight: 4, nodes: { n4, n5: NO_LIMITS } };
    expect(parseThrottle(given)).toEqual({ ...given, nodes: { n4 } });
  });

  it('lets into a node what the lower limit of both allows', () => {
    const nodes = { n4: { documentsPerSecond: 500, tasksInFlight: null } };
    const own = { ...NO_THROTTLE, nodes };
    expect(['n4', 'n5'].map((node) => documentsInto(node, own))).toEqual([500, null]);
    const both = { ...own, documentsPerSecond: 300 };
    expect(['n4', 'n5'].map((node) => documentsInto(node, both))).toEqual([300, 300]);
  });

  it.each([
    ['documentsPerSecond', { ...NO_THROTTLE, documentsPerSecond: 0 }],
    ['tasksInFlight', { ...NO_THROTTLE, tasksInFlight: 1.5 }],
    ['nodes.n4.tasksInFlight', { ...NO_THROTTLE, nodes: { n4: { documentsPerSecond: 1 } } }],
    ['nodes', { documentsPerSecond: null, tasksInFlight: null }],
    [
      'nodes',
      { ...NO_THROTTLE, nodes: Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [at, NO_LIMITS])) },
    ],
  ])('with a wrong %s is refused', (field, given) => {
    expect(() => parseThrottle(given)).toThrow(expect.objectContaining({ code: 'miroir_invalid_input', field }));
  });

  it('is changed in all or for one node, and keeps the rest', () => {
    const one = changedThrottle(NO_THROTTLE, 'n4', { tasksInFlight: 2 });
    const two = changedThrottle(one, 'n4', { documentsPerSecond: 9 });
    const three = changedThrottle(two, null, { documentsPerSecond: 100 });
    expect(three).toEqual({
      documentsPerSecond: 100,
      tasksInFlight: null,
      nodes: { n4: { documentsPerSecond: 9, tasksInFlight: 2 } },
    });
    expect([isUnlimited(NO_THROTTLE), isUnlimited(one), isUnlimited(three)]).toEqual([true, false, false]);
  });
});
