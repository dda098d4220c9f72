// What the chaos runner tries, and when it says that its cases show something.
import { describe, expect, it } from 'vitest';
import { caseNamed, enumerate, mustBeRefused, sampleOrder } from '../chaos/cases.ts';
import { failedLine, provesRefusals } from '../chaos/report.ts';

const CHECKPOINT = 'rebalancer/MigrationInProgress/script:move-checkpoint@before/stop-3';
const AFTER = 'rebalancer/MigrationInProgress/node:putDocuments@after/stop-3';

const recording = {
  planner: new Map([
    ['-/script:plan-run@before', 1],
    ['-/script:plan-run@after', 1],
  ]),
  rebalancer: new Map([
    ['-/script:lease-acquire@before', 1],
    ['MigrationInProgress/node:putDocuments@before', 20],
    ['MigrationInProgress/node:putDocuments@after', 20],
    ['MigrationInProgress/script:move-checkpoint@before', 20],
    ['MigrationInProgress/script:move-checkpoint@after', 20],
    ['DualWriteStopped/script:move-advance@before', 5],
  ]),
};
const cases = enumerate(recording, { planner: new Map(), rebalancer: new Map() });
const named = (name: string) => {
  const one = caseNamed(name, cases);
  if (one === undefined) throw new Error(`no case ${name}`);
  return one;
};

describe('a sample', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('begins with a write that must be refused, whatever its seed: %i', (seed) => {
    const { order, needed } = sampleOrder(cases, seed);
    expect(order.map(mustBeRefused)[0]).toBe(true);
    expect(new Set(order)).toEqual(new Set(cases));
    expect(order).toHaveLength(cases.length);
    expect(needed).toBeLessThan(cases.length);
  });
});

describe('refused writes', () => {
  const result = (name: string, refused: number) => ({ case: named(name), outcome: 'passed' as const, refused });

  it('are demanded where a successor must have made the write void', () => {
    expect(provesRefusals([result(CHECKPOINT, 0)])).toBe(false);
    expect(provesRefusals([result(CHECKPOINT, 0), result(CHECKPOINT, 1)])).toBe(true);
  });

  it('are not demanded of a process that has nothing left to write', () => {
    expect(provesRefusals([result(AFTER, 0), result(`${CHECKPOINT}/twice`, 0)])).toBe(true);
    expect(provesRefusals([])).toBe(true);
  });
});

it('a failed case is one line with its command, its seed and everything that was wrong', () => {
  const failed = { case: named(AFTER), outcome: 'failed' as const, seconds: 1, sentAgain: 0, mishaps: 1, refused: 0 };
  const line = failedLine({ ...failed, faults: ['lost 1', 'did not\n  end'], evidence: '/tmp/kept' }, 7);
  expect(line).toBe(`failed: npm run chaos -- --case '${AFTER}' (--seed 7, /tmp/kept): lost 1; did not end`);
});
