import { describe, expect, it } from 'vitest';
import { judgeNodes, mayFail, Suspicions, type Observed } from '../../../src/core/observations.ts';
import { NODE_STATES } from '../../../src/core/topology.ts';
import { topologyOf } from './world.ts';

const AFTER_MS = 10_000;
const NOW_MS = 1_000_000;
const FOUR = topologyOf({ n1: 'active', n2: 'active', n3: 'active', n4: 'active' });

/** Reports by observer: nodes with the ms for which they have not answered. Observers `r…` are routers that live. */
function observed(routers: number, reports: Record<string, Record<string, number>>): Observed {
  return {
    nowMs: NOW_MS,
    routers: new Set(Array.from({ length: routers }, (_, at) => `r${at + 1}`)),
    reports: Object.entries(reports).map(([observer, nodes]) => ({
      observer,
      name: `host ${observer}`,
      nodes: new Map(Object.entries(nodes).map(([id, forMs]) => [id, NOW_MS - forMs])),
    })),
  };
}
const failed = (seen: Observed, topology = FOUR): readonly string[] =>
  judgeNodes(topology, seen, AFTER_MS).failed.map(({ id }) => id);

describe('a node has failed', () => {
  it('when a router and the planner have had no answer for long enough, whose names are told', () => {
    const seen = observed(1, { r1: { n2: 10_000 }, p: { n2: 12_000 } });
    expect(judgeNodes(FOUR, seen, AFTER_MS)).toEqual({
      failed: [{ id: 'n2', observers: ['host p', 'host r1'] }],
      withheld: [],
    });
  });

  it('not on the word of one observer, nor before each has waited long enough', () => {
    expect(failed(observed(1, { r1: { n2: 60_000 } }))).toEqual([]);
    expect(failed(observed(0, { p: { n2: 60_000 } }))).toEqual([]);
    expect(failed(observed(1, { r1: { n2: 9_999 }, p: { n2: 60_000 } }))).toEqual([]);
    expect(failed(observed(0, {}))).toEqual([]);
  });

  it.each([
    [2, { r1: { n2: 20_000 }, p: { n2: 20_000 } }, false],
    [2, { r1: { n2: 20_000 }, r2: { n2: 20_000 } }, true],
    [3, { r1: { n2: 20_000 }, r3: { n2: 20_000 } }, true],
    [5, { r1: { n2: 20_000 }, r3: { n2: 20_000 }, p: { n2: 20_000 } }, false],
    [5, { r1: { n2: 20_000 }, r3: { n2: 20_000 }, r4: { n2: 20_000 } }, true],
    // A router that is gone by now says nothing for those that live.
    [1, { r7: { n2: 20_000 }, p: { n2: 20_000 } }, false],
    // Planners alone, where no router lives.
    [0, { p: { n2: 20_000 }, q: { n2: 20_000 } }, true],
  ] as const)('by more than half of %i routers: %j', (routers, reports, isFailed) => {
    expect(failed(observed(routers, reports))).toEqual(isFailed ? ['n2'] : []);
  });

  it('once: not when it has failed already, was removed, or nobody knows it', () => {
    const topology = topologyOf({ n1: 'active', n2: 'failed', n3: 'removed', n4: 'active' });
    const nodes = { n2: 20_000, n3: 20_000, n9: 20_000 };
    expect(failed(observed(1, { r1: nodes, p: nodes }), topology)).toEqual([]);
    expect(NODE_STATES.filter((state) => !mayFail(state))).toEqual(['healthy', 'failed', 'removed']);
  });
});

describe('when nodes are down together', () => {
  const both = (nodes: Record<string, number>): Observed => observed(1, { r1: nodes, p: nodes });

  it('half of them fail, more than half is withheld', () => {
    expect(failed(both({ n1: 20_000, n2: 20_000 }))).toEqual(['n1', 'n2']);
    const verdict = judgeNodes(FOUR, both({ n1: 20_000, n2: 20_000, n3: 20_000 }), AFTER_MS);
    expect(verdict.failed).toEqual([]);
    expect(verdict.withheld.map(({ id }) => id)).toEqual(['n1', 'n2', 'n3']);
  });

  it('those that are down for less long count as well', () => {
    const verdict = judgeNodes(FOUR, both({ n1: 20_000, n2: 2_000, n3: 1_000 }), AFTER_MS);
    expect(verdict).toEqual({ failed: [], withheld: [{ id: 'n1', observers: ['host p', 'host r1'] }] });
  });

  it('nodes that failed before do not count: one of the other two may fail', () => {
    const topology = topologyOf({ n1: 'failed', n2: 'active', n3: 'active' });
    expect(failed(both({ n2: 20_000 }), topology)).toEqual(['n2']);
    expect(failed(both({ n2: 20_000 }), topologyOf({ n1: 'failed', n2: 'active' }))).toEqual([]);
  });
});

describe('an observer', () => {
  it('counts from the first look without an answer to the last, and forgets at an answer', () => {
    const suspicions = new Suspicions(5_000);
    suspicions.noAnswer('n1', 1_000);
    suspicions.noAnswer('n1', 4_000);
    suspicions.noAnswer('n2', 4_000);
    expect(suspicions.all(6_000)).toEqual(
      new Map([
        ['n1', 5_000],
        ['n2', 2_000],
      ]),
    );
    suspicions.clear('n1');
    expect(suspicions.ids()).toEqual(['n2']);
    expect([suspicions.has('n1'), suspicions.has('n2')]).toEqual([false, true]);
    suspicions.noAnswer('n1', 7_000);
    expect(suspicions.all(7_000).get('n1')).toBe(0);
  });

  it('begins anew after it has not looked for long: frozen itself, it has seen nothing', () => {
    const suspicions = new Suspicions(5_000);
    suspicions.noAnswer('n1', 1_000);
    suspicions.noAnswer('n1', 6_001);
    expect(suspicions.all(6_001).get('n1')).toBe(0);
  });
});
