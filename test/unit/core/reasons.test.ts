// Every unfinished move that does not get on has exactly one reason of the closed list, and each says what unblocks it.
import { describe, expect, it } from 'vitest';
import { REASONS, reasonOf, reasonOfError, unblockText } from '../../../src/core/reasons.ts';
import { STILL_MS, type StandingMove, type Surroundings, isLeft, isStill, waitOf } from '../../../src/core/waits.ts';
import type { NodeTrouble } from '../../../src/core/observations.ts';
import { WAIT_REASONS, type WaitReason } from '../../../src/errors.ts';

const NOW = 1_800_000_000_000;
const IDLE: StandingMove = {
  id: 'p1-3-0-ab',
  planId: 'p1',
  index: 'cities',
  shard: 3,
  source: 'n1',
  target: 'n4',
  phase: 'Idle',
  startedAtMs: null,
  progressAtMs: NOW - 5_000,
  waiting: null,
};
const RUNNING: StandingMove = {
  ...IDLE,
  phase: 'DualWriteStarted',
  startedAtMs: NOW - 50_000,
  progressAtMs: NOW - STILL_MS,
};
const AROUND: Surroundings = {
  planState: 'running',
  before: null,
  outOfSource: 0,
  intoTarget: 0,
  places: 2,
  holder: 'host/7',
  lostAtMs: null,
  documentsPerSecond: null,
  sourceTrouble: null,
  targetTrouble: null,
  otherOwner: null,
};
const trouble = (node: string, what: NodeTrouble['what']): NodeTrouble => ({
  node,
  what,
  sinceMs: NOW - 77,
  told: `${node} is ${what}`,
});

describe('the list', () => {
  it('has a meaning and a way out for each', () => {
    expect(Object.keys(REASONS)).toEqual([...WAIT_REASONS]);
    for (const { means, unblock } of Object.values(REASONS))
      expect(Math.min(means.length, unblock.length)).toBeGreaterThan(10);
  });

  it('is read from what records say, also from those of another version', () => {
    expect(reasonOf('slot_full: slot 7 of shard 0')).toBe('slot_full');
    expect(reasonOf('grace')).toBe('grace');
    expect(reasonOf('moon_phase: waning')).toBe('unexpected');
    expect([reasonOfError('miroir_preflight'), reasonOfError('miroir_timeout')]).toEqual([
      'miroir_preflight',
      'unexpected',
    ]);
  });

  it('names the move’s own things in what unblocks it', () => {
    expect(unblockText('redis_lost_writes', IDLE)).toContain('`miroir index thaw cities 3 --yes`');
    expect(unblockText('miroir_node_unreachable', IDLE)).toContain('<node>');
    expect(unblockText('awaiting_approval', IDLE)).toContain('miroir plan show p1');
  });
});

describe('a move that noted a reason', () => {
  it('has that one, since then', () => {
    const waiting = { code: 'queue', reason: 'queue: task 7 of n4 waits', sinceMs: NOW - 9 } as const;
    expect(isStill({ ...IDLE, waiting: { ...waiting, code: 'grace' } }, NOW)).toBe(false);
    expect(waitOf({ ...IDLE, waiting }, undefined, NOW)).toEqual({
      reason: 'queue',
      text: 'queue: task 7 of n4 waits',
      sinceMs: NOW - 9,
      unblock: REASONS.queue.unblock,
    });
    expect(waitOf({ ...IDLE, waiting, outcome: 'done' }, undefined, NOW)).toBeNull();
  });
});

describe('what a worker has noted', () => {
  const noted = (code: WaitReason): StandingMove => ({
    ...IDLE,
    waiting: { code, reason: `${code}: as it was`, sinceMs: NOW - 9_000 },
  });
  const reasonOfNoted = (code: WaitReason, around: Partial<Surroundings>) =>
    waitOf(noted(code), { ...AROUND, ...around }, NOW);

  it('does not stand where nobody serves the index that would have looked again', () => {
    for (const code of ['shard_busy', 'settings', 'hold', 'source_full', 'target_full'] as const) {
      expect(reasonOfNoted(code, { holder: null }), code).toMatchObject({ reason: 'no_worker', sinceMs: NOW - 9_000 });
    }
    expect(reasonOfNoted('shard_busy', {})).toMatchObject({ text: 'shard_busy: as it was' });
    // The index gives its lease back while a node is full, or while it waits for longer.
    expect(reasonOfNoted('target_full', { holder: null, intoTarget: 2 })).toMatchObject({ reason: 'target_full' });
    expect(reasonOfNoted('source_full', { holder: null, outOfSource: 2 })).toMatchObject({ reason: 'source_full' });
    expect(reasonOfNoted('barrier', { holder: null })).toMatchObject({ reason: 'barrier' });
    const lost = { holder: null, lostAtMs: NOW - STILL_MS };
    expect(reasonOfNoted('barrier', lost)).toMatchObject({ reason: 'no_worker', sinceMs: NOW - STILL_MS });
    expect(reasonOfNoted('barrier', { ...lost, lostAtMs: NOW - 1 })).toMatchObject({ reason: 'barrier' });
    for (const code of ['grace', 'paused_by_operator'] as const) {
      expect(reasonOfNoted(code, lost), code).toMatchObject({ reason: code });
    }
  });

  it('gives way to a node that is not there, where that explains it', () => {
    const around = { targetTrouble: trouble('n4', 'failed') };
    expect(reasonOfNoted('queue', around)).toMatchObject({ reason: 'target_failed', sinceMs: NOW - 77 });
    expect(reasonOfNoted('redis_lost_writes', around)).toMatchObject({ reason: 'redis_lost_writes' });
  });
});

