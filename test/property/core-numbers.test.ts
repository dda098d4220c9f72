import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import xxhash from 'xxhash-wasm';
import { rendezvousScore } from '../../src/core/hashing.ts';
import { allowance, createPace, onBatch, onRefused, setClients } from '../../src/core/pace.ts';
import { assignShard } from '../../src/core/placement.ts';
import { rankNodes } from '../../src/core/ranking.ts';
import { Progress, SLOTS, adaptWidth, cut, firstWidth, nextWindow, type Window } from '../../src/core/windows.ts';

const xxh = await xxhash();
const idArb = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
const nodesArb = fc.uniqueArray(idArb, { minLength: 1, maxLength: 20 });
const shardArb = fc.integer({ min: 0, max: 65_535 });

describe('placement', () => {
  it('scores are XXH64 over shard, id and FF', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.string({ unit: 'grapheme' }), (shard, id) => {
        const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(id), Buffer.of(0xff)]);
        bytes.writeUInt32LE(shard);
        expect(rendezvousScore(shard, id)).toBe(xxh.h64Raw(bytes, 0n));
      }),
      { numRuns: 1000 },
    );
  });

  it('all shards at once are ranked as one at a time', () => {
    fc.assert(
      fc.property(nodesArb, shardArb, fc.integer({ min: 1, max: 5 }), (nodes, shard, replicationFactor) => {
        const ranked = rankNodes(nodes, shard + 1, replicationFactor).best(shard, replicationFactor);
        expect(ranked).toEqual(assignShard({ shard, nodes, replicationFactor }));
      }),
      { numRuns: 300 },
    );
  });

  it('exactly RF distinct nodes of those given, whatever their order', () => {
    fc.assert(
      fc.property(nodesArb, shardArb, fc.integer({ min: 1, max: 5 }), (nodes, shard, replicationFactor) => {
        const owners = assignShard({ shard, nodes, replicationFactor });
        expect(owners).toHaveLength(Math.min(replicationFactor, nodes.length));
        expect(new Set(owners).size).toBe(owners.length);
        expect(nodes).toEqual(expect.arrayContaining(owners));
        expect(assignShard({ shard, nodes: nodes.toReversed(), replicationFactor })).toEqual(owners);
        expect(new Set(nodes.map((id) => rendezvousScore(shard, id))).size).toBe(nodes.length);
      }),
    );
  });

  it('adding a node changes at most 3·RF·ceil(S/(N+1)) edges', () => {
    const shards = 64;
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 10 }), fc.integer({ min: 1, max: 3 }), fc.nat(1000), (n, rf, salt) => {
        const nodes = Array.from({ length: n }, (_, i) => `s${salt}-${i}`);
        const [before, after] = [rankNodes(nodes, shards, rf), rankNodes([...nodes, `s${salt}-${n}`], shards, rf)];
        let changed = 0;
        for (let shard = 0; shard < shards; shard += 1) {
          const old = before.best(shard, rf);
          const gained = after.best(shard, rf).filter((id) => !old.includes(id));
          expect(gained.every((id) => id === `s${salt}-${n}`)).toBe(true);
          changed += gained.length;
        }
        expect(changed).toBeLessThanOrEqual(3 * rf * Math.ceil(shards / (n + 1)));
      }),
    );
  });
});

