// Keys of the control API: who is let in, what each scope may do, on the board as well, and where there have to be some.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, Worker } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readKeyFile } from '../../src/access/key-file.ts';
import { API_KEY_FILE, type ApiKeyEntry, createApiKeys, newApiKey, SCOPES, type Scope } from '../../src/api/keys.ts';
import { loadConfig } from '../../src/config.ts';
import { type Running, startApi } from '../../src/service.ts';
import { type ApiAnswered, type ApiAsked, apiCode, askApi, JSON_BODY, apiSettings } from '../support/api.ts';
import { withRedis } from '../support/redis.ts';
import { untilTrue } from '../support/until.ts';

const redis = withRedis();
const made = Object.fromEntries(SCOPES.map((scope) => [scope, newApiKey({ name: `${scope}er`, scope })])) as Record<
  Scope,
  { readonly key: string; readonly entry: ApiKeyEntry }
>;
const over = newApiKey({ name: 'gone', scope: 'admin', expiresAt: '2020-01-01T00:00:00Z' });
let dir: string;
let api: Running & { readonly apiUrl: string };
let events: Queue;
let failedId: string;

const settings = (more: Record<string, string>): Record<string, string> => ({
  ...apiSettings(redis.url),
  ...more,
});
const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });
const as = (key: string, asked: ApiAsked): Promise<ApiAnswered> =>
  askApi(api.apiUrl, { ...asked, headers: { ...asked.headers, ...bearer(key) } });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'miroir-api-keys-'));
  const file = join(dir, 'keys.json');
  await writeFile(file, JSON.stringify([...Object.values(made), over].map(({ entry }) => entry)));
  api = await startApi(loadConfig(settings({ MIROIR_API_HOST: '0.0.0.0', MIROIR_API_KEYS_FILE: file })));
  const at = { connection: { url: redis.url }, prefix: '{miroir}' };
  events = new Queue('topology-events', at);
  failedId = (await events.add('NodeFailed', { node_id: 'n9' })).id ?? '';
  const worker = new Worker('topology-events', () => Promise.reject(new Error('refused')), at);
  await untilTrue(async () => (await events.getFailedCount()) === 1);
  await worker.close();
});
afterAll(async () => {
  await api.close();
  await events.close();
  await rm(dir, { recursive: true });
});

describe('who is let in', () => {
  it('anybody sees that it lives, and nothing else', async () => {
    expect((await askApi(api.apiUrl, { path: '/livez' })).status).toBe(200);
    for (const path of ['/', '/metrics', '/openapi.json', '/docs', '/queues', '/queues/api/queues']) {
      const answer = await askApi(api.apiUrl, { path });
      expect([answer.status, apiCode(answer)], path).toEqual([401, 'miroir_key_missing']);
      expect(answer.headers['www-authenticate']).toContain('Basic realm=');
    }
  });

  it.each([
    ['a key that holds', () => bearer(made.read.key), 200, undefined],
    ['the password of a browser', () => ({ authorization: `Basic ${btoa(`me:${made.read.key}`)}` }), 200, undefined],
    ['the original’s header', () => ({ 'x-admin-key': made.admin.key }), 200, undefined],
    ['a name that is not loopback', () => ({ ...bearer(made.read.key), host: 'api.internal:7800' }), 200, undefined],
    ['a key that is over', () => bearer(over.key), 401, 'miroir_key_invalid'],
    ['another key', () => bearer(newApiKey({ name: 'x', scope: 'admin' }).key), 401, 'miroir_key_invalid'],
    ['no key of ours', () => bearer('secret'), 401, 'miroir_key_invalid'],
  ] as const)('%s', async (_, headers, status, code) => {
    const answer = await askApi(api.apiUrl, { path: '/openapi.json', headers: headers() });
    expect([answer.status, status === 200 ? undefined : apiCode(answer)]).toEqual([status, code]);
  });

  it('a key is known by the whole of it', () => {
    const { key, entry } = made.admin;
    const keys = createApiKeys([entry], Date.now);
    expect(keys.authenticate(key)).toEqual({ actor: 'key:adminer', scope: 'admin' });
    const other = key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A');
    expect(() => keys.authenticate(other)).toThrow('none of ours');
    expect(JSON.stringify(entry)).not.toContain(key.slice(20));
  });
});

describe('capabilities', () => {
  it('say what the key that asks may', async () => {
    const of = async (key: string) => JSON.parse((await as(key, { path: '/v1/capabilities' })).text) as unknown;
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await of(made.plan.key)).toMatchObject({ version, scope: 'plan', read_only: true });
    expect(await of(made.admin.key)).toMatchObject({ actor: 'key:adminer', scope: 'admin', read_only: false });
    expect(await of(made.admin.key)).toHaveProperty('features', expect.arrayContaining(['indexes.delete']));
  });
});

