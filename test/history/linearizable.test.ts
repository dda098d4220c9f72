import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { everyOrderFails } from './brute-force.ts';
import { apply, linearizable } from './linearizable.ts';
import type { Operation, State } from './linearizable.ts';

const STEPS = 100_000;

/** `[start, ordered, end]`, or `[start, end]` where the 202 says it all. */
type Span = readonly [number, number, number] | readonly [number, number];

const spanOf = (span: Span): Pick<Operation, 'startMs' | 'orderedMs' | 'endMs'> => ({
  startMs: span[0],
  orderedMs: span[1],
  endMs: span[2] ?? span[1],
});
const write = (kind: 'put' | 'update' | 'delete', value: string, span: Span): Operation => ({
  kind,
  value,
  seen: null,
  ...spanOf(span),
  isOptional: false,
});
const put = (value: string, ...span: Span): Operation => write('put', value, span);
const update = (value: string, ...span: Span): Operation => write('update', value, span);
const remove = (...span: Span): Operation => write('delete', '', span);
/** Of unknown outcome, its value seen by somebody. */
const unknown = (value: string, startMs: number): Operation => put(value, startMs, Infinity, Infinity);
const unknownDelete = (startMs: number): Operation => ({ ...remove(startMs, Infinity), isOptional: true });
const read = (base: string | null, startMs: number, endMs: number, patch = base): Operation => ({
  ...write('delete', '', [startMs, endMs]),
  kind: 'read',
  seen: patch === null ? null : { base, patch },
});
const nothing = (startMs: number, endMs: number): Operation => read(null, startMs, endMs);

const GOOD: readonly (readonly [string, readonly Operation[]])[] = [
  ['no call at all', []],
  ['a read of what was never written', [nothing(0, 1)]],
  [
    'one after the other',
    [put('a', 0, 1), read('a', 2, 3), put('b', 4, 5), read('b', 6, 7), remove(8, 9), nothing(10, 11)],
  ],
  ['a partial update keeps the base', [put('a', 0, 1), update('b', 2, 3), read('a', 4, 5, 'b')]],
  ['a partial update of nothing makes a document without a base', [update('b', 0, 1), read(null, 2, 3, 'b')]],
  ['a read during a write sees it', [put('a', 0, 1), put('b', 2, 10), read('b', 3, 4), read('b', 5, 6)]],
  ['a read during a write does not see it', [put('a', 0, 1), put('b', 2, 10), read('a', 3, 4), read('b', 5, 6)]],
  ['accepted, not applied: not seen yet', [put('a', 0, 1), put('b', 2, 3, 20), read('a', 4, 5), read('b', 21, 22)]],
  ['two at once, the second one won', [put('a', 0, 10), put('b', 0, 10), read('b', 11, 12), read('b', 13, 14)]],
  ['two at once, the first one won', [put('a', 0, 10), put('b', 0, 10), read('a', 11, 12), read('a', 13, 14)]],
  [
    'a write that was never answered and appears late',
    [put('a', 0, 1), unknown('u', 2), read('a', 10, 11), read('u', 50, 51)],
  ],
  [
    'a delete that was never answered and took place',
    [put('a', 0, 1), unknownDelete(2), read('a', 3, 4), nothing(5, 6)],
  ],
  ['a delete that was never answered and did not', [put('a', 0, 1), unknownDelete(2), read('a', 30, 40)]],
  [
    'made again after an unknown delete, gone by it later',
    [put('a', 0, 1), unknownDelete(2), put('b', 3, 4), read('b', 5, 6), nothing(7, 8)],
  ],
];

const BAD: readonly (readonly [string, readonly Operation[]])[] = [
  ['a value that nobody wrote', [put('a', 0, 1), read('x', 2, 3)]],
  ['a value from the future', [read('a', 0, 1), put('a', 2, 3)]],
  ['a lost write', [put('a', 0, 1), nothing(2, 3)]],
  ['a stale read', [put('a', 0, 1), put('b', 2, 3), read('a', 4, 5)]],
  ['a lost update: the later 202 is not the last word', [put('a', 0, 1, 10), put('b', 2, 3, 10), read('a', 11, 12)]],
  ['a resurrected document', [put('a', 0, 1), remove(2, 3), read('a', 4, 5)]],
  ['a lost partial update', [put('a', 0, 1), update('b', 2, 3), read('a', 4, 5)]],
  ['a partial update that took the base away', [put('a', 0, 1), update('b', 2, 3), read(null, 4, 5, 'b')]],
  ['an older base under a newer patch', [put('a', 0, 1), put('b', 2, 3), update('c', 4, 5), read('a', 6, 7, 'c')]],
  ['two at once, seen in both orders', [put('a', 0, 10), put('b', 0, 10), read('a', 11, 12), read('b', 13, 14)]],
  [
    'a write seen before another, gone, and back',
    [put('a', 0, 9), put('b', 0, 9), read('a', 10, 11), read('b', 12, 13), read('a', 14, 15)],
  ],
  ['an unknown write that appears before it was sent', [put('a', 0, 1), read('u', 2, 3), unknown('u', 4)]],
  [
    'an unknown delete that took place twice',
    [put('a', 0, 1), unknownDelete(2), nothing(3, 4), put('b', 5, 6), nothing(7, 8)],
  ],
  [
    'an unknown write that comes back after it was replaced',
    [unknown('u', 0), read('u', 1, 2), put('b', 3, 4), read('b', 5, 6), read('u', 7, 8)],
  ],
];

