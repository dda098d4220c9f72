// What the page says about plans, in numbers and times for people.
import { describe, expect, it } from 'vitest';
import { bytesText, durationText, percentOf, rangeText, rateText, shortText } from '../../../src/page/format.ts';
import {
  documentsText,
  isSettled,
  paceOf,
  planPercent,
  shownPlan,
  stateText,
  titleOf,
  whyText,
} from '../../../src/page/plan-progress.ts';
import { chartOf } from '../../../src/page/throughput.ts';
import { aMove, aPlan } from './answers.ts';

describe('numbers for people', () => {
  it.each([
    [0, '0 ms'],
    [850, '850 ms'],
    [12_400, '12 s'],
    [130_000, '2m10s'],
    [11_100_000, '3h05m'],
    [400_000_000, '4d'],
  ])('%i ms: %s', (ms, text) => expect(durationText(ms)).toBe(text));
  it.each([
    [40, 55, '40–55 s'],
    [150, 190, '3 min'],
    [118, 185, '2–3 min'],
    [9_000, 15_000, '3–4 h'],
  ])('%i to %i s: %s', (low, high, text) => expect(rangeText(low, high)).toContain(text));
  it('percent are whole only when all is there', () => {
    expect([percentOf(0, 0), percentOf(999, 1_000), percentOf(5, 5), percentOf(1, 3)]).toEqual([0, 99, 100, 33]);
  });
  it('rates and sizes are short', () => {
    expect([rateText(812.4), rateText(18_912), shortText(18_912)]).toEqual(['812/s', '18.9k/s', '18.9k']);
    expect([bytesText(0), bytesText(999), bytesText(1_530_000), bytesText(250e9)]).toEqual([
      '0 B',
      '999 B',
      '1.5 MB',
      '250 GB',
    ]);
  });
});

describe('the plan that is shown', () => {
  const running = aPlan({ id: 'runs' });
  const proposed = aPlan({ id: 'proposed', held: { by: 'approval', sinceMs: 1, actor: 'ci' } });
  const ended = aPlan({ id: 'ended', state: 'done', endedAtMs: 50_000 });

  it('is the one that runs, else one that waits for approval, else one that ended a while ago', () => {
    expect(shownPlan([proposed, running, ended], [], 60_000)?.id).toBe('runs');
    expect(shownPlan([ended, proposed], [], 60_000)?.id).toBe('proposed');
    expect(shownPlan([ended], [], 60_000)?.id).toBe('ended');
    expect(shownPlan([ended], [], 50_000 + 3_600_000)).toBeNull();
    expect(shownPlan([], [], 0)).toBeNull();
  });
  it('is of several that run the one that still has shards to switch, then the newest', () => {
    const [older, newer] = [aPlan({ id: 'older', createdAtMs: 1 }), aPlan({ id: 'newer', createdAtMs: 2 })];
    const inGrace = aMove({ plan: 'newer', phase: 'DualWriteStopped' });
    const copying = aMove({ plan: 'older', phase: 'DualWriteStarted' });
    expect(shownPlan([older, newer], [], 60_000)?.id).toBe('newer');
    expect(shownPlan([newer, older], [inGrace, copying], 60_000)?.id).toBe('older');
  });
  it('is told as people would', () => {
    expect(whyText('NodeDraining n1')).toBe('drain n1');
    expect(whyText('NodeAdded n4, NodeDraining n1')).toBe('add n4, drain n1');
    expect(whyText('rebalance, NodeOfLater n1')).toBe('rebalance, NodeOfLater n1');
  });
});

