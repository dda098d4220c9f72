import { describe, expect, it } from 'vitest';
import { faultsOnSource, faultsOnTarget, foreignOnSource, foreignOnTarget } from '../../../src/phases/audit.ts';
import { rangesOf } from '../../../src/phases/catch-up.ts';
import { nextGap } from '../../../src/phases/copy.ts';
import type { SentWindow } from '../../../src/phases/in-flight.ts';
import { delayFor } from '../../../src/phases/pressure.ts';
import { readRouterTag, readTag, shardsOf, windowOf, writeTag } from '../../../src/phases/tags.ts';
import { compareDocuments } from '../../../src/phases/verify.ts';
import type { JournalEntry, NodeTask } from '../../../src/ports.ts';

const task = (change: Partial<NodeTask>): NodeTask => ({
  uid: 1,
  indexUid: 'a',
  status: 'succeeded',
  type: 'documentAdditionOrUpdate',
  error: null,
  details: null,
  enqueuedAt: '',
  startedAt: null,
  finishedAt: null,
  customMetadata: null,
  ...change,
});

describe('the tag of a write', () => {
  const tag = { move: 'm1', fence: '1795395258394000', shards: [3], attempt: 2, window: [10, 20] as const };

  it('survives its way through a node’s task list', () => {
    expect(readTag(writeTag(tag))).toEqual(tag);
    expect(windowOf(tag)).toEqual({ from: 10, to: 20 });
    expect(windowOf({ move: 'm1', fence: '1', shards: [3], attempt: 1 })).toBeNull();
  });

  it.each([null, '', 'load', '{"router":"r1"}', '{"move":', '{"move":"m1"'])('is not read into %j', (text) => {
    expect(readTag(text)).toBeNull();
  });
});

const move = { id: 'm1', shard: 3 };
const tagged = (id: string, shard: number, fence = '20'): string =>
  writeTag({ move: id, fence, shards: [shard], attempt: 1 });
const routed = (epoch: number, ...shards: number[]): string =>
  JSON.stringify({ router: 'r1', epoch, shards, attempt: 1 });

describe('the tag of a router', () => {
  it('is read with its shards, and not from a client’s text that begins like it', () => {
    expect(readRouterTag(routed(7, 3, 4))).toEqual({ router: 'r1', epoch: 7, shards: [3, 4], attempt: 1 });
    expect(shardsOf(routed(7, 3, 4))).toEqual([3, 4]);
    expect(shardsOf(tagged('m1', 3))).toEqual([3]);
    for (const text of ['{"router":"r1"}', '{"router":"r1","epoch":"7","shards":[3]}', '{"router":"r1","epoch":7}'])
      expect(shardsOf(text)).toBeNull();
    expect(shardsOf('{"move":"m1","fence":"1"}')).toBeNull();
  });
});

describe('foreign writes before the switch', () => {
  const onSource = (change: Partial<NodeTask>): boolean => foreignOnSource([task(change)], move, 7).length === 1;
  const onTarget = (change: Partial<NodeTask>): boolean =>
    foreignOnTarget([task(change)], move, { fence: '20', takenFloor: 5 }).length === 1;

  it('on either node are those of others that may touch the shard', () => {
    for (const of of [onSource, onTarget]) {
      expect(of({})).toBe(true);
      expect(of({ customMetadata: 'a client’s own' })).toBe(true);
      expect(of({ customMetadata: tagged('m2', 3) })).toBe(true);
      expect(of({ type: 'documentDeletion' })).toBe(true);
      expect(of({ type: 'documentEdition' })).toBe(true);
      // A failed one may have been applied in part, as far as we know.
      expect(of({ status: 'failed' })).toBe(true);
    }
  });

  it('are not ours, not another shard’s, not cancelled, and not what changes no document', () => {
    for (const of of [onSource, onTarget]) {
      expect(of({ customMetadata: tagged('m1', 3) })).toBe(false);
      expect(of({ customMetadata: tagged('m2', 4) })).toBe(false);
      expect(of({ customMetadata: routed(1, 4) })).toBe(false);
      expect(of({ status: 'canceled' })).toBe(false);
      expect(of({ type: 'settingsUpdate' })).toBe(false);
    }
  });

  it('on the source are routers that did not know of the tracking, and none that did', () => {
    expect(onSource({ customMetadata: routed(6, 3) })).toBe(true);
    expect(onSource({ customMetadata: routed(7, 3) })).toBe(false);
    expect(onSource({ customMetadata: routed(9, 2, 3) })).toBe(false);
  });

  it('on the target are all routers, and an older fence above what the present one found there', () => {
    expect(onTarget({ customMetadata: routed(9, 3) })).toBe(true);
    expect(onTarget({ uid: 6, customMetadata: tagged('m1', 3, '19') })).toBe(true);
    expect(onTarget({ uid: 5, customMetadata: tagged('m1', 3, '19') })).toBe(false);
  });
});

