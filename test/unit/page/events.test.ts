// The stream of events as the page reads and tells it, and when it reads everything anew.
import { describe, expect, it } from 'vitest';
import { parseEvents } from '../../../src/page/event-text.ts';
import { createRefresh } from '../../../src/page/refresh.ts';
import { lineOf, withEvents } from '../../../src/page/timeline.ts';

describe('the text of the stream', () => {
  const text = 'retry: 2000\n\nid: 5-0\ndata: {"what":"plan"}\n\n:\n\nid: 6-0\ndata: {"what":"verb"}\n\n';

  it('gives the same entries wherever it is cut', () => {
    for (let cut = 0; cut <= text.length; cut += 1) {
      const first = parseEvents(text.slice(0, cut));
      const second = parseEvents(first.rest + text.slice(cut));
      expect(
        [...first.events, ...second.events].map(({ id }) => id),
        `cut at ${cut}`,
      ).toEqual(['5-0', '6-0']);
      expect(second.rest).toBe('');
    }
  });
});

describe('the list of events', () => {
  const entry = (id: string) => ({ id, fields: { what: 'test' } });

  it('has the newest first, each once, five hundred at most', () => {
    const kept = withEvents([], [entry('1-0'), entry('2-0')]);
    expect(kept.map(({ id }) => id)).toEqual(['2-0', '1-0']);
    expect(withEvents(kept, [entry('2-0')])).toBe(kept);
    const many = Array.from({ length: 700 }, (_, at) => entry(`${at + 10}-0`));
    const full = withEvents(kept, many);
    expect([full.length, full[0]?.id, full.at(-1)?.id]).toEqual([500, '709-0', '210-0']);
  });

  it('calls no plan done that was cancelled', () => {
    const event = { id: '1-0', fields: { what: 'plan', plan: 'p1', why: 'done' } };
    const said = [new Set<string>(), new Set(['p1'])].map((cancelled) => lineOf(event, new Map(), cancelled).text);
    expect(said).toEqual(['plan p1 done', 'plan p1 is over: it was cancelled']);
  });

  it.each([
    [{ what: 'asked', verb: 'node drain', actor: 'key:ci-bot', node: 'n1' }, '▸ key:ci-bot asks: node drain node=n1'],
    [
      { what: 'refused', verb: 'node drain', actor: 'loopback', code: 'miroir_last_replica' },
      '! loopback asked: node drain – refused: miroir_last_replica',
    ],
    [
      { what: 'settling', move: 'm1', epoch: '412' },
      '✓ cities/2 n1→n4 switched: the new owner takes writes · epoch 412',
    ],
    [{ what: 'failed', move: 'unknown-1', epoch: '' }, '✗ unknown-1 failed'],
    [{ what: 'of another version', move: 'm1' }, '· cities/2 n1→n4 of another version'],
    [{ what: 'topology', version: '7', why: 'NodeAdded n4' }, '· topology version 7: NodeAdded n4'],
    [{ what: 'plan', plan: 'p1', why: 'done' }, '✓ plan p1 done'],
    [{ what: 'frozen', index: 'cities', shard: '3' }, '✗ cities/3 frozen: Redis has lost writes about it'],
    [{ what: 'left', index: 'cities', nodes: 'n1' }, '· left index=cities nodes=n1'],
  ])('tells %o', (fields, text) => {
    const line = lineOf({ id: '1800000000000-3', fields }, new Map([['m1', 'cities/2 n1→n4']]));
    expect(`${line.sign} ${line.text}`).toBe(text);
    expect(line.atMs).toBe(1_800_000_000_000);
  });
});

/** A reader whose readings take as long as the test says, on a clock that the test moves. */
function stage(tookMs = 10) {
  let now = 0;
  let reads = 0;
  const waiting = new Set<{ readonly at: number; readonly act: () => void }>();
  const later = (act: () => void, ms: number): (() => void) => {
    const one = { at: now + ms, act };
    waiting.add(one);
    return () => waiting.delete(one);
  };
  const refresh = createRefresh({
    nowMs: () => now,
    later,
    read: () =>
      new Promise((resolve) => {
        reads += 1;
        later(resolve, tookMs);
      }),
  });
  const pass = async (ms: number): Promise<void> => {
    for (const end = now + ms; now < end; now += 10) {
      for (const one of waiting) {
        if (one.at > now || !waiting.delete(one)) continue;
        one.act();
        await Promise.resolve();
        await Promise.resolve();
      }
    }
  };
  return { refresh, pass, reads: () => reads };
}

describe('reading anew', () => {
  it('happens at once, then once a second at most, however many wishes there are', async () => {
    const { refresh, pass, reads } = stage();
    for (let at = 0; at < 50; at += 1) {
      refresh.wish();
      await pass(100);
    }
    expect(reads()).toBe(5);
  });

  it('leaves a fleet alone for twice as long as a reading takes', async () => {
    const { refresh, pass, reads } = stage(1_000);
    for (let at = 0; at < 100; at += 1) {
      refresh.wish();
      await pass(100);
    }
    expect(reads()).toBe(4);
  });

  it('does not happen without a wish', async () => {
    const { refresh, pass, reads } = stage();
    refresh.wish();
    await pass(5_000);
    expect(reads()).toBe(1);
  });

  it('stops while nobody looks, and is made up for at once', async () => {
    const { refresh, pass, reads } = stage();
    refresh.show(false);
    refresh.wish();
    await pass(5_000);
    expect(reads()).toBe(0);
    refresh.show(true);
    await pass(20);
    expect(reads()).toBe(1);
  });
});
