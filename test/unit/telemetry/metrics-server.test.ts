import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { startMetricsServer } from '../../../src/telemetry/metrics-server.ts';
import type { MetricsServer, MetricsServerOptions } from '../../../src/telemetry/metrics-server.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import type { Metrics } from '../../../src/telemetry/metrics.ts';

let metrics: Metrics;
let lines: string[];
const servers: MetricsServer[] = [];

beforeEach(() => {
  metrics = createMetrics({ withProcess: false });
  lines = [];
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  metrics.close();
});

async function start(options: Partial<MetricsServerOptions> = {}): Promise<MetricsServer | null> {
  const logger = createLogger({ level: 'info', role: 'test', destination: { write: (line) => void lines.push(line) } });
  const server = await startMetricsServer({ host: '127.0.0.1', port: 0, metrics, logger, ...options });
  if (server !== null) servers.push(server);
  return server;
}

describe('startMetricsServer', () => {
  it('serves metrics and both health routes on a free port', async () => {
    const server = await start();
    const response = await fetch(`${server?.url}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await response.text()).toContain('miroir_rebalance_in_progress 0');
    expect((await fetch(`${server?.url}/livez`)).status).toBe(200);
    expect((await fetch(`${server?.url}/readyz`)).status).toBe(200);
    expect((await fetch(`${server?.url}/`)).status).toBe(404);
    expect((await fetch(`${server?.url}/metrics`, { method: 'POST' })).status).toBe(405);
  });

  it('says why it is not ready, while it stays alive', async () => {
    const server = await start({ readiness: () => 'Redis does not answer' });
    const response = await fetch(`${server?.url}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.text()).toBe('Redis does not answer\n');
    expect((await fetch(`${server?.url}/livez`)).status).toBe(200);
  });

  it('sets the gauges from the records before each scrape', async () => {
    let moves = 0;
    const server = await start({
      beforeScrape: () => {
        metrics.movesInGrace.set(++moves);
        return Promise.resolve();
      },
    });
    expect(await (await fetch(`${server?.url}/metrics`)).text()).toContain('miroir_moves_in_grace 1');
    expect(await (await fetch(`${server?.url}/metrics`)).text()).toContain('miroir_moves_in_grace 2');
  });

  it('serves what it has, with a warning, when the records cannot be read', async () => {
    const server = await start({ beforeScrape: () => Promise.reject(new Error('Redis is gone')) });
    expect(await (await fetch(`${server?.url}/metrics`)).text()).toContain('miroir_rebalance_in_progress 0');
    expect(lines.join('')).toContain('Redis is gone');
  });

  it('resolves to null with a warning when the port is taken', async () => {
    const first = await start();
    expect(await start({ port: first?.port ?? 0 })).toBeNull();
    expect(lines.join('')).toContain('MIROIR_METRICS_PORT');
  });
});
