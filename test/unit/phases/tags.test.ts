import { describe, expect, it } from 'vitest';
import { foreignWrites } from '../../../src/phases/audit.ts';
import { nextGap } from '../../../src/phases/copy.ts';
import type { SentWindow } from '../../../src/phases/in-flight.ts';
import { readTag, windowOf, writeTag } from '../../../src/phases/tags.ts';
import { compareDocuments } from '../../../src/phases/verify.ts';
import type { NodeTask } from '../../../src/ports.ts';

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

describe('foreign writes', () => {
  const move = { id: 'm1', shard: 3 };
  const of = (change: Partial<NodeTask>): boolean => foreignWrites([task(change)], move).length === 1;
  const tagged = (id: string, shard: number): string => writeTag({ move: id, fence: '1', shards: [shard], attempt: 1 });

  it('are those of others that may touch the shard', () => {
    expect(of({})).toBe(true);
    expect(of({ customMetadata: 'a client’s own' })).toBe(true);
    expect(of({ customMetadata: tagged('m2', 3) })).toBe(true);
    expect(of({ type: 'documentDeletion' })).toBe(true);
    // A failed one may have been applied in part, as far as we know.
    expect(of({ status: 'failed' })).toBe(true);
  });

  it('are not ours, not another shard’s, not cancelled, and not what changes no document', () => {
    expect(of({ customMetadata: tagged('m1', 3) })).toBe(false);
    expect(of({ customMetadata: tagged('m2', 4) })).toBe(false);
    expect(of({ status: 'canceled' })).toBe(false);
    expect(of({ type: 'settingsUpdate' })).toBe(false);
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
