import { afterEach, describe, expect, it } from 'vitest';
import { METRICS } from '../../../src/telemetry/metric-table.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import type { Metrics } from '../../../src/telemetry/metrics.ts';

let metrics: Metrics | undefined;
afterEach(() => metrics?.close());

describe('the metric table', () => {
  it('keeps the names and buckets of the original', () => {
    expect(METRICS.rebalanceInProgress).toMatchObject({ name: 'miroir_rebalance_in_progress', type: 'gauge' });
    expect(METRICS.documentsMigrated).toMatchObject({
      name: 'miroir_rebalance_documents_migrated_total',
      type: 'counter',
    });
    expect(METRICS.rebalanceDuration).toMatchObject({
      name: 'miroir_rebalance_duration_seconds',
      buckets: [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600],
    });
    expect(METRICS.nodeRequestDuration.buckets).toEqual([0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1]);
  });

  it('follows the conventions: prefix, unique names, counters end in _total and nothing else does', () => {
    const definitions = Object.values(METRICS);
    expect(new Set(definitions.map(({ name }) => name)).size).toBe(definitions.length);
    for (const { name, type, help } of definitions) {
      expect(name).toMatch(/^miroir_[a-z0-9_]+$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(help, name).not.toMatch(/\.$/);
    }
  });
});

describe('createMetrics', () => {
  it('starts counters without labels, and those with closed labels, at 0', async () => {
    metrics = createMetrics({ withProcess: false });
    const text = await metrics.scrape();
    expect(text).toContain('\nmiroir_rebalance_documents_migrated_total 0\n');
    expect(text).toContain('\nmiroir_rebalance_in_progress 0\n');
    expect(text).toContain('miroir_windows_total{result="repaired"} 0');
    expect(text).toContain('miroir_refused_writes_total{reason="fence"} 0');
    expect(text).toContain('miroir_moves{phase="MigrationInProgress"} 0');
    expect(text).not.toContain('miroir_leader{');
  });

  it('registers every metric of the table, and measures what the facade is told', async () => {
    metrics = createMetrics({ withProcess: false });
    metrics.documentsMigrated.inc(1_000);
    metrics.leader.set({ scope: 'rebalance:cities' }, 1);
    metrics.nodeRequestDuration.observe({ node_id: 'n1', operation: 'page' }, 0.02);
    const text = await metrics.scrape();
    for (const { name, type } of Object.values(METRICS)) expect(text).toContain(`# TYPE ${name} ${type}`);
    expect(text).toContain('miroir_rebalance_documents_migrated_total 1000');
    expect(text).toContain('miroir_leader{scope="rebalance:cities"} 1');
    expect(text).toContain('miroir_node_request_duration_seconds_bucket{le="0.025",node_id="n1",operation="page"} 1');
  });

  it('adds those of the process, and keeps two of them in one process apart', async () => {
    metrics = createMetrics();
    const other = createMetrics({ withProcess: false });
    metrics.bytesMigrated.inc(5);
    expect(await metrics.scrape()).toContain('process_resident_memory_bytes');
    expect(await other.scrape()).toContain('\nmiroir_bytes_migrated_total 0\n');
    other.close();
  });
});
