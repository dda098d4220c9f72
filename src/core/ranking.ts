/**
 * The best nodes of every shard at once: the same answer as `assignShard`, for whole tables.
 *
 * The score's input is the shard in four bytes, then the node id, then FF. Only the first eight bytes depend on the
 * shard, so per node everything after them is turned into constants once, and what is left is a chain of like steps
 * over an array of shards. Nodes of equal length whose ids begin alike share the beginning of their chains: in a fleet
 * `node-0000` … `node-0999` a score costs two or three steps. Cost measured for 1,000 nodes × 65,536 shards: 0.3 s.
 */
import { createScoreKernel, type ScoreKernel } from './score-kernel.ts';

export interface NodeRanking {
  /** Up to `count` nodes of a shard, best first; at most as many as `copies` was. */
  best(shard: number, count: number): readonly string[];
}

/** XXH64's primes, by their number. */
const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotl = (value: bigint, by: bigint): bigint => u64((u64(value) << by) | (u64(value) >> (64n - by)));
/** XXH64's round. */
const round = (acc: bigint, lane: bigint): bigint => u64(rotl(acc + lane * P2, 31n) * P1);

/** One kernel call: constants as score-kernel.ts names them. */
interface Step {
  readonly run: 'step' | 'converge';
  readonly k: readonly [bigint, bigint, bigint, bigint, bigint, bigint];
}

const step = (m: bigint, a: bigint, b: bigint, r: bigint, p: bigint, q: bigint): Step => ({
  run: 'step',
  k: [m, u64(a), u64(b), r, p, u64(q)],
});

/** Inputs from 32 bytes run four accumulators over stripes; the shard reaches only the first of them. */
function stripes(view: DataView, length: number): Step[] {
  const steps: Step[] = [];
  let [second, third, fourth] = [P2, 0n, u64(-P1)];
  let at = 0;
  for (; at + 32 <= length; at += 32) {
    const lane = view.getBigUint64(at, true) * P2;
    steps.push(at === 0 ? step(P2, lane + P1 + P2, 0n, 31n, P1, 0n) : step(1n, lane, 0n, 31n, P1, 0n));
    second = round(second, view.getBigUint64(at + 8, true));
    third = round(third, view.getBigUint64(at + 16, true));
    fourth = round(fourth, view.getBigUint64(at + 24, true));
  }
  const rest = u64(rotl(second, 7n) + rotl(third, 12n) + rotl(fourth, 18n));
  steps.push({ run: 'converge', k: [1n, rest, P2, 31n, P1, P4] });
  steps.push(step(1n, 0n, round(0n, second), 0n, P1, P4));
  steps.push(step(1n, 0n, round(0n, third), 0n, P1, P4));
  steps.push(step(1n, 0n, round(0n, fourth), 0n, P1, P4 + BigInt(length)));
  return steps;
}

/** Inputs below 32 bytes: the first lane (8 bytes, or 4 in an input of fewer) holds the shard. */
function firstLane(view: DataView, length: number): Step[] {
  const start = P5 + BigInt(length);
  if (length < 8) return [step(P1, 0n, start, 23n, P2, P3)];
  return [step(P2, view.getBigUint64(0, true) * P2, 0n, 31n, P1, 0n), step(1n, 0n, start, 27n, P1, P4)];
}

/** The chain that turns a shard number into the hash of shard ‖ id ‖ FF, but for the avalanche at the end. */
function chainOf(id: string): Step[] {
  const text = new TextEncoder().encode(id);
  const input = new Uint8Array(4 + text.length + 1);
  input.set(text, 4);
  input[input.length - 1] = 0xff;
  const view = new DataView(input.buffer);
  const { length } = input;
  const steps = length < 32 ? firstLane(view, length) : stripes(view, length);
  let at = length < 8 ? 4 : length < 32 ? 8 : length & ~31;
  for (; at + 8 <= length; at += 8) {
    steps.push(step(1n, 0n, round(0n, view.getBigUint64(at, true)), 27n, P1, P4));
  }
  if (at + 4 <= length) {
    steps.push(step(1n, 0n, BigInt(view.getUint32(at, true)) * P1, 23n, P2, P3));
    at += 4;
  }
  for (; at < length; at += 1) steps.push(step(1n, 0n, BigInt(view.getUint8(at)) * P5, 11n, P1, 0n));
  return steps;
}

