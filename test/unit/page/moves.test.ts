// What the page says about moves, nodes and the flows between them.
import { describe, expect, it } from 'vitest';
import { BOX, drawFlows, flowsOf } from '../../../src/page/flows.ts';
import {
  activityOf,
  copiedPercent,
  countMoves,
  hasProblem,
  movesShown,
  progressText,
  SIGNS,
} from '../../../src/page/move-steps.ts';
import { drainedNodes, nodeRows, spreadOf } from '../../../src/page/node-rows.ts';
import { nextRates, NO_RATES, rateOf, totalRate } from '../../../src/page/rates.ts';
import { visibleRows } from '../../../src/page/visible-rows.ts';
import { aMove, aNode } from './answers.ts';

const PHASES = [
  'Idle',
  'DualWriteStarted',
  'MigrationInProgress',
  'MigrationComplete',
  'DualWriteStopped',
  'OldReplicaDeleted',
];

describe('a move', () => {
  it('is doing what comes after the phase that it has reached', () => {
    expect(PHASES.map((phase) => activityOf(aMove({ phase })))).toEqual([
      'waiting',
      'copying',
      'verifying',
      'switching',
      'cleaning',
      'done',
    ]);
    expect(activityOf(aMove({ note: 'target_unreachable: n2' }))).toBe('starting');
    expect(activityOf(aMove({ waiting: null }))).toBe('starting');
    expect(activityOf(aMove({ waiting: { reason: 'target_full' }, note: 'target_full: n2' }))).toBe('waiting');
    expect(activityOf(aMove({ phase: 'MigrationComplete', outcome: 'failed' }))).toBe('failed');
    expect(activityOf(aMove({ phase: 'of another version' }))).toBe('waiting');
  });

  it('has a sign of its own for everything that it may be doing', () => {
    expect(new Set(Object.values(SIGNS)).size).toBe(Object.keys(SIGNS).length);
  });

  it('tells documents while it copies, and percent by slots', () => {
    const move = aMove({ phase: 'DualWriteStarted', docsMigrated: 1_200, documents: 2_113, lastOffset: 37_000 });
    expect([progressText(move), copiedPercent(move)]).toEqual(['1,200 of 2,113 documents', 56]);
    expect(copiedPercent({ ...move, lastOffset: 65_535 })).toBe(99);
    expect(copiedPercent({ ...move, phase: 'MigrationInProgress' })).toBe(100);
  });

  it('has a problem when something but its turn holds it up', () => {
    expect(hasProblem(aMove())).toBe(false);
    expect(hasProblem(aMove({ note: 'target_unreachable: n2' }))).toBe(true);
    expect(hasProblem(aMove({ waiting: { reason: 'target_full' }, note: 'target_full: n2' }))).toBe(false);
    expect(hasProblem(aMove({ waiting: null, note: 'is being cancelled' }))).toBe(false);
    expect(hasProblem(aMove({ waiting: { reason: 'miroir_node_unreachable' }, phase: 'DualWriteStarted' }))).toBe(true);
    expect(hasProblem(aMove({ waiting: { reason: 'of another version' } }))).toBe(true);
    expect(hasProblem(aMove({ lost: 2 }))).toBe(true);
    expect(hasProblem(aMove({ phase: 'DualWriteStopped', note: 'grace' }))).toBe(false);
    expect(hasProblem(aMove({ outcome: 'failed' }))).toBe(true);
  });
});

describe('the list of moves', () => {
  const moves = [
    aMove({ id: 'done', shard: 1, phase: 'OldReplicaDeleted', outcome: 'done' }),
    aMove({ id: 'waits', shard: 2 }),
    aMove({ id: 'copies', shard: 3, phase: 'DualWriteStarted' }),
    aMove({ id: 'hangs', shard: 4, source: 'n3', phase: 'DualWriteStarted', note: 'target_unreachable: n2' }),
    aMove({ id: 'grace', shard: 5, phase: 'DualWriteStopped' }),
  ];
  const shown = (node: string, problemsOnly = false): string[] =>
    movesShown(moves, { node, problemsOnly }).map(({ id }) => id);

  it('has what needs somebody first, then what runs, waits, and is over', () => {
    expect(shown('')).toEqual(['hangs', 'copies', 'waits', 'grace', 'done']);
  });
  it('can be cut to a node, and to problems', () => {
    expect(shown('n3')).toEqual(['hangs']);
    expect(shown('', true)).toEqual(['hangs']);
    expect(shown('n1', true)).toEqual([]);
  });
  it('counts them', () => {
    expect(countMoves(moves)).toEqual({ running: 2, waiting: 1, cleaning: 1, ended: 1, problems: 1 });
  });
  it('holds the rows that are seen and some beyond, whatever the position', () => {
    expect(visibleRows(10_000, 30, 3_000, 300)).toEqual({ first: 94, end: 116 });
    expect(visibleRows(3, 30, 0, 300)).toEqual({ first: 0, end: 3 });
    expect(visibleRows(0, 30, 900, 300)).toEqual({ first: 0, end: 0 });
  });
});

