// The board over real queues: it shows everything, changes nothing but by a retry, and needs nothing from elsewhere.
import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HIDDEN } from '../../src/api/board.ts';
import { redacted } from '../../src/api/redact.ts';
import { loadConfig } from '../../src/config.ts';
import { type Control, type Running, openControl, startApi } from '../../src/service.ts';
import { apiSettings } from '../support/api.ts';
import { withRedis } from '../support/redis.ts';
import { untilTrue } from '../support/until.ts';

const redis = withRedis();
const PREFIX = '{miroir}';
let api: Running & { readonly boardUrl: string };
let control: Control;
let events: Queue;

interface BoardQueue {
  readonly name: string;
  readonly readOnlyMode: boolean;
  readonly allowRetries: boolean;
  readonly jobs: readonly {
    readonly name: string;
    readonly externalUrl?: unknown;
    readonly data: Record<string, unknown>;
    readonly progress: unknown;
  }[];
}

const boardQueues = async (active = '', status = 'latest'): Promise<readonly BoardQueue[]> => {
  const query = `activeQueue=${active}&status=${status}&page=1&jobsPerPage=20`;
  const response = await fetch(`${api.boardUrl}/api/queues?${query}`);
  expect(response.status).toBe(200);
  return ((await response.json()) as { queues: BoardQueue[] }).queues;
};

const registerIndex = (uid: string): Promise<void> =>
  control.fleet.createIndex(1, { uid, primaryKey: 'id', shards: 1, replicationFactor: 1, groups: [0] }, [
    { shard: 0, state: 'stable', owners: ['n1'], readers: ['n1'], epoch: 1 },
  ]);

beforeAll(async () => {
  const config = loadConfig({ ...apiSettings(redis.url), MIROIR_API_ENVIRONMENT: 'staging' });
  control = await openControl(config);
  await control.fleet.initTopology([{ id: 'n1', url: 'http://127.0.0.1:1', group: 0, state: 'active' }]);
  await registerIndex('cities');
  events = new Queue('topology-events', { connection: { url: redis.url }, prefix: PREFIX });
  const job = await events.add('NodeAdded', {
    node_id: 'n4',
    url: 'http://user:hidden@10.0.0.1:7700',
    api_key: 'hidden',
  });
  await job.updateProgress({ done: 3, token: 'hidden' });
  const moves = new Queue('rebalance.cities', { connection: { url: redis.url }, prefix: PREFIX });
  await moves.add('cities/17 n1→n4 MigrationInProgress', {
    v: 1,
    move: 'm',
    docs_migrated: 5_000,
    last_offset: 32_768,
  });
  await moves.close();
  api = await startApi(config);
});

afterAll(async () => {
  await api.close();
  await events.close();
  await control.close();
});

