import { describe, expect, it } from 'vitest';
import { canonicalDocument } from '../../../src/core/canonical.ts';
import { documentDigest } from '../../../src/core/digest.ts';
import { areDone, differing } from '../../../src/core/replicas.ts';
import { type Known, isExpired, survivorOf } from '../../../src/core/survivor.ts';

const KNOWN: Known = { removedAtMs: null, doubtMs: -1, expiryMs: null };
const copy = (name: string, atMs: number, more = ''): string =>
  `{"id":1,"name":"${name}"${more},"_miroir_updated_at":${atMs}}`;

describe('of a document’s copies', () => {
  it('the newest updated_at is chosen, wherever it is', () => {
    const [old, fresh] = [copy('old', 10), copy('fresh', 20)];
    expect(survivorOf([old, fresh, old], KNOWN)).toEqual({ text: fresh });
    expect(survivorOf([fresh, old], KNOWN)).toEqual({ text: fresh });
    expect(survivorOf(['{"id":1}', old], KNOWN)).toEqual({ text: old });
    expect(survivorOf([null, null], KNOWN)).toEqual({ text: null });
  });

  it('a tie is broken by the larger content hash, in whatever order they come', () => {
    const copies = ['a', 'b', 'c', 'd'].map((name) => copy(name, 10));
    const hash = (text: string): bigint => documentDigest(canonicalDocument(text));
    const largest = copies.reduce((most, one) => (hash(one) > hash(most) ? one : most));
    expect(survivorOf(copies, KNOWN)).toEqual({ text: largest });
    expect(survivorOf(copies.toReversed(), KNOWN)).toEqual({ text: largest });
  });

  it('one that is missing somewhere stands when it was written after the last delete', () => {
    const one = copy('one', 10);
    expect(survivorOf([one, null], KNOWN)).toEqual({ text: one });
    expect(survivorOf([one, null], { ...KNOWN, removedAtMs: 9 })).toEqual({ text: one });
    for (const removedAtMs of [10, 11])
      expect(survivorOf([null, one], { ...KNOWN, removedAtMs })).toEqual({ text: null });
  });

  it('one that every owner has stands: no delete can have been after it', () => {
    const [old, fresh] = [copy('old', 10), copy('fresh', 20)];
    expect(survivorOf([old, fresh], { ...KNOWN, removedAtMs: 30, doubtMs: 30 })).toEqual({ text: fresh });
  });

  it('one that is missing somewhere and may have been deleted is nobody’s to decide', () => {
    const one = copy('one', 10);
    const open = { open: 'it was lost somewhere or deleted elsewhere, and nothing says which' };
    expect(survivorOf([one, null], { ...KNOWN, doubtMs: 10 })).toEqual(open);
    expect(survivorOf(['{"id":1}', null], { ...KNOWN, doubtMs: 10 })).toEqual(open);
    expect(survivorOf([one, null], { ...KNOWN, doubtMs: Infinity })).toEqual(open);
    expect(survivorOf([one, null], { ...KNOWN, doubtMs: 9 })).toEqual({ text: one });
    // A tombstone says it all the same.
    expect(survivorOf([one, null], { ...KNOWN, doubtMs: 10, removedAtMs: 10 })).toEqual({ text: null });
  });

  it('an expired one goes everywhere, unless a newer one has not expired', () => {
    const expired = copy('expired', 10, ',"_miroir_expires_at":100');
    const fresh = copy('fresh', 20, ',"_miroir_expires_at":1000');
    expect(survivorOf([expired, null], { ...KNOWN, expiryMs: 100 })).toEqual({ text: null });
    expect(survivorOf([expired, null], { ...KNOWN, expiryMs: 99 })).toEqual({ text: expired });
    expect(survivorOf([expired, null], KNOWN)).toEqual({ text: expired });
    expect(survivorOf([expired, fresh], { ...KNOWN, expiryMs: 500 })).toEqual({ text: fresh });
    expect(survivorOf([expired, copy('new', 20)], { ...KNOWN, expiryMs: 500 })).toEqual({ text: copy('new', 20) });
    expect(isExpired('{"_miroir_expires_at":"soon"}', 500)).toBe(false);
  });
});

describe('pages of one window', () => {
  const page = (...documents: string[]): Buffer => Buffer.from(`[${documents.join(',')}]`);
  const [a, b, c] = ['{"id":1,"n":1.5}', '{"id":2,"n":2}', '{"id":"x","n":3}'] as const;

  it('differ in nothing, in whatever order they are, whatever a node’s reading does to doubles', () => {
    expect(differing([], 'id', null).size).toBe(0);
    expect(differing([page(a, b, c), page(a, b, c)], 'id', null).size).toBe(0);
    expect(differing([page(a, b, c), page(c, a, b)], 'id', null).size).toBe(0);
    expect(differing([page(a, b), page(b, '{"n":1.5,"id":1}')], 'id', null).size).toBe(0);
    expect(differing([page(a), page('{"id":1,"n":1.5000000000000002}')], 'id', null).size).toBe(0);
  });

  it('differ in what is missing, superfluous or another document', () => {
    const other = '{"id":2,"n":20}';
    const found = differing([page(a, b), page(a, other, c), page(a, b)], 'id', null);
    expect([...found]).toEqual([
      ['2', [b, other, b]],
      ['x', [null, c, null]],
    ]);
  });

  it('tell what has expired, also where they are equal', () => {
    const expired = '{"id":3,"_miroir_expires_at":100}';
    const pages = [page(a, expired), page(a, expired)];
    expect([...differing(pages, 'id', 100)]).toEqual([['3', [expired, expired]]]);
    expect(differing(pages, 'id', 99).size).toBe(0);
    expect(differing(pages, 'id', null).size).toBe(0);
    expect(areDone([expired, expired], 100)).toBe(false);
    expect(areDone([expired, expired], null)).toBe(true);
    expect(areDone([a, a], 100)).toBe(true);
    expect(areDone([a, null], null)).toBe(false);
  });
});
