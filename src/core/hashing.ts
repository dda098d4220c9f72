/**
 * Where a key and a shard go. This is a compatibility surface: routers in other languages compute the same values, so
 * nothing here may ever change. Strings are hashed as the original's language does it: their UTF-8 bytes, then one
 * byte FF; a shard number is four bytes, little endian. Lone surrogates count as U+FFFD, which is what reaches a node.
 */
import xxhash from 'xxhash-wasm';
import { InvalidInputError } from '../errors.ts';

const xxh = await xxhash();
const utf8 = new TextEncoder();

/** Ends every hashed string. FF never occurs in UTF-8, so no key is another key's beginning. */
const STRING_END = 0xff;
const UTF8_BYTES_PER_UNIT = 3;

/** Reused by every call, since allocating costs more than hashing; no call leaves anything in it for another. */
let scratch = new Uint8Array(256);

/** The hash of `head` bytes already in scratch, then the text, then FF. */
function hashString(text: string, head: number): bigint {
  const room = head + text.length * UTF8_BYTES_PER_UNIT + 1;
  if (scratch.length < room) {
    const larger = new Uint8Array(room * 2);
    larger.set(scratch.subarray(0, head));
    scratch = larger;
  }
  const { written } = utf8.encodeInto(text, scratch.subarray(head));
  scratch[head + written] = STRING_END;
  return xxh.h64Raw(scratch.subarray(0, head + written + 1), 0n);
}

/** XXH64 of the text's UTF-8 bytes with seed 0, without FF: for our own fingerprints, never for placement. */
export const hash64 = (text: string): bigint => xxh.h64(text, 0n);

/** Both coordinates of a key with one hash: its shard (0..shards-1) and its slot (0..65535). */
export function locateKey(key: string, shards: number): { shard: number; slot: number } {
  if (!Number.isSafeInteger(shards) || shards < 1) {
    throw new InvalidInputError(`an index has at least one shard, not ${shards}`, {
      field: 'shards',
      remedy: 'give a whole number from 1',
    });
  }
  const hash = hashString(key, 0);
  return { shard: Number(hash % BigInt(shards)), slot: Number(hash >> 48n) };
}

/** The shard (0..shards-1) of a document by its primary key's text. */
export const shardForKey = (key: string, shards: number): number => locateKey(key, shards).shard;

/** The slot (0..65535) of a document by its primary key's text: the top 16 bits of the hash that gives its shard. */
export const slotForKey = (key: string): number => Number(hashString(key, 0) >> 48n);

/** A node's rendezvous score (unsigned 64 bits) for a shard (0..2^32-1); the highest scores own it. */
export function rendezvousScore(shard: number, nodeId: string): bigint {
  scratch[0] = shard;
  scratch[1] = shard >>> 8;
  scratch[2] = shard >>> 16;
  scratch[3] = shard >>> 24;
  return hashString(nodeId, 4);
}