describe('how far a plan is', () => {
  it('counts a move whole when it is switched, and before as far as it is copied', () => {
    expect(planPercent(aPlan())).toBe(0);
    expect(planPercent(aPlan({ progress: { running: 4, docsMigrated: 50, documents: 100 } }))).toBe(20);
    expect(planPercent(aPlan({ progress: { settled: 5, running: 2, docsMigrated: 100, documents: 100 } }))).toBe(70);
    expect(planPercent(aPlan({ progress: { settled: 9, failed: 1 } }))).toBe(100);
    expect(planPercent(aPlan({ progress: { moves: 0 } }))).toBe(100);
    const cancelled = { sinceMs: 1, actor: 'boss' };
    expect(planPercent(aPlan({ state: 'done', cancelled, progress: { settled: 3, cancelled: 7 } }))).toBe(30);
  });

  it('has the documents of moves that have not begun among all', () => {
    const begun = { settled: 2, running: 4, docsMigrated: 2_063, documents: 6_250 };
    expect(documentsText(aPlan({ progress: { ...begun, documentsLeft: 15_500 } }).progress)).toBe(
      '2,063 of about 17,563 documents',
    );
    const all = aPlan({ progress: { ...begun, settled: 6, documentsLeft: 4_187 } });
    expect(documentsText(all.progress)).toBe('2,063 of 6,250 documents');
    expect(documentsText(aPlan().progress)).toBeNull();
  });

  it('has no time left where the API tells none, estimates before it knows, then gives a range', () => {
    expect(paceOf(aPlan(), 800).text).toBe('800/s documents');
    expect(paceOf(aPlan({ progress: { etaLowSeconds: null, etaHighSeconds: null } }), null).text).toBe('estimating…');
    const known = aPlan({ progress: { ratePerSecond: 640, etaLowSeconds: 118, etaHighSeconds: 185 } });
    expect(paceOf(known, 800).text).toBe('640/s documents · 2–3 min left');
    expect(titleOf(known)).toBe('0% · 3m05s – Miroir');
  });

  it('is in words: one that was cancelled is never done', () => {
    const by = { sinceMs: 1, actor: 'boss' };
    const held = { by: 'operator', ...by };
    const said = [{}, { held }, { cancelled: by }, { state: 'done' }, { state: 'done', cancelled: by }].map((plan) =>
      stateText(aPlan(plan)),
    );
    expect(said).toEqual([
      '▶ running',
      '‖ paused by boss',
      '⊘ being cancelled for boss',
      '✓ done',
      '⊘ cancelled by boss',
    ]);
    expect(stateText(aPlan(), held)).toBe('‖ all plans are paused by boss');
  });

  it('can be cancelled until every shard is switched', () => {
    expect(isSettled(aPlan({ progress: { settled: 9 } }))).toBe(false);
    expect(isSettled(aPlan({ progress: { settled: 8, cancelled: 1, failed: 1 } }))).toBe(true);
  });

  it('says that it is stalled and why, that it is paused, or that only old copies are left', () => {
    const stalled = aPlan({ progress: { stalledMs: 130_000, reason: 'miroir_node_unreachable: n2' } });
    expect(paceOf(stalled, 0)).toEqual({
      text: 'stalled 2m10s: miroir_node_unreachable: n2',
      isStalled: true,
    });
    expect(paceOf({ ...stalled, held: { by: 'operator', sinceMs: 1, actor: 'boss' } }, 0)).toEqual({
      text: 'paused',
      isStalled: false,
    });
    expect(paceOf(aPlan({ progress: { settled: 10 } }), 0).text).toContain('old copies');
    expect(paceOf(aPlan({ state: 'done' }), 0).text).toBe('');
    expect([titleOf(null), titleOf(aPlan({ held: { by: 'operator', sinceMs: 1, actor: 'boss' } }))]).toEqual([
      'Miroir',
      '0% paused – Miroir',
    ]);
  });
});

describe('the charts', () => {
  it('draw what the API keeps, in documents a second, over a quarter of an hour', () => {
    const stored = { bucketMs: 5_000, results: [{ atMs: 990_000, documents: 50, longestWriteWaitMs: 7 }] };
    const chart = chartOf(stored, [], 1_003_000);
    expect([chart.perSecond.slice(-3), chart.waitMs.slice(-3), chart.isStored, chart.hasWaits]).toEqual([
      [10, 0, null],
      [7, 0, null],
      true,
      true,
    ]);
    expect([chart.seconds[0], ...chart.seconds.slice(-3)]).toEqual([103, 990, 995, 1_003]);
    expect(chart.perSecond[1]).toBe(0);
  });
  it('draw what the page has seen where the API keeps nothing', () => {
    const chart = chartOf(
      null,
      [
        { atMs: 1, documents: 9 },
        { atMs: 950_000, documents: 3 },
      ],
      1_000_000,
    );
    expect([chart.perSecond, chart.isStored, chart.hasWaits]).toEqual([[null, 3, null], false, false]);
  });
});
