import { describe, expect, it } from 'vitest';
import { PartQueue } from '../../../src/routing/router/part-queue.ts';
import { cut } from '../../../src/routing/router/payload.ts';
import type { Part } from '../../../src/routing/router/payload.ts';

/** Documents of ten bytes, with their commas. */
const part = (shard: number, ...ids: string[]): Part => ({
  shard,
  ids,
  texts: ids.map((id) => id.padEnd(9, '.')),
  bytes: ids.length * 10,
});
const namesOf = (taken: readonly { part: Part }[]): string[] =>
  taken.map(({ part: { shard, ids } }) => `${shard}:${ids.join()}`);

describe('cut', () => {
  it('takes what fits, at least one document, and keeps the order', () => {
    const whole = part(1, 'a', 'b', 'c');
    expect(cut(whole, 30)).toEqual([whole, null]);
    expect(cut(whole, 25)).toEqual([part(1, 'a', 'b'), part(1, 'c')]);
    expect(cut(whole, 1)).toEqual([part(1, 'a'), part(1, 'b', 'c')]);
    expect(cut(part(1, 'a'), 1)).toEqual([part(1, 'a'), null]);
  });

  it('takes no more ids than a script goes through in a moment', () => {
    const whole = part(1, ...Array.from({ length: 20_001 }, (_, id) => String(id)));
    const [first, rest] = cut(whole, 5_000_000);
    expect([first.ids.length, rest?.ids]).toEqual([20_000, ['20000']]);
  });

  it('counts bytes, not characters', () => {
    const text = 'ä'.repeat(10);
    const wide: Part = { shard: 0, ids: ['a', 'b'], texts: [text, text], bytes: 42 };
    expect(cut(wide, 21)[0].ids).toEqual(['a']);
  });
});

describe('the parts of a write', () => {
  it('go together until a request is full', () => {
    const queue = new PartQueue([part(0, 'a'), part(1, 'b'), part(2, 'c', 'd')]);
    expect(namesOf(queue.take(25))).toEqual(['0:a', '1:b']);
    expect(namesOf(queue.take(15))).toEqual(['2:c']);
    expect(queue.take(15)).toEqual([]);
    expect(queue.isEmpty).toBe(false);
  });

  it('go one piece of a shard after the other, also past one that waits', () => {
    const queue = new PartQueue([part(0, 'a', 'b', 'c')]);
    const [first] = queue.take(10);
    if (first === undefined) throw new Error('nothing taken');
    expect(queue.take(10)).toEqual([]);
    first.isDue = false;
    queue.putBack(first);
    expect(queue.take(10)).toEqual([]);
    first.isDue = true;
    expect(namesOf(queue.take(10))).toEqual(['0:a']);
    queue.done(first);
    const [second] = queue.take(10);
    expect(second?.part.ids).toEqual(['b']);
    if (second !== undefined) queue.done(second);
    expect(namesOf(queue.take(10))).toEqual(['0:c']);
    expect(queue.isEmpty).toBe(true);
  });

  it('of other shards go while one is under way', () => {
    const queue = new PartQueue([part(0, 'a', 'b'), part(1, 'c')]);
    expect(namesOf(queue.take(10))).toEqual(['0:a']);
    expect(namesOf(queue.take(100))).toEqual(['1:c']);
  });
});