describe('windows', () => {
  it('cover every slot once, however wide they are and however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: SLOTS }), { minLength: 1, maxLength: 20 }),
        fc.nat(),
        (widths, seed) => {
          let offset = 0;
          for (let i = 0; ; i += 1) {
            const window = nextWindow(offset, Math.max(500, widths[i % widths.length]!));
            if (window === null) break;
            expect(window.from).toBe(offset);
            const halves = seed % 2 === 0 ? cut(window) : null;
            const [low, high] = halves ?? [window, { from: window.to + 1, to: window.to }];
            expect([low.from, high.from, high.to]).toEqual([window.from, low.to + 1, window.to]);
            expect(low.to).toBeGreaterThanOrEqual(low.from);
            offset = window.to + 1;
          }
          expect(offset).toBe(SLOTS);
        },
      ),
    );
  });

  it('widths stay between one slot and all of them', () => {
    fc.assert(
      fc.property(fc.nat(1e7), fc.nat(1e9), fc.integer({ min: 1, max: SLOTS }), (docs, bytes, width) => {
        for (const each of [firstWidth(docs, 1000), adaptWidth(width, docs, bytes, 1000, 8e6)]) {
          expect(each).toBeGreaterThanOrEqual(1);
          expect(each).toBeLessThanOrEqual(SLOTS);
          expect(Number.isInteger(each)).toBe(true);
        }
      }),
    );
  });

  it('progress counts every window once, in whatever order they finish and wherever it is resumed', () => {
    const cutsArb = fc.uniqueArray(fc.integer({ min: 1, max: SLOTS - 1 }), { maxLength: 12 });
    fc.assert(
      fc.property(
        cutsArb,
        fc.array(fc.nat(1000), { minLength: 13, maxLength: 13 }),
        fc.nat(12),
        (cuts, order, stop) => {
          const starts = [0, ...cuts.toSorted((a, b) => a - b)];
          const windows = starts.map((from, i) => ({ from, to: (starts[i + 1] ?? SLOTS) - 1, docs: i + 1 }));
          const shuffled = windows
            .map((window, i) => ({ window, key: order[i]! }))
            .sort((a, b) => a.key - b.key)
            .map(({ window }) => window);
          let progress = new Progress();
          let counted = 0;
          for (const [i, window] of shuffled.entries()) {
            if (i === stop) progress = new Progress(progress.snapshot(), progress.beyond());
            counted += progress.done(window, window.docs);
            expect(counted).toBe(progress.docsMigrated);
            const below = windows.filter(({ to }) => to < progress.lastOffset);
            expect(progress.docsMigrated).toBe(below.reduce((sum, { docs }) => sum + docs, 0));
            const next = progress.next(0, 100);
            const isFree = (slot: number): boolean =>
              shuffled.slice(i + 1).some(({ from, to }: Window) => from <= slot && slot <= to);
            expect(next === null ? progress.isComplete : [next.from, next.to].every(isFree)).toBe(true);
          }
          expect(progress.isComplete).toBe(true);
          expect(progress.docsMigrated).toBe(windows.reduce((sum, { docs }) => sum + docs, 0));
        },
      ),
    );
  });
});

describe('pace', () => {
  it('always allows a batch, never less than 500 documents, and never more than the bounds', () => {
    const limits = { maxTasks: 8, maxBytes: 1e6, minDocs: 500, windowDocs: 1000, targetBatchMs: 1000 };
    const stepArb = fc.oneof(
      fc.record({ docs: fc.nat(20_000), durationMs: fc.nat(20_000), smallBatchMs: fc.nat(2000) }),
      fc.constant('refused' as const),
      fc.nat(3),
    );
    fc.assert(
      fc.property(fc.array(stepArb, { maxLength: 40 }), (steps) => {
        let pace = createPace(limits);
        for (const step of steps) {
          if (step === 'refused') pace = onRefused(pace);
          else pace = typeof step === 'number' ? setClients(pace, step) : onBatch(pace, step);
          const allowed = allowance(pace);
          expect(allowed.docsInFlight).toBeGreaterThanOrEqual(500);
          expect(allowed.docsInFlight).toBeLessThanOrEqual(8000);
          expect(allowed.tasksInFlight).toBeGreaterThanOrEqual(1);
          expect(allowed.tasksInFlight).toBeLessThanOrEqual(8);
          expect(allowed.windowDocs).toBeGreaterThanOrEqual(500);
        }
      }),
    );
  });

  it('no batch of a steady node lasts longer than allowed once the first has been seen, but for the smallest', () => {
    const limits = { maxTasks: 16, maxBytes: 1e6, minDocs: 500, windowDocs: 1000, targetBatchMs: 1000 };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 900 }), fc.integer({ min: 100, max: 50_000 }), (priceMs, rate) => {
        let pace = setClients(createPace(limits), 1);
        for (let i = 0; i < 60; i += 1) {
          const docs = allowance(pace).docsInFlight;
          const durationMs = priceMs + (docs / rate) * 1000;
          const isBound = i > 0 && docs > 500;
          expect(isBound ? durationMs : 0).toBeLessThanOrEqual(Math.max(1000, 3 * priceMs));
          pace = onBatch(pace, { docs, durationMs, smallBatchMs: priceMs });
        }
      }),
    );
  });
});
