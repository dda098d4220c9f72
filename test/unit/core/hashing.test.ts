import { describe, expect, it } from 'vitest';
import xxhash from 'xxhash-wasm';
import { hash64, locateKey, rendezvousScore, shardForKey, slotForKey } from '../../../src/core/hashing.ts';

const xxh = await xxhash();

/** Published with the original's router; each holds only with the FF byte behind the key. */
const VECTORS = [
  ['user:123', 64, 46, 51],
  ['user:456', 64, 48, 55],
  ['product:abc', 64, 24, 15],
  ['order:xyz', 64, 10, 11],
  ['alpha', 128, 104, 72],
  ['beta', 128, 91, 68],
] as const;

describe('keys', () => {
  it.each(VECTORS)('shard of %s among %i is %i', (key, shards, shard) => {
    expect(shardForKey(key, shards)).toBe(shard);
  });

  it.each(VECTORS)('without the FF byte %s among %i would be another shard than %i', (key, shards, shard, without) => {
    expect(Number(hash64(key) % BigInt(shards))).toBe(without);
    expect(without).not.toBe(shard);
  });

  it('a slot is the top 16 bits of the hash that gives the shard', () => {
    for (const key of ['user:123', '', '42', 'Zürich', '😀', 'x'.repeat(5000)]) {
      const hash = xxh.h64Raw(new Uint8Array([...new TextEncoder().encode(key), 0xff]), 0n);
      expect(slotForKey(key)).toBe(Number(hash >> 48n));
      expect(locateKey(key, 64)).toEqual({ shard: Number(hash % 64n), slot: Number(hash >> 48n) });
    }
    expect(slotForKey('user:123')).toBe(59847);
  });

  it('slots are 0 to 65535 and spread over the whole range', () => {
    const slots = Array.from({ length: 2000 }, (_, i) => slotForKey(`doc-${i}`));
    expect(Math.min(...slots)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...slots)).toBeLessThanOrEqual(65535);
    expect(new Set(slots.map((slot) => slot >> 12)).size).toBe(16);
  });

  it('a lone surrogate counts as the replacement character that a node would be sent', () => {
    expect(shardForKey('a\ud800', 1024)).toBe(shardForKey('a\ufffd', 1024));
  });

  it.each([0, -1, 1.5, Number.NaN])('%s is no number of shards', (shards) => {
    expect(() => shardForKey('a', shards)).toThrow(expect.objectContaining({ field: 'shards' }));
  });
});

describe('scores', () => {
  it('hash the shard in four bytes, little endian, then the id, then FF', () => {
    for (const [shard, id] of [
      [0, 'a'],
      [258, 'node-1'],
      [0xffff_fffe, 'a-node-with-a-name-of-more-than-thirty-two-bytes'],
    ] as const) {
      const head = [shard & 0xff, (shard >>> 8) & 0xff, (shard >>> 16) & 0xff, shard >>> 24];
      const bytes = new Uint8Array([...head, ...new TextEncoder().encode(id), 0xff]);
      expect(rendezvousScore(shard, id)).toBe(xxh.h64Raw(bytes, 0n));
    }
  });

  it('a short text after a long one is not disturbed by what the long one left', () => {
    const score = rendezvousScore(7, 'n1');
    rendezvousScore(9, 'x'.repeat(10_000));
    expect(rendezvousScore(7, 'n1')).toBe(score);
  });
});