describe('the board', () => {
  it('serves its page without anything from elsewhere', async () => {
    const page = await fetch(api.boardUrl);
    expect(page.status).toBe(200);
    const html = await page.text();
    expect(html).toContain('id="root"');
    expect(html).not.toMatch(/(?:href|src)="(?:https?:)?\/\//);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    for (const [, path = ''] of html.matchAll(/(?:href|src)="(static\/[^"]+)"/g)) {
      expect((await fetch(`${api.boardUrl}/${path}`)).status, path).toBe(200);
    }
  });

  it('lists the queues, jobs by their names, with data and progress', async () => {
    await untilTrue(async () => (await boardQueues()).length === 5);
    const queues = await boardQueues('rebalance.cities');
    expect(queues.map(({ name }) => name)).toEqual([
      'topology-events',
      'rebalance-claims',
      'reconcile',
      'reconcile-slow',
      'rebalance.cities',
    ]);
    const [job] = queues.find(({ name }) => name === 'rebalance.cities')?.jobs ?? [];
    expect(job?.name).toBe('cities/17 n1→n4 copy');
    expect(job?.data).toMatchObject({ docs_migrated: 5_000, last_offset: 32_768 });
    expect(job?.progress).toBe(50);
    expect(job?.externalUrl).toEqual({ href: '/#/moves/m', displayText: 'move' });
  });

  it('offers a retry where failed jobs are listed, and nothing else anywhere', async () => {
    await untilTrue(async () => (await boardQueues()).length >= 5);
    const may = async (active: string, status: string) =>
      (await boardQueues(active, status))
        .filter(({ readOnlyMode }) => !readOnlyMode)
        .map(({ name, allowRetries }) => [name, allowRetries]);
    expect(await may('topology-events', 'failed')).toEqual([['topology-events', true]]);
    for (const status of ['latest', 'delayed', 'completed']) expect(await may('topology-events', status)).toEqual([]);
    expect(await may('', 'failed')).toEqual([]);
    // The page has its own buttons beside a retry; by these classes, or it shows what we refuse.
    const page = await (await fetch(api.boardUrl)).text();
    const dist = join(import.meta.dirname, '../../node_modules/@bull-board/ui/dist/static/js/async');
    const scripts = (await readdir(dist)).filter((name) => name.endsWith('.js'));
    const sources = (await Promise.all(scripts.map((name) => readFile(join(dist, name), 'utf8')))).join('\n');
    for (const selector of HIDDEN) {
      expect(page).toContain(selector);
      expect(sources).toContain(`"${/^\.([\w-]+)/.exec(selector)?.[1]}"`);
    }
    expect(sources).toMatch(/failed\]:\[\w+\.retry,/);
  });

  it('says which fleet it shows, and leads back', async () => {
    const page = await (await fetch(api.boardUrl)).text();
    expect(page).toContain('staging');
    expect(page).toMatch(/"miscLinks":\s*\[\{"text":"Miroir","url":"\/"\}\]/);
  });

  it('shows the queue of a new index within a few seconds', async () => {
    await registerIndex('people');
    await untilTrue(async () => (await boardQueues()).length === 6);
    expect((await boardQueues()).map(({ name }) => name)).toContain('rebalance.people');
  });

  it('shows nothing that looks like a secret', async () => {
    await untilTrue(async () => (await boardQueues()).length >= 3);
    const [queue] = await boardQueues('topology-events');
    expect(queue?.jobs[0]?.data).toEqual({ node_id: 'n4', url: 'http://***@10.0.0.1:7700', api_key: '***' });
    expect(queue?.jobs[0]?.progress).toEqual({ done: 3, token: '***' });
  });

  it.each([
    ['POST', '/api/queues/topology-events/add'],
    ['PUT', '/api/queues/topology-events/pause'],
    ['PUT', '/api/queues/topology-events/obliterate'],
    ['PUT', '/api/queues/topology-events/1/promote'],
    ['PUT', '/api/queues/pause'],
    ['PATCH', '/api/queues/topology-events/1/update-data'],
    ['DELETE', '/api/queues/topology-events/1'],
    ['POST', '/no/such/route'],
  ])('refuses %s %s', async (method, path) => {
    const response = await fetch(`${api.boardUrl}${path}`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
    expect(await events.isPaused()).toBe(false);
    expect(await events.count()).toBe(1);
  });

  it('refuses the same under an address that is written in another way', async () => {
    const url = `${api.boardUrl.replace('/queues', '/%71ueues')}/api/queues/topology-events/pause`;
    expect((await fetch(url)).status).not.toBe(500);
    expect((await fetch(url, { method: 'PUT' })).status).toBe(405);
    expect(await events.isPaused()).toBe(false);
  });

  it('answers on loopback names only, so that no page elsewhere can read it', async () => {
    const { port } = new URL(api.boardUrl);
    const status = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        request({ host: '127.0.0.1', port, path: '/queues/api/queues', headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on('error', reject)
          .end();
      });
    expect(await status(`evil.example:${port}`)).toBe(403);
    expect(await status(`localhost:${port}`)).toBe(200);
  });

  it('says that it lives and is ready, and when its port is taken', async () => {
    for (const path of ['/livez', '/readyz']) expect((await fetch(new URL(path, api.boardUrl))).status).toBe(200);
    const { port } = new URL(api.boardUrl);
    const taken = loadConfig({
      MIROIR_REDIS_URL: redis.url,
      MIROIR_ALLOW_VOLATILE_REDIS: '1',
      MIROIR_METRICS_PORT: '0',
      MIROIR_API_PORT: port,
      MIROIR_LOG_LEVEL: 'silent',
    });
    await expect(startApi(taken)).rejects.toMatchObject({ code: 'miroir_api_port', field: 'api_port' });
  });
});

describe('redacting', () => {
  it.each([
    [{ api_key: 'x', apiKey: 'x', master_key: 'x', Authorization: 'x' }, ['***', '***', '***', '***']],
    [{ api_key_ref: 'n4', primaryKey: 'id', key: 'k', node_id: 'n1' }, ['n4', 'id', 'k', 'n1']],
    [{ note: 'sent with Bearer abc.def', url: 'redis://u:p@h:1' }, ['sent with Bearer ***', 'redis://***@h:1']],
    [{ list: [{ secret: 'x', n: 1 }], none: null, token: null }, [[{ secret: '***', n: 1 }], null, null]],
  ])('%o', (value, expected) => {
    expect(Object.values(redacted(value) as object)).toEqual(expected);
  });
});