describe('faults after the switch', () => {
  const onSource = (change: Partial<NodeTask>): boolean =>
    faultsOnSource([task(change)], move, { tracking: 7, switched: 9 }, 100).length === 1;
  const onTarget = (change: Partial<NodeTask>): boolean =>
    faultsOnTarget([task(change)], move, 9, { takenBy: '20', fence: '22', settlingFloor: 50 }).length === 1;

  it('on the source: as before up to its watermark, above it also routers that do not know of the switch', () => {
    expect(onSource({ uid: 100, customMetadata: routed(7, 3) })).toBe(false);
    expect(onSource({ uid: 100, customMetadata: routed(6, 3) })).toBe(true);
    expect(onSource({ uid: 101, customMetadata: routed(8, 3) })).toBe(true);
    expect(onSource({ uid: 101, customMetadata: routed(9, 3) })).toBe(false);
    expect(onSource({ uid: 101 })).toBe(true);
    expect(onSource({ uid: 101, customMetadata: routed(8, 4) })).toBe(false);
  });

  it('on the target: routers by an older table, and holders that are none any more', () => {
    expect(onTarget({ customMetadata: routed(8, 3) })).toBe(true);
    expect(onTarget({ customMetadata: routed(9, 3) })).toBe(false);
    expect(onTarget({})).toBe(true);
    expect(onTarget({ customMetadata: tagged('m2', 3) })).toBe(true);
    // The present holder at any time; those since the take-up until settling was taken up; nobody before or in between.
    expect(onTarget({ uid: 60, customMetadata: tagged('m1', 3, '22') })).toBe(false);
    expect(onTarget({ uid: 50, customMetadata: tagged('m1', 3, '20') })).toBe(false);
    expect(onTarget({ uid: 50, customMetadata: tagged('m1', 3, '21') })).toBe(false);
    expect(onTarget({ uid: 51, customMetadata: tagged('m1', 3, '20') })).toBe(true);
    expect(onTarget({ uid: 50, customMetadata: tagged('m1', 3, '19') })).toBe(true);
    expect(onTarget({ uid: 50, customMetadata: tagged('m1', 3, '23') })).toBe(true);
  });
});

describe('what journal entries without ids stand for', () => {
  it('is their slots, neighbours together, or everything', () => {
    const slots = (bucket: number): JournalEntry => ({ kind: 'slots', bucket, attempt: 1 });
    expect(rangesOf([{ kind: 'id', id: 'a', attempt: 1 }])).toEqual([]);
    expect(rangesOf([slots(255), slots(2), slots(1)])).toEqual([
      { from: 256, to: 767 },
      { from: 65_280, to: 65_535 },
    ]);
    expect(rangesOf([slots(2), { kind: 'shard', attempt: 4 }])).toEqual([{ from: 0, to: 65_535 }]);
  });
});

describe('back-pressure', () => {
  it('begins with the tenth refusal, doubles with every ten more, and is bounded', () => {
    expect([0, 9, 10, 19, 20, 30, 40, 1_000].map(delayFor)).toEqual([0, 0, 200, 200, 400, 800, 1_600, 1_600]);
  });
});

describe('the next window to copy', () => {
  const sent = (from: number, to: number): SentWindow => ({ window: { from, to }, task: task({}), documents: 1 });

  it('goes around windows that an earlier holder has sent', () => {
    const windows = [sent(100, 199), sent(200, 299), sent(500, 65_535)];
    const all: string[] = [];
    for (let offset = 0, next = nextGap(offset, 150, windows); next !== null; next = nextGap(offset, 150, windows)) {
      all.push(`${next.from}-${next.to}`);
      offset = next.to + 1;
    }
    expect(all).toEqual(['0-99', '300-449', '450-499']);
  });

  it('is all of the rest where nothing was sent', () => {
    expect(nextGap(65_000, 65_536, [])).toEqual({ from: 65_000, to: 65_535 });
    expect(nextGap(65_536, 1, [])).toBeNull();
  });
});

describe('documents compared one by one', () => {
  it('says which to send and which to remove, whatever their order', () => {
    const source = '[{"id":1,"a":1},{"id":2,"a":2},{"id":18446744073709551615,"a":3}]';
    const target = '[{"id":18446744073709551614,"a":3},{"a":2,"id":2},{"id":1,"a":9}]';
    expect(compareDocuments(source, target, 'id')).toEqual({
      put: ['{"id":1,"a":1}', '{"id":18446744073709551615,"a":3}'],
      remove: ['18446744073709551614'],
    });
  });

  it('takes doubles that differ by a node’s own reading for equal, integers never', () => {
    const same = (a: string, b: string): boolean =>
      compareDocuments(`[{"id":1,"x":${a}}]`, `[{"id":1,"x":${b}}]`, 'id').put.length === 0;
    expect(same('0.1', '0.10000000000000002')).toBe(true);
    expect(same('0.1', '0.1000001')).toBe(false);
    expect(same('9007199254740992', '9007199254740993')).toBe(false);
  });
});