describe('rates', () => {
  it('come from two readings, are smoothed, and forget what is gone', () => {
    const move = aMove({ phase: 'DualWriteStarted', docsMigrated: 100 });
    const first = nextRates(NO_RATES, [move], 10_000);
    expect(totalRate(first)).toBeNull();
    const second = nextRates(first, [{ ...move, docsMigrated: 1_100 }], 12_000);
    expect([rateOf(second, ['p1-0']), second.samples]).toEqual([200, [{ atMs: 12_000, documents: 500 }]]);
    const third = nextRates(second, [{ ...move, docsMigrated: 2_100 }], 14_000);
    expect(rateOf(third, ['p1-0'])).toBeCloseTo(320);
    expect(totalRate(third)).toBe(500);
    expect(nextRates(third, [], 16_000).moves.size).toBe(0);
    expect(nextRates(third, [], 14_000)).toBe(third);
  });
  it('are those of unfinished moves', () => {
    const before = nextRates(NO_RATES, [aMove({ docsMigrated: 0 })], 1_000);
    expect(rateOf(nextRates(before, [aMove({ docsMigrated: 900, outcome: 'done' })], 2_000), ['p1-0'])).toBe(0);
  });
});

describe('flows', () => {
  const nodes = ['n1', 'n2', 'n3', 'n4'].map((id) => aNode(id));
  const moves = [
    aMove({ id: 'a', phase: 'DualWriteStarted' }),
    aMove({ id: 'b' }),
    aMove({ id: 'c', target: 'n3' }),
    aMove({ id: 'over', target: 'n3', phase: 'DualWriteStopped' }),
  ];

  it('count what is not switched, by giver and taker', () => {
    expect(flowsOf(moves, NO_RATES)).toEqual([
      { source: 'n1', target: 'n2', moves: 2, running: 1, perSecond: 0 },
      { source: 'n1', target: 'n3', moves: 1, running: 0, perSecond: 0 },
    ]);
  });

  it('are drawn from givers to takers, boxes apart, those without moves beside it', () => {
    const picture = drawFlows(nodes, flowsOf(moves, NO_RATES), 600);
    expect(picture.boxes.map(({ node, side, x }) => [node.id, side, x])).toEqual([
      ['n1', 'gives', 0],
      ['n2', 'takes', 600 - BOX.width],
      ['n3', 'takes', 600 - BOX.width],
    ]);
    const [, one, two] = picture.boxes;
    expect(two!.y - one!.y).toBe(BOX.height + BOX.gap);
    expect(picture.ribbons[0]!.width).toBeGreaterThan(picture.ribbons[1]!.width);
    expect(picture.quiet.map(({ id }) => id)).toEqual(['n4']);
    expect(picture.more).toBe(0);
  });

  it('cross as little as can be: their ends are in the order of what they lead to', () => {
    const flow = (source: string) => ({ source, target: 'n4', moves: 1, running: 0, perSecond: 0 });
    const { ribbons } = drawFlows(nodes, [flow('n3'), flow('n1'), flow('n2')], 600);
    const ends = new Map(ribbons.map(({ source, path }) => [source, Number(path.split(' ').at(-1))]));
    expect([...ends.keys()].sort((a, b) => ends.get(a)! - ends.get(b)!)).toEqual(['n1', 'n2', 'n3']);
  });

  it('leave out the smallest where a side has too many nodes, and say so', () => {
    const many = Array.from({ length: 100 }, (_, at) => aNode(`t${at}`));
    const flows = many.map(({ id }, at) => ({ source: 'n1', target: id, moves: at + 1, running: 0, perSecond: 0 }));
    const picture = drawFlows([aNode('n1'), ...many], flows, 600);
    expect(picture.boxes).toHaveLength(11);
    expect([picture.more, picture.ribbons.length]).toEqual([90, 10]);
    expect(picture.boxes.at(-1)?.node.id).toBe('t99');
  });
});

describe('nodes', () => {
  const rows = nodeRows([
    aNode('n1', { state: 'draining', shards: 16, movesOut: 16 }),
    aNode('n2', { shards: 16, movesIn: 4 }),
    aNode('n3', { shards: 16, movesIn: 12 }),
  ]);

  it('have a count afterwards, and a sign beside the colour', () => {
    expect(rows.map(({ after, sign, tone }) => [after, sign, tone])).toEqual([
      [0, '◓', 'warn'],
      [20, '●', 'good'],
      [28, '●', 'good'],
    ]);
  });
  it('lie evenly or not, those that leave aside', () => {
    expect(spreadOf(rows, ({ node }) => node.shards)).toBe(1);
    expect(spreadOf(rows, ({ after }) => after)).toBeCloseTo(28 / 24);
    expect(spreadOf([], ({ after }) => after)).toBeNull();
  });
  it('that are empty can go', () => {
    const nodes = [aNode('n1', { state: 'draining', drained: true }), aNode('n2', { state: 'draining' })];
    expect(drainedNodes(nodes)).toEqual(['n1']);
    expect(nodeRows(nodes).map(({ state }) => state)).toEqual(['drained', 'draining']);
    expect(nodeRows([aNode('n1', { state: 'failed', drainWished: true })])[0]?.state).toBe('failed, to be drained');
  });
});
