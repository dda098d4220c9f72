import { describe, expect, it } from 'vitest';
import {
  isAwaited,
  isLookedAt,
  judgeNodes,
  nodeTroubles,
  troubledNodes,
  type Observed,
} from '../../../src/core/observations.ts';
import type { NodeSeen } from '../../../src/core/seen.ts';
import type { Seen, Sight } from '../../../src/core/sights.ts';
import { NODE_STATES, type Topology } from '../../../src/core/topology.ts';
import { topologyOf } from './world.ts';

const OPTIONS = { failedAfterMs: 10_000, flapQuietMs: 60_000 };
const NOW_MS = 10_000_000;
const FOUR = topologyOf({ n1: 'active', n2: 'active', n3: 'active', n4: 'active' });

/** Silent for so many ms, or a whole sight. */
type Told = number | readonly [what: Seen, forMs: number, looks: number];
const sightOf = (told: Told): Sight => {
  const [what, forMs, looks] = typeof told === 'number' ? (['silent', told, 9] as const) : told;
  return { what, forMs, looks };
};
/** Reports by observer, each a process of its own unless its name is `process/part`. Those named `r…` are routers. */
function observed(reports: Record<string, Record<string, Told>>): Observed {
  return {
    nowMs: NOW_MS,
    routers: new Set(Object.keys(reports).filter((name) => name.split('/').at(-1)?.startsWith('r'))),
    reports: Object.entries(reports).map(([observer, nodes]) => ({
      observer,
      process: observer.split('/')[0] ?? '',
      name: `host ${observer}`,
      nodes: new Map(Object.entries(nodes).map(([id, told]) => [id, sightOf(told)])),
    })),
  };
}
const judge = (reports: Record<string, Record<string, Told>>, topology: Topology = FOUR) =>
  judgeNodes(topology, observed(reports), OPTIONS);
const failed = (reports: Record<string, Record<string, Told>>, topology = FOUR): readonly string[] =>
  judge(reports, topology).failed.map(({ id }) => id);
const withSeen = (topology: Topology, seen: Record<string, NodeSeen>): Topology => ({
  ...topology,
  nodes: topology.nodes.map((node) => (seen[node.id] === undefined ? node : { ...node, seen: seen[node.id]! })),
});

describe('a node has failed', () => {
  it('when a router and the planner have had no answer for long enough, whose names are told', () => {
    expect(judge({ r1: { n2: 10_000 }, p: { n2: 12_000 } })).toEqual({
      failed: [{ id: 'n2', why: 'no answer', observers: ['host p', 'host r1'] }],
      degraded: [],
      recovered: [],
      good: [],
      brake: null,
      observers: 2,
    });
  });

  it('not on the word of one observer, nor before each has waited long enough, nor after two looks', () => {
    expect(failed({ r1: { n2: 60_000 } })).toEqual([]);
    expect(failed({ p: { n2: 60_000 } })).toEqual([]);
    expect(failed({ r1: { n2: 9_999 }, p: { n2: 60_000 } })).toEqual([]);
    expect(failed({ r1: { n2: ['silent', 60_000, 2] }, p: { n2: 60_000 } })).toEqual([]);
    expect(failed({})).toEqual([]);
  });

  it('the parts of one process are one observer', () => {
    expect(failed({ 'a/r': { n2: 60_000 }, 'a/p': { n2: 60_000 } })).toEqual([]);
    expect(failed({ 'a/r': { n2: 60_000 }, 'a/p': { n2: 60_000 }, 'b/p': { n2: 60_000 } })).toEqual(['n2']);
  });

  it.each([
    // Both, when two live.
    [{ a: { n2: 20_000 }, b: {} }, false],
    [{ a: { n2: 20_000 }, b: { n2: 20_000 }, c: {} }, true],
    [{ a: { n2: 20_000 }, b: { n2: 20_000 }, c: {}, d: {} }, false],
    // Most of the routers as well: they are who serves.
    [{ r1: { n2: 20_000 }, p: { n2: 20_000 }, q: { n2: 20_000 }, r2: {} }, false],
    [{ r1: { n2: 20_000 }, r2: { n2: 20_000 }, p: { n2: 20_000 }, r3: {} }, true],
  ] as const)('by more than half of those who look: %j is %s', (reports, isFailed) => {
    expect(failed(reports)).toEqual(isFailed ? ['n2'] : []);
  });

  it('by those who reach half of the nodes: who is cut off does not count, neither for it nor against it', () => {
    const cut = { n1: 20_000, n2: 20_000, n3: 20_000 };
    expect(judge({ a: cut, b: { n2: 20_000 } })).toMatchObject({ failed: [], observers: 1 });
    expect(
      failed({ a: { n2: 20_000 }, b: { n2: 20_000 }, c: { n1: 1, n3: 1, n4: 1 }, d: { n1: 1, n3: 1, n4: 1 } }),
    ).toEqual(['n2']);
    // One that may speak to nobody has seen nothing.
    const none: Record<string, Told> = { n1: ['unasked', 1, 1], n3: ['unasked', 1, 1], n4: ['unasked', 1, 1] };
    expect(failed({ a: { n2: 20_000 }, b: { n2: 20_000 }, c: none, d: none })).toEqual(['n2']);
    const two = topologyOf({ n1: 'active', n2: 'active' });
    expect(failed({ a: { n2: 20_000 }, b: { n2: 20_000 } }, two)).toEqual(['n2']);
  });

  it('never for a key that is refused', () => {
    const refused: Told = ['refused', 60_000, 9];
    const verdict = judge({ a: { n2: refused }, b: { n2: refused } });
    expect(verdict.failed).toEqual([]);
    expect(verdict.degraded).toEqual([{ id: 'n2', why: 'its key is refused', observers: ['host a', 'host b'] }]);
  });

  it('once: not when it has failed already, was removed, or nobody knows it', () => {
    const topology = topologyOf({
      n1: 'active',
      n2: 'failed',
      n3: 'removed',
      n4: 'active',
      n5: 'active',
      n6: 'active',
    });
    const nodes = { n2: 20_000, n3: 20_000, n9: 20_000 };
    expect(failed({ r1: nodes, p: nodes }, topology)).toEqual([]);
    expect(topology.nodes.filter((node) => !isLookedAt(node)).map(({ id }) => id)).toEqual(['n2', 'n3']);
    const looked = NODE_STATES.filter((state) => isLookedAt({ ...FOUR.nodes[0]!, state }));
    expect(looked).toEqual(['degraded', 'draining', 'joining', 'active', 'restoring']);
  });
});