const sameStep = (a: Step, b: Step | undefined): boolean =>
  b !== undefined && a.run === b.run && a.k.every((value, i) => value === b.k[i]);

/** A kernel call of a block: from level to level of the chain, or (at its end) into the slots for a node. */
interface Call {
  readonly run: 'step' | 'converge' | 'best';
  readonly level: number;
  readonly k: number;
  readonly node: number;
}

/** Shards of one block; its levels together stay within the first- and second-level caches. */
const BLOCK = 512;
const LEVEL_BYTES = BLOCK * 8;
const SLOT_BYTES = 16;

/** Lays the nodes' chains out as calls, leaving out the steps that a node shares with the one before it. */
function compile(ids: readonly string[]): { calls: Call[]; constants: bigint[]; levels: number } {
  // By length and id, since the length goes into the first step: neighbours then share the longest beginnings.
  const order = ids.map((_, node) => node).sort((a, b) => ids[a]!.length - ids[b]!.length || a - b);
  const calls: Call[] = [];
  const constants = [P2, P3];
  let before: Step[] = [];
  let levels = 0;
  for (const node of order) {
    const chain = chainOf(ids[node]!);
    let level = 0;
    while (level < chain.length && sameStep(chain[level]!, before[level])) level += 1;
    for (; level < chain.length; level += 1) {
      calls.push({ run: chain[level]!.run, level, k: constants.length * 8, node });
      constants.push(...chain[level]!.k);
    }
    calls.push({ run: 'best', level, k: 0, node });
    levels = Math.max(levels, level + 1);
    before = chain;
  }
  return { calls, constants, levels };
}

function runBlock(kernel: ScoreKernel, calls: readonly Call[], levelsAt: number, slotsAt: number, depth: number): void {
  for (const { run, level, k, node } of calls) {
    const src = levelsAt + level * LEVEL_BYTES;
    if (run === 'step') kernel.step(src, src + LEVEL_BYTES, LEVEL_BYTES, k);
    else if (run === 'converge') kernel.converge(src, src + LEVEL_BYTES, LEVEL_BYTES, k);
    else kernel.best(src, slotsAt, LEVEL_BYTES, node, depth, k);
  }
}

/**
 * Ranks `nodes` (distinct ids, any order) for the shards 0..shards-1, `copies` deep: highest score first, equal scores
 * by id. Memory: four bytes per shard and copy, and the block's arrays while it runs.
 */
export function rankNodes(nodes: readonly string[], shards: number, copies: number): NodeRanking {
  const ids = [...nodes].sort();
  const depth = Math.min(copies, ids.length);
  const owners = new Uint32Array(shards * depth);
  if (owners.length > 0) {
    const { calls, constants, levels } = compile(ids);
    const levelsAt = constants.length * 8;
    const slotsAt = levelsAt + levels * LEVEL_BYTES;
    const slots = BLOCK * depth;
    const kernel = createScoreKernel(slotsAt + slots * SLOT_BYTES);
    const { buffer } = kernel.memory;
    new BigUint64Array(buffer).set(constants);
    const numbers = new BigUint64Array(buffer, levelsAt, BLOCK);
    const scores = new BigUint64Array(buffer, slotsAt, slots * 2);
    const found = new Uint32Array(buffer, slotsAt, slots * 4);
    for (let first = 0; first < shards; first += BLOCK) {
      for (let i = 0; i < BLOCK; i += 1) numbers[i] = BigInt(first + i);
      // An empty slot: the lowest score with the highest node number, so that every node comes before it.
      for (let i = 0; i < scores.length; i += 2) [scores[i], scores[i + 1]] = [0n, 0xffff_ffffn];
      runBlock(kernel, calls, levelsAt, slotsAt, depth);
      const filled = Math.min(slots, owners.length - first * depth);
      for (let i = 0; i < filled; i += 1) owners[first * depth + i] = found[i * 4 + 2]!;
    }
  }
  return {
    best(shard, count) {
      const first = shard * depth;
      const end = Math.min(owners.length, first + Math.min(count, depth));
      const found: string[] = [];
      for (let at = first; at < end; at += 1) found.push(ids[owners[at]!]!);
      return found;
    },
  };
}