describe('the board', () => {
  const queueOf = async (key: string): Promise<Record<string, unknown>> => {
    const answer = await as(key, { path: '/queues/api/queues?activeQueue=topology-events&status=failed' });
    return (JSON.parse(answer.text) as { queues: Record<string, unknown>[] }).queues[0] ?? {};
  };
  const retry = (key: string): Promise<ApiAnswered> =>
    as(key, { method: 'PUT', path: `/queues/api/queues/topology-events/${failedId}/retry` });

  it('offers retries to who may operate, and nothing to others', async () => {
    await untilTrue(async () => (await queueOf(made.read.key))['name'] === 'topology-events');
    expect(await queueOf(made.plan.key)).toMatchObject({ readOnlyMode: true, allowRetries: false });
    expect(await queueOf(made.operate.key)).toMatchObject({ readOnlyMode: false, allowRetries: true });
  });

  it('retries a failed job for who may operate only', async () => {
    const refused = await retry(made.plan.key);
    expect([refused.status, apiCode(refused)]).toEqual([403, 'miroir_key_scope']);
    expect(await events.getFailedCount()).toBe(1);
    expect((await retry(made.operate.key)).status).toBe(204);
    expect(await events.getFailedCount()).toBe(0);
  });

  it.each([
    ['PUT', '/pause'],
    ['PUT', '/topology-events/1/clean'],
    ['PUT', '/topology-events/retry/completed'],
    ['PATCH', '/topology-events/1/update-data'],
    ['POST', '/topology-events/add'],
  ])('does nothing else even for admins: %s %s', async (method, path) => {
    const answer = await as(made.admin.key, {
      method,
      path: `/queues/api/queues${path}`,
      headers: JSON_BODY,
      body: '{}',
    });
    expect([answer.status, apiCode(answer)]).toEqual([405, 'miroir_method']);
  });
});

describe('a stream of events', () => {
  const watch = (url: string, key: string): Promise<Response> => fetch(`${url}/v1/events`, { headers: bearer(key) });

  it('ends with the reason when its key is over', async () => {
    const brief = newApiKey({ name: 'brief', scope: 'read', expiresAt: new Date(Date.now() + 1_500).toISOString() });
    const file = join(dir, 'brief.json');
    await writeFile(file, JSON.stringify([brief.entry]));
    const briefly = await startApi(loadConfig(settings({ MIROIR_API_KEYS_FILE: file })));
    try {
      const text = await (await watch(briefly.apiUrl, brief.key)).text();
      expect(text).toMatch(/\n\nevent: ended\ndata: \{"message":"the key is none of ours, or is over",.*\}\n\n$/);
      expect(text).toContain('"code":"miroir_key_invalid"');
    } finally {
      await briefly.close();
    }
  });

  it('leaves room for those of other keys', async () => {
    const ours = await Promise.all(Array.from({ length: 21 }, () => watch(api.apiUrl, made.read.key)));
    const other = await watch(api.apiUrl, made.plan.key);
    expect(ours.filter(({ status }) => status === 200)).toHaveLength(20);
    expect(other.status).toBe(200);
    const refused = ours.find(({ status }) => status === 503);
    expect(await refused?.json()).toMatchObject({
      code: 'miroir_overloaded',
      message: 'key:reader watches the audit stream 20 times already',
    });
    for (const { body, bodyUsed } of [...ours, other]) if (!bodyUsed) await body?.cancel();
  });
});

describe('where there have to be keys', () => {
  it('beyond loopback', async () => {
    await expect(startApi(loadConfig(settings({ MIROIR_API_HOST: '0.0.0.0' })))).rejects.toMatchObject({
      code: 'miroir_config',
      field: 'api_keys_file',
      remedy: 'make a key with `miroir api-key`, or set MIROIR_API_HOST to 127.0.0.1',
    });
  });

  it('two of one name hold at a time, so that one can be changed for another', () => {
    const [one, two, three] = Array.from({ length: 3 }, () => newApiKey({ name: 'ci', scope: 'read' }).entry);
    const old = { ...three, expiresAt: '2020-01-01T00:00:00Z' };
    const read = (...entries: unknown[]): unknown => readKeyFile(API_KEY_FILE, JSON.stringify(entries), 'keys.json');
    expect(read(one, two, old)).toHaveLength(3);
    expect(() => read(one, two, three)).toThrow('ci has more than 2 keys that hold');
  });

  it.each([
    [{ name: 'key:x', scope: 'read' }, 'name'],
    [{ name: '', scope: 'read' }, 'name'],
    [{ name: 'ci', scope: 'root' }, 'scope'],
    [{ name: 'ci', scope: 'read', expiresAt: 'soon' }, 'expiresAt'],
  ])('makes no key of %o', (wish, field) => {
    expect(() => newApiKey(wish)).toThrow(expect.objectContaining({ code: 'miroir_invalid_input', field }));
  });
});