describe('a move whose node is not there', () => {
  it.each([
    ['target_failed', { targetTrouble: trouble('n4', 'failed'), sourceTrouble: trouble('n1', 'silent') }],
    ['source_failed', { sourceTrouble: trouble('n1', 'failed') }],
    ['miroir_node_unreachable', { targetTrouble: trouble('n4', 'silent'), sourceTrouble: trouble('n1', 'refused') }],
    ['miroir_node_refused', { sourceTrouble: trouble('n1', 'refused') }],
  ] as const)('says so, since when and what to do: %s', (reason, around) => {
    for (const move of [IDLE, RUNNING]) {
      const wait = waitOf(move, { ...AROUND, holder: null, outOfSource: 2, ...around }, NOW);
      expect(wait).toMatchObject({ reason, sinceMs: NOW - 77 });
      expect(wait?.unblock).not.toMatch(/<\w+>/);
    }
  });

  it('is read from another owner where the source has failed, and needs neither after the switch', () => {
    const sourceTrouble = trouble('n1', 'failed');
    expect(waitOf(RUNNING, { ...AROUND, sourceTrouble, otherOwner: 'n2' }, NOW)).toMatchObject({
      reason: 'target_backlog',
    });
    const switched = { ...RUNNING, phase: 'DualWriteStopped' as const };
    expect(waitOf(switched, { ...AROUND, sourceTrouble }, NOW)).toMatchObject({ reason: 'grace' });
    const noted = { code: 'node_busy', reason: 'node_busy: n1', sinceMs: NOW } as const;
    expect(waitOf({ ...switched, waiting: noted }, { ...AROUND, sourceTrouble }, NOW)).toMatchObject({
      reason: 'node_busy',
    });
  });
});

describe('a move that noted none', () => {
  it.each([
    ['plan_opening', { planState: 'opening', before: 'p1-3-9' }],
    ['shard_busy', { before: 'p0-3-0-ab', outOfSource: 2 }],
    ['source_full', { outOfSource: 2, intoTarget: 2 }],
    ['target_full', { intoTarget: 2, holder: null }],
    ['no_worker', { holder: null }],
    ['no_worker', { holder: null, before: 'p0-3-0-ab' }],
    ['queued', {}],
  ] as const)('waits for its turn: %s', (reason, around) => {
    expect(isStill(IDLE, NOW)).toBe(true);
    const wait = waitOf(IDLE, { ...AROUND, ...around }, NOW);
    expect(wait).toMatchObject({ reason, sinceMs: IDLE.progressAtMs });
    expect(wait?.text).toMatch(new RegExp(`^${reason}: .`));
  });

  it.each([
    ['target_backlog', 'DualWriteStarted', 'host/7'],
    ['at_work', 'MigrationComplete', 'host/7'],
    ['at_work', 'Idle', 'host/7'],
    ['no_worker', 'DualWriteStarted', null],
    ['grace', 'DualWriteStopped', null],
  ] as const)('has brought nothing to an end: %s in %s', (reason, phase, holder) => {
    expect(waitOf({ ...RUNNING, phase }, { ...AROUND, holder }, NOW)).toMatchObject({ reason });
  });

  it('does not blame a target for what an operator’s throttle holds back', () => {
    const around = { ...AROUND, documentsPerSecond: 30 };
    expect(waitOf(RUNNING, around, NOW)).toMatchObject({
      reason: 'throttled',
      text: expect.stringMatching(/^throttled: copies into \S+ share 30 documents\/s$/) as string,
    });
    expect(waitOf({ ...RUNNING, phase: 'MigrationComplete' }, around, NOW)).toMatchObject({ reason: 'at_work' });
  });

  it('says at once that its worker died at it; past its switch it rests', () => {
    const moving = { ...RUNNING, progressAtMs: NOW - 2_000 };
    const lost = { ...AROUND, holder: null, lostAtMs: NOW - 1 };
    expect(waitOf(moving, lost, NOW)).toMatchObject({ reason: 'no_worker', sinceMs: NOW - 1 });
    expect(waitOf({ ...moving, phase: 'DualWriteStopped' }, lost, NOW)).toBeNull();
    expect([isLeft({ ...moving, outcome: 'done' }, NOW), isLeft(IDLE, NOW), isLeft(moving, null)]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('gets on, or has ended: none', () => {
    const moving = { ...RUNNING, progressAtMs: NOW - STILL_MS + 1 };
    expect([isStill(moving, NOW), waitOf(moving, AROUND, NOW)]).toEqual([false, null]);
    const ended = { ...RUNNING, outcome: 'failed' as const };
    expect([isStill(ended, NOW), waitOf(ended, AROUND, NOW)]).toEqual([false, null]);
    expect(waitOf(RUNNING, undefined, NOW)).toBeNull();
  });
});