describe('a node is degraded', () => {
  it('after three looks without an answer, before it has failed, when it was active', () => {
    const soon: Told = ['silent', 3_000, 3];
    expect(judge({ a: { n2: soon }, b: { n2: soon } }).degraded.map(({ id }) => id)).toEqual(['n2']);
    expect(judge({ a: { n2: ['silent', 3_000, 2] }, b: { n2: soon } }).degraded).toEqual([]);
    const draining = topologyOf({ n1: 'active', n2: 'draining', n3: 'active' });
    expect(judge({ a: { n2: soon }, b: { n2: soon } }, draining).degraded).toEqual([]);
  });

  it('until most have seen two answers', () => {
    const topology = topologyOf({ n1: 'active', n2: 'degraded', n3: 'active' });
    const good = (looks: number) =>
      judge({ a: { n2: ['answers', 1, looks] }, b: { n2: ['answers', 1, 2] }, c: {} }, topology).good;
    expect(isAwaited(topology.nodes[1]!)).toBe(true);
    expect(good(1)).toEqual([]);
    expect(good(2)).toEqual([{ id: 'n2', why: 'it answers', observers: ['host a', 'host b'] }]);
  });
});

describe('a node that observers failed', () => {
  const back: Told = ['answers', 5_000, 2];
  const away = (seen: NodeSeen): Topology =>
    withSeen(topologyOf({ n1: 'active', n2: 'failed', n3: 'active' }), { n2: seen });
  const recovered = (topology: Topology, reports: Record<string, Record<string, Told>>): readonly string[] =>
    judge(reports, topology).recovered.map(({ id }) => id);

  it('is back when most have seen two answers and nobody says otherwise', () => {
    const topology = away({ failed: true });
    expect(isAwaited(topology.nodes[1]!)).toBe(true);
    expect(recovered(topology, { a: { n2: back }, b: { n2: back }, c: {} })).toEqual(['n2']);
    expect(recovered(topology, { a: { n2: back }, b: { n2: ['answers', 1, 1] } })).toEqual([]);
    expect(recovered(topology, { a: { n2: back }, b: { n2: back }, c: { n2: 100 } })).toEqual([]);
    expect(recovered(topology, { a: { n2: back }, b: { n2: back }, c: { n2: ['refused', 1, 1] } })).toEqual([]);
    expect(recovered(topology, { a: { n2: back } })).toEqual([]);
  });

  it('stays failed when an operator said so', () => {
    const topology = topologyOf({ n1: 'active', n2: 'failed', n3: 'active' });
    expect(recovered(topology, { a: { n2: back }, b: { n2: back } })).toEqual([]);
  });

  it('comes back later when it was flapping', () => {
    const topology = away({ failed: true, flapping: true });
    expect(recovered(topology, { a: { n2: back }, b: { n2: back } })).toEqual([]);
    const long: Told = ['answers', 60_000, 12];
    expect(recovered(topology, { a: { n2: long }, b: { n2: long } })).toEqual(['n2']);
  });
});

