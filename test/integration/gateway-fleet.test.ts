// The gateway process over a fleet: the official client talks to three nodes as to one, and the process ends cleanly.
import { request } from 'node:http';
import { Meilisearch } from 'meilisearch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type WorkerProcess, spawnWorker, startWorker } from '../../src/fleet/processes.ts';
import { openRouter } from '../../src/service/router.ts';
import { type TestFleet, startTestFleet } from '../support/fleet.ts';
import { ask, JSON_TYPE, startScene } from '../support/gateway.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

let fleet: TestFleet;
let gateway: WorkerProcess;
let client: Meilisearch;

const environment = (): Record<string, string> => ({
  ...fleet.env,
  MIROIR_GATEWAY_PORT: '0',
  MIROIR_METRICS_PORT: '0',
  MIROIR_NEW_INDEX_SHARDS: '16',
});
const isHealthy = async (url = gateway.ready.gateway ?? ''): Promise<boolean> =>
  (await ask(url, { path: '/health' })).status === 200;

beforeAll(async () => {
  fleet = await startTestFleet({ nodes: 3 });
  gateway = await startWorker('gateway', environment());
  client = new Meilisearch({ host: gateway.ready.gateway ?? '' });
  await untilTrue(() => isHealthy());
}, 60_000);
afterAll(async () => {
  await gateway.child.stop(10_000);
  await fleet.stop();
});

describe('a gateway process', { timeout: 60_000 }, () => {
  it('spreads an index over the nodes, and shows one', async () => {
    await client.createIndex('cities', { primaryKey: 'id' }).waitTask();
    await client
      .index('cities')
      .updateSettings({ filterableAttributes: ['country'], sortableAttributes: ['people'] })
      .waitTask();
    const documents = Array.from({ length: 300 }, (_, id) => ({ id, name: `city ${id}`, country: id % 3, people: id }));
    expect(await client.index('cities').addDocuments(documents).waitTask({ timeout: 20_000 })).toMatchObject({
      status: 'succeeded',
      details: { receivedDocuments: 300, indexedDocuments: 300 },
    });
    const counts = await Promise.all(
      fleet.nodes.map(
        async ({ url }) => (await new Meilisearch({ host: url }).index('cities').getStats()).numberOfDocuments,
      ),
    );
    const at = gateway.ready.gateway ?? '';
    const floor = (version: string) => ({
      path: '/indexes/cities/search',
      headers: { 'x-miroir-min-settings-version': version },
    });
    const asked = await ask(at, floor('1'));
    expect([asked.status, asked.headers['x-miroir-settings-version']]).toEqual([200, '1']);
    expect((await ask(at, floor('2'))).text).toContain('miroir_settings_version_stale');
    expect((await ask(at, floor('two'))).status).toBe(400);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(300);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect((await client.index('cities').getStats()).numberOfDocuments).toBe(300);
    expect(await client.index('cities').getDocument(7)).toEqual(documents[7]);
    const found = await client
      .index('cities')
      .search('city', { filter: 'country = 1', sort: ['people:desc'], limit: 3 });
    expect(found.hits).toEqual([298, 295, 292].map((id) => documents[id]));
    expect(found.estimatedTotalHits).toBe(100);
  });

  it('counts its requests', async () => {
    const text = (await ask(gateway.ready.metrics ?? '', { path: '/metrics' })).text;
    expect(text).toMatch(/miroir_gateway_requests_total\{route="POST \/indexes\/:uid\/documents",status="202"\} 1/);
  });

  it('counts the body of a client that hung up until the requests that carry it are over', async () => {
    const router = openRouter(fleet.base, { role: 'test' });
    await untilTrue(() => router.readiness() === true);
    const scene = await startScene({ router });
    const heldBytes = async (): Promise<number> => (await scene.metrics.gatewayHeldBytes.get()).values[0]?.value ?? 0;
    const [path, body] = ['/indexes/cities/documents', '[{"id":2000,"name":"held"}]'];
    const nodes = fleet.nodes.map((node) => switchesOf(node));
    const asked = async (): Promise<number> =>
      (await Promise.all(nodes.map((node) => node.asked(`^${path}\\?`)))).flat().length;
    try {
      const before = await asked();
      for (const node of nodes) await node.fault({ match: { path: `^${path}\\?` }, do: 'delay', ms: 800, times: 1 });
      const sent = request(scene.gateway.url + path, { method: 'POST', headers: JSON_TYPE });
      sent.on('error', () => undefined);
      sent.end(body);
      await untilTrue(async () => (await asked()) === before + 1);
      sent.destroy();
      await untilTrue(async () => ((await scene.metrics.gatewayInFlight.get()).values[0]?.value ?? 0) === 0);
      expect(await heldBytes()).toBe(body.length);
      await untilTrue(async () => (await heldBytes()) === 0);
      // Accepted behind the client's back, as by a node.
      await untilTrue(async () => (await ask(scene.gateway.url, { path: `${path}/2000` })).status === 200);
    } finally {
      for (const node of nodes) await node.clearFaults();
      await scene.close();
    }
  });

  it('ends with 0 on SIGTERM, and another one takes over what it has accepted', async () => {
    const other = await startWorker('gateway', environment());
    const task = await client.index('cities').addDocuments([{ id: 1_000, name: 'last' }]);
    const { code } = await gateway.child.stop(10_000);
    expect(code, gateway.child.tail().join('\n')).toBe(0);
    gateway = other;
    client = new Meilisearch({ host: other.ready.gateway ?? '' });
    await untilTrue(() => isHealthy());
    expect((await client.tasks.waitForTask(task.taskUid)).status).toBe('succeeded');
    expect(await client.index('cities').getDocument(1_000)).toEqual({ id: 1_000, name: 'last' });
  });

  it('does not start beyond loopback without keys: 78, and says what to do', async () => {
    const child = await spawnWorker('gateway', { ...environment(), MIROIR_GATEWAY_HOST: '0.0.0.0' });
    const { code } = await child.exited;
    expect(code).toBe(78);
    expect(child.tail().join('\n')).toMatch(/gateway_keys_file[\s\S]*miroir gateway-key/);
  });
});