describe('linearizable', () => {
  it.each(GOOD)('accepts %s', (_, operations) => {
    expect(linearizable(operations, { readsInOrder: true, stepsMax: STEPS }).verdict).toBe('linearizable');
    expect(everyOrderFails(operations, true)).toBe(false);
  });

  it.each(BAD)('finds %s', (_, operations) => {
    const found = linearizable(operations, { readsInOrder: true, stepsMax: STEPS });
    expect(found.verdict).toBe('violated');
    expect(everyOrderFails(operations, true)).toBe(true);
  });

  it('lets replicas differ only until the task has succeeded, when reads are not in order', () => {
    const loose = (operations: readonly Operation[]): string =>
      linearizable(operations, { readsInOrder: false, stepsMax: STEPS }).verdict;
    const flips = [put('a', 0, 1), put('b', 2, 3, 20), read('b', 4, 5), read('a', 6, 7)];
    expect(loose(flips)).toBe('linearizable');
    expect(linearizable(flips, { readsInOrder: true, stepsMax: STEPS }).verdict).toBe('violated');
    expect(loose([...flips, read('a', 21, 22)])).toBe('violated');
    expect(loose([...flips, read('b', 21, 22)])).toBe('linearizable');
  });

  it('names where it got stuck', () => {
    const bad = read('a', 4, 5);
    const found = linearizable([put('a', 0, 1), put('b', 2, 3), bad], { readsInOrder: true, stepsMax: STEPS });
    expect(found.stuck).toContain(bad);
  });

  it('says undecided when it is out of steps', () => {
    const many = Array.from({ length: 12 }, (_, at) => put(`v${at}`, 0, 100));
    const impossible = [...many, read('v0', 101, 102), read('v1', 103, 104)];
    expect(linearizable(impossible, { readsInOrder: true, stepsMax: 500 }).verdict).toBe('undecided');
    expect(linearizable(many, { readsInOrder: true, stepsMax: 500 }).verdict).toBe('linearizable');
  });

  it('stays fast on one key written without a pause, each write applied long after its 202', () => {
    const operations: Operation[] = [];
    for (let at = 0; at < 20_000; at += 1) {
      operations.push(put(`v${at}`, at, at + 0.5, at + 300));
      // Reads see what is applied: about 250 writes ago.
      if (at % 4 === 0 && at >= 300) operations.push(read(`v${at - 250}`, at + 0.1, at + 0.2));
    }
    const found = linearizable(operations, { readsInOrder: true, stepsMax: STEPS });
    expect(found.verdict).toBe('linearizable');
    expect(found.steps).toBeLessThan(2 * operations.length);
  });
});

const kinds = fc.constantFrom<Operation['kind'][]>('put', 'update', 'delete', 'read');
const legal = (lengthMax: number): fc.Arbitrary<Operation[]> =>
  fc
    .array(
      fc.record({
        kind: kinds,
        before: fc.integer({ min: 0, max: 40 }),
        after: fc.integer({ min: 0, max: 40 }),
        acceptedAt: fc.double({ min: 0, max: 1, noNaN: true }),
        isOptional: fc.nat(5).map((one) => one === 0),
      }),
      { maxLength: lengthMax },
    )
    .map((steps) => {
      let state: State = null;
      let latestStartMs = -Infinity;
      return steps.map(({ kind, before, after, acceptedAt, isOptional }, at) => {
        // It takes effect at 10 × at; the 202 may come before that, but not before an earlier one was sent.
        const startMs = 10 * at - before;
        const endMs = 10 * at + after;
        latestStartMs = Math.max(latestStartMs, startMs);
        const orderedMs = latestStartMs + acceptedAt * (endMs - latestStartMs);
        const plain = { kind, value: `v${at}`, seen: null, startMs, endMs, isOptional: false };
        if (kind === 'read') return { ...plain, seen: state, orderedMs: endMs };
        const isOpen = isOptional;
        const operation: Operation = {
          ...plain,
          orderedMs,
          ...(isOpen && { orderedMs: Infinity, endMs: Infinity }),
          isOptional: isOpen,
        };
        state = apply(state, operation) ?? null;
        return operation;
      });
    });

describe('random histories', () => {
  it('of a register that takes one call after the other are accepted, however long its calls took', () => {
    fc.assert(
      fc.property(legal(60), fc.boolean(), (operations, readsInOrder) => {
        expect(linearizable(operations, { readsInOrder, stepsMax: STEPS }).verdict).toBe('linearizable');
      }),
      { numRuns: 300 },
    );
  });

  it('with other answers are judged as by trying every order', () => {
    const verdicts = { linearizable: 0, violated: 0, undecided: 0 };
    const changes = fc.array(fc.tuple(fc.nat(5), fc.integer({ min: -1, max: 5 }), fc.integer({ min: -1, max: 5 })), {
      maxLength: 3,
    });
    const valueOf = (at: number): string | null => (at < 0 ? null : `v${at}`);
    fc.assert(
      fc.property(legal(6), changes, fc.boolean(), (operations, changed, readsInOrder) => {
        const mutated = [...operations];
        for (const [at, base, patch] of changed) {
          const one = mutated[at];
          if (one?.kind !== 'read') continue;
          mutated[at] = { ...one, seen: patch < 0 ? null : { base: valueOf(base), patch: valueOf(patch) } };
        }
        const { verdict } = linearizable(mutated, { readsInOrder, stepsMax: STEPS });
        verdicts[verdict] += 1;
        expect(verdict).toBe(everyOrderFails(mutated, readsInOrder) ? 'violated' : 'linearizable');
      }),
      { numRuns: 3_000 },
    );
    expect(verdicts.undecided).toBe(0);
    expect(Math.min(verdicts.linearizable, verdicts.violated)).toBeGreaterThan(100);
  });
});