describe('nodes from which nobody expects an answer', () => {
  const troubled = (reports: Record<string, Record<string, Told>>): string[] => [
    ...troubledNodes(FOUR, observed(reports), 'me'),
  ];

  it('are those that most get none from, or that refuse most', () => {
    expect(troubled({ a: { n2: 100 }, b: { n2: 100 }, me: {} })).toEqual(['n2']);
    expect(troubled({ a: { n2: ['refused', 100, 1] }, b: { n2: 100 }, me: {} })).toEqual(['n2']);
    expect(troubled({ a: { n2: 100 }, me: {} })).toEqual([]);
  });

  it('and those that this process gets none from, but never because another one is cut off', () => {
    expect(troubled({ a: {}, b: {}, 'me/p': {}, 'me/l': { n3: 100 } })).toEqual(['n3']);
    expect(troubled({ a: { n1: 100, n2: 100, n3: 100, n4: 100 } })).toEqual([]);
    expect(troubled({ a: { n1: 100, n2: 100, n3: 100 }, b: { n1: 100, n2: 100, n3: 100 }, me: {} })).toEqual([]);
  });
});

describe('what holds up a move of the node', () => {
  const troubles = (reports: Record<string, Record<string, Told>>, topology: Topology = FOUR) => [
    ...nodeTroubles(topology, observed(reports)).values(),
  ];
  it('is that it has failed, or that most get no good answer from it, since when and by whom', () => {
    const failedNode = topologyOf({ n1: 'active', n2: 'failed', n3: 'active', n4: 'active' });
    const at = { ...failedNode, nodes: failedNode.nodes.map((node) => ({ ...node, failedAtMs: NOW_MS - 5 })) };
    const told = { node: 'n2', what: 'failed', sinceMs: NOW_MS - 5, told: 'n2 has failed' };
    expect(troubles({}, at)).toEqual([told]);
    expect(troubles({}, withSeen(at, { n2: { why: 'no answer' } }))).toEqual([
      { ...told, told: 'n2 has failed: no answer' },
    ]);
    expect(troubles({}, failedNode)).toMatchObject([{ sinceMs: NOW_MS }]);
    expect(troubles({ p: { n2: 4_000 } })).toEqual([
      { node: 'n2', what: 'silent', sinceMs: NOW_MS - 4_000, told: 'n2: no answer, as seen by host p' },
    ]);
    expect(troubles({ r1: { n2: 4_000 }, p: { n2: ['refused', 9_000, 9] } })).toEqual([
      { node: 'n2', what: 'silent', sinceMs: NOW_MS - 4_000, told: 'n2: no answer, as seen by host p and 1 more' },
    ]);
    expect(troubles({ p: { n2: ['refused', 9_000, 9] } })).toMatchObject([{ what: 'refused', node: 'n2' }]);
    expect(troubles({ p: { n2: ['silent', 900, 2] }, q: {} })).toEqual([]);
  });
});

describe('the brake', () => {
  const both = (nodes: Record<string, Told>) => ({ r1: nodes, p: nodes });
  const fleet = (count: number): Topology =>
    topologyOf(Object.fromEntries(Array.from({ length: count }, (_, at) => [`n${at + 1}`, 'active'])));
  const down = (count: number): Record<string, Told> =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`n${at + 1}`, 20_000]));

  it.each([
    [2, 1, false],
    [3, 1, false],
    [3, 2, true],
    [4, 2, true],
    [5, 2, false],
    [5, 3, true],
    [40, 9, false],
    [40, 10, true],
  ] as const)('with %i nodes, %i of them down: %s', (nodes, gone, isOn) => {
    const verdict = judge(both(down(gone)), fleet(nodes));
    expect(verdict.failed).toHaveLength(isOn ? 0 : gone);
    expect(verdict.brake?.why ?? null).toBe(isOn ? `${gone} of ${nodes} nodes look down at once` : null);
  });

  it('counts those that are down for less long', () => {
    expect(judge(both({ n1: 20_000, n2: 2_000 }))).toMatchObject({ failed: [], brake: { nodes: ['n1', 'n2'] } });
  });

  it('counts nodes that observers failed within ten minutes and that are still away, and no others', () => {
    const topology = (seen: NodeSeen) =>
      withSeen(topologyOf({ n1: 'failed', n2: 'active', n3: 'active' }), { n1: seen });
    const lately = topology({ failed: true, failuresAtMs: [NOW_MS - 599_000] });
    expect(judge(both({ n2: 20_000 }), lately).brake?.nodes).toEqual(['n1', 'n2']);
    expect(failed(both({ n2: 20_000, n1: ['answers', 9, 2] }), lately)).toEqual(['n2']);
    expect(failed(both({ n2: 20_000 }), topology({ failed: true, failuresAtMs: [NOW_MS - 600_000] }))).toEqual(['n2']);
    expect(failed(both({ n2: 20_000 }), topology({ failuresAtMs: [NOW_MS - 1_000] }))).toEqual(['n2']);
  });

  it('keeps nodes from coming back, too', () => {
    const topology = withSeen(topologyOf({ n1: 'failed', n2: 'active', n3: 'active', n4: 'active', n5: 'active' }), {
      n1: { failed: true, failuresAtMs: [0] },
    });
    const back: Told = ['answers', 9_000, 3];
    expect(judge(both({ n1: back }), topology).recovered).toHaveLength(1);
    const verdict = judge(both({ n1: back, n2: 1_000, n3: 1_000 }), topology);
    expect(verdict).toMatchObject({ recovered: [], brake: { nodes: ['n2', 'n3'] }, observers: 2 });
  });
});
