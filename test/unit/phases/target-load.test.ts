// What an operator's throttle means for the windows of one process.
import { describe, expect, it } from 'vitest';
import { NO_LIMITS, NO_THROTTLE } from '../../../src/core/throttle.ts';
import { TargetLoads } from '../../../src/phases/target-load.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { createObserver } from '../../../src/telemetry/observer.ts';

const LIMITS = {
  targetTasks: 16,
  targetBytes: 1e9,
  targetBatchMs: 1_000,
  paceClientTaskMs: 1_000,
  paceBatchMs: 1_000,
  windowDocs: 5_000,
  readAheadBytes: 1e9,
};

describe('windows under a throttle', () => {
  it('have no more than may go in a second, or the least that is worth a batch; also into a node that comes later', () => {
    const loads = new TargetLoads(LIMITS, createObserver(createMetrics()));
    const free = loads.of('n1').windowDocs;
    expect(free).toBeGreaterThan(1_200);
    const slow = { ...NO_LIMITS, documentsPerSecond: 10 };
    loads.limit({ ...NO_THROTTLE, documentsPerSecond: 1_200, nodes: { n2: slow } });
    expect(['n1', 'n2'].map((node) => loads.of(node).windowDocs)).toEqual([1_200, 500]);
    loads.limit(NO_THROTTLE);
    expect(loads.of('n1').windowDocs).toBe(free);
  });
});
