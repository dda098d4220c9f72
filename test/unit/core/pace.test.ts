import { describe, expect, it } from 'vitest';
import {
  allowance,
  createPace,
  onBatch,
  onComplaint,
  onContent,
  onRefused,
  setClients,
  type Pace,
} from '../../../src/core/pace.ts';

const LIMITS = { maxTasks: 16, maxBytes: 64e6, minDocs: 500, windowDocs: 1000, targetBatchMs: 1000 };

/** Feeds a pace with the batches of a node, each as large as is allowed, and returns how long they took. */
function simulate(pace: Pace, priceMs: number, docsPerSecond: number, batches: number, smallBatchMs = priceMs) {
  const durations: number[] = [];
  let now = pace;
  for (let i = 0; i < batches; i += 1) {
    const docs = allowance(now).docsInFlight;
    const durationMs = priceMs + (docs / docsPerSecond) * 1000;
    durations.push(durationMs);
    now = onBatch(now, { docs, durationMs, smallBatchMs });
  }
  return { pace: now, durations };
}

describe('without clients', () => {
  it('only the bounds of tasks and bytes count', () => {
    expect(allowance(createPace(LIMITS))).toEqual({
      docsInFlight: 16_000,
      tasksInFlight: 16,
      bytesInFlight: 64e6,
      windowDocs: 1000,
    });
    const { pace } = simulate(createPace(LIMITS), 700, 200, 20);
    expect(allowance(pace).docsInFlight).toBe(16_000);
  });

  it('a node that is full gets half at once, and more again while it takes it', () => {
    let pace = onRefused(createPace(LIMITS));
    expect(allowance(pace)).toMatchObject({ docsInFlight: 8000, tasksInFlight: 8 });
    for (let i = 0; i < 10; i += 1) pace = onRefused(pace);
    expect(allowance(pace)).toMatchObject({ docsInFlight: 500, tasksInFlight: 1, windowDocs: 500 });
    expect(allowance(simulate(pace, 50, 15_000, 3).pace).docsInFlight).toBe(2000);
    expect(allowance(simulate(pace, 50, 15_000, 100).pace).docsInFlight).toBe(16_000);
  });
});

describe('with clients', () => {
  const start = setClients(createPace(LIMITS), 1);

  it('begins with one window', () => {
    expect(allowance(start)).toMatchObject({ docsInFlight: 1000, tasksInFlight: 1, windowDocs: 1000 });
  });

  it('a fast node (15,000 docs/s) is used fully, and no batch lasts more than a second', () => {
    const { pace, durations } = simulate(start, 50, 15_000, 60);
    expect(Math.max(...durations)).toBeLessThanOrEqual(1000);
    expect(allowance(pace).docsInFlight).toBeGreaterThanOrEqual(13_000);
  });

  it('a slow node (200 docs/s) gets the smallest batches from its first one on', () => {
    const { pace, durations } = simulate(start, 50, 200, 20);
    expect(durations[0]).toBe(5050);
    expect(durations.slice(1).every((ms) => ms === 2550)).toBe(true);
    expect(allowance(pace)).toMatchObject({ docsInFlight: 500, tasksInFlight: 1, windowDocs: 500 });
  });

  it('a node whose small batches are dear gets three of them as time', () => {
    const { durations, pace } = simulate(start, 700, 5000, 60);
    expect(Math.max(...durations)).toBeLessThanOrEqual(2100);
    expect(Math.max(...durations)).toBeGreaterThan(1500);
    expect(allowance(pace).docsInFlight).toBeGreaterThan(4000);
  });

  it('one slow batch halves, however many documents were allowed', () => {
    const { pace } = simulate(start, 50, 15_000, 60);
    const halved = onBatch(pace, { docs: 4000, durationMs: 3000, smallBatchMs: 50 });
    expect(allowance(halved).docsInFlight).toBe(2000);
    expect(allowance(onRefused(pace)).docsInFlight).toBe(Math.floor(allowance(pace).docsInFlight / 2));
  });

  it('a small batch says nothing of a full one', () => {
    expect(onBatch(start, { docs: 10, durationMs: 1, smallBatchMs: 1 }).clientDocs).toBe(start.clientDocs);
    expect(onBatch(start, { docs: 0, durationMs: 0, smallBatchMs: 0 }).clientDocs).toBe(start.clientDocs);
  });

  it('never goes below 500 documents, also with smaller windows', () => {
    const small = setClients(createPace({ ...LIMITS, windowDocs: 100, maxTasks: 3 }), 2);
    expect(allowance(small)).toMatchObject({ docsInFlight: 500, tasksInFlight: 3, windowDocs: 100 });
    expect(allowance(simulate(small, 50, 10, 5).pace).docsInFlight).toBe(500);
  });

  it('when the last router goes, clients count no more', () => {
    expect(allowance(setClients(start, 0)).docsInFlight).toBe(16_000);
  });
});

describe('when clients of an end are kept waiting', () => {
  const full = { docs: 8_000, durationMs: 100, smallBatchMs: 50 };

  it('half is left at once with every complaint, with clients of routers or without, down to the smallest', () => {
    for (const routers of [0, 1]) {
      let pace = simulate(setClients(createPace(LIMITS), routers), 50, 15_000, 40).pace;
      const { docsInFlight } = allowance(pace);
      pace = onComplaint(pace);
      expect(allowance(pace).docsInFlight).toBe(Math.floor(docsInFlight / 2));
      for (let i = 0; i < 10; i += 1) pace = onComplaint(pace);
      expect(allowance(pace)).toMatchObject({ docsInFlight: 500, tasksInFlight: 1 });
    }
  });

  it('no batch adds a step until they are not, and then each adds one', () => {
    const pressed = onComplaint(createPace(LIMITS));
    const { docsInFlight } = allowance(pressed);
    expect(allowance(onBatch(onBatch(pressed, full), full)).docsInFlight).toBe(docsInFlight);
    const content = onContent(pressed);
    expect(allowance(content).docsInFlight).toBe(docsInFlight);
    expect(allowance(onBatch(content, full)).docsInFlight).toBe(docsInFlight + 500);
    expect(onContent(content)).toBe(content);
  });
});
