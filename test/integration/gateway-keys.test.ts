// Keys over HTTP: who is let in, who sees what, and that nothing secret gets out.
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { openKeyFile } from '../../src/access/key-file.ts';
import { KEY_FILE, type KeyEntry, type KeyWish, newKey } from '../../src/gateway/keys.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import {
  ask,
  asJson,
  type Answered,
  type Asked,
  codeIn,
  type GatewayScene,
  JSON_TYPE,
  startScene,
  taskEnded,
} from '../support/gateway.ts';
import { untilTrue } from '../support/until.ts';

const WISHES = {
  admin: { actions: ['*'], indexes: ['*'] },
  search: { actions: ['search'], indexes: ['cities'] },
  writer: { actions: ['documents.*', 'tasks.get', 'indexes.get', 'stats.get', 'indexes.create'], indexes: ['logs_*'] },
  reader: { actions: ['*.get'], indexes: ['cities'] },
  gone: { actions: ['*'], indexes: ['*'], expiresAt: '2020-01-01T00:00:00Z' },
} satisfies Record<string, KeyWish>;
type Who = keyof typeof WISHES;

const made = Object.fromEntries(Object.entries(WISHES).map(([who, wish]) => [who, newKey(wish)])) as Record<
  Who,
  { key: string; entry: KeyEntry }
>;
let dir: string;
let file: string;
let scene: GatewayScene;

const as = (who: Who | null, asked: Asked): Promise<Answered> =>
  ask(scene.gateway.url, {
    ...asked,
    headers: { ...asked.headers, ...(who === null ? {} : { authorization: `Bearer ${made[who].key}` }) },
  });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'miroir-keys-'));
  file = join(dir, 'keys.json');
  await writeFile(file, JSON.stringify(Object.values(made).map(({ entry }) => entry)));
  scene = await startScene({ keysFile: file });
  for (const uid of ['cities', 'logs_a', 'logs_b']) {
    const answer = await as('admin', { path: '/indexes', ...asJson({ uid, primaryKey: 'id' }) });
    await taskEnded(scene.node.url, (JSON.parse(answer.text) as { taskUid: number }).taskUid);
  }
});
afterAll(async () => {
  await scene.close();
  await rm(dir, { recursive: true });
});

describe('who is let in', () => {
  it.each([
    [null, 'GET', '/health', 200, undefined],
    [null, 'GET', '/indexes', 401, 'missing_authorization_header'],
    [null, 'GET', '/version', 401, 'missing_authorization_header'],
    [null, 'GET', '/nothing', 404, undefined],
    ['gone', 'GET', '/indexes', 403, 'invalid_api_key'],
    ['admin', 'GET', '/indexes', 200, undefined],
    ['search', 'GET', '/indexes', 403, 'invalid_api_key'],
    ['search', 'POST', '/indexes/cities/search', 200, undefined],
    ['search', 'POST', '/indexes/logs_a/search', 403, 'invalid_api_key'],
    ['writer', 'POST', '/indexes/logs_a/documents', 202, undefined],
    ['writer', 'POST', '/indexes/cities/documents', 403, 'invalid_api_key'],
    ['writer', 'POST', '/indexes/logs_a/search', 403, 'invalid_api_key'],
    ['writer', 'DELETE', '/indexes/logs_a', 403, 'invalid_api_key'],
    ['reader', 'GET', '/indexes/cities/settings', 200, undefined],
    ['reader', 'DELETE', '/indexes/cities/settings', 403, 'invalid_api_key'],
    ['reader', 'GET', '/keys', 403, 'invalid_api_key'],
    ['admin', 'GET', '/keys', 501, 'miroir_not_supported'],
  ] as const)('%s %s %s: %i', async (who, method, path, status, code) => {
    const body = method === 'POST' ? { headers: JSON_TYPE, body: path.endsWith('search') ? '{}' : '[]' } : {};
    const answer = await as(who, { method, path, ...body });
    expect([answer.status, status >= 400 ? codeIn(answer) : undefined]).toEqual([status, code]);
  });

  it('a key for other indexes is told which, in a node’s words', async () => {
    const answer = await as('writer', { path: '/indexes/cities/documents' });
    expect(answer.text).toContain(
      'The API key cannot acces the index `cities`, authorized indexes are [\\"logs_*\\"].',
    );
  });

  it('a refused key costs no body', async () => {
    const answer = await as('gone', {
      method: 'POST',
      path: '/indexes/x/documents',
      headers: JSON_TYPE,
      body: 'no json',
    });
    expect([answer.status, codeIn(answer)]).toEqual([403, 'invalid_api_key']);
  });

  it('multi-search asks for every index', async () => {
    const search = (...uids: string[]): Promise<Answered> =>
      as('search', { path: '/multi-search', ...asJson({ queries: uids.map((indexUid) => ({ indexUid })) }) });
    expect((await search('cities')).status).toBe(200);
    expect(codeIn(await search('cities', 'logs_a'))).toBe('invalid_api_key');
    const escaped = '{"queries":[{"index\\u0055id":"logs_a"}]}';
    const answer = await as('search', { method: 'POST', path: '/multi-search', headers: JSON_TYPE, body: escaped });
    expect(codeIn(answer)).toBe('invalid_api_key');
  });

  it('an index is created only where the key may', async () => {
    const create = (uid: string): Promise<Answered> => as('writer', { path: '/indexes', ...asJson({ uid }) });
    expect((await create('other')).status).toBe(403);
    expect((await create('logs_c')).status).toBe(202);
  });

  it('browsers may ask, as at a node', async () => {
    const preflight = await ask(scene.gateway.url, {
      method: 'OPTIONS',
      path: '/indexes/cities/search',
      headers: { origin: 'https://shop.example', 'access-control-request-headers': 'authorization,content-type' },
    });
    expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([200, '*']);
    expect(preflight.headers['access-control-allow-headers']).toBe('authorization,content-type');
    const answer = await as('search', { path: '/indexes/cities/search', headers: { origin: 'https://shop.example' } });
    expect(answer.headers['access-control-allow-origin']).toBe('*');
  });
});

describe('what a key for some indexes sees', () => {
  const uidsIn = ({ text }: Answered): unknown[] =>
    (JSON.parse(text) as { results: { uid: unknown; indexUid?: unknown }[] }).results.map(
      ({ uid, indexUid }) => indexUid ?? uid,
    );

  it('indexes, by pages of what it may see', async () => {
    expect(uidsIn(await as('reader', { path: '/indexes' }))).toEqual(['cities']);
    const page = await as('writer', { path: '/indexes?offset=1&limit=1' });
    expect(uidsIn(page)).toEqual(['logs_b']);
    expect(JSON.parse(page.text)).toMatchObject({ offset: 1, limit: 1 });
  });

  it('tasks', async () => {
    expect(new Set(uidsIn(await as('reader', { path: '/tasks' })))).toEqual(new Set(['cities']));
    const some = new Set(uidsIn(await as('writer', { path: '/tasks' })));
    expect(some.has('cities')).toBe(false);
    expect(some.has('logs_a')).toBe(true);
    expect(uidsIn(await as('writer', { path: '/tasks?indexUids=cities' }))).toEqual([]);
    const [own, foreign] = [await as('reader', { path: '/tasks/0' }), await as('writer', { path: '/tasks/0' })];
    expect([own.status, foreign.status, codeIn(foreign)]).toEqual([200, 404, 'task_not_found']);
  });

  it('figures', async () => {
    const stats = JSON.parse((await as('reader', { path: '/stats' })).text) as { indexes: object };
    expect(Object.keys(stats.indexes)).toEqual(['cities']);
  });
});

describe('without keys', () => {
  it.each(['0.0.0.0', '::', '10.1.2.3', 'gateway.example'])('does not listen on %s', async (host) => {
    await expect(startScene({ host })).rejects.toThrow(ConfigError);
    await expect(startScene({ host })).rejects.toMatchObject({
      field: 'gateway_keys_file',
      remedy: expect.stringContaining('miroir gateway-key') as string,
    });
  });

  it('answers loopback names only, and no page of another origin', async () => {
    const open = await startScene();
    try {
      const named = (host: string): Promise<Answered> =>
        ask(open.gateway.url, { path: '/indexes', headers: { host, origin: 'http://evil.example' } });
      expect((await named('localhost:7700')).status).toBe(200);
      expect((await named('localhost:7700')).headers['access-control-allow-origin']).toBeUndefined();
      expect((await named('rebound.example')).status).toBe(403);
    } finally {
      await open.close();
    }
  });
});

describe('the key file', () => {
  it('with keys it listens anywhere', async () => {
    const wide = await startScene({ host: '0.0.0.0', keysFile: file });
    const url = wide.gateway.url.replace('0.0.0.0', '127.0.0.1');
    expect((await ask(url, { path: '/indexes' })).status).toBe(401);
    await wide.close();
  });

  it.each([
    ['is not there', null, /ENOENT/],
    ['is no JSON', '{', /is no JSON/],
    ['is of another form', '[{}]', /0\.id/],
  ])('that %s ends the start', async (_, text, message) => {
    const path = join(dir, 'wrong.json');
    await rm(path, { force: true });
    if (text !== null) await writeFile(path, text);
    await expect(startScene({ keysFile: path })).rejects.toThrow(ConfigError);
    await expect(startScene({ keysFile: path })).rejects.toThrow(message);
  });

  it('is read again when it changes; a broken one leaves the keys of before', async () => {
    const path = join(dir, 'changing.json');
    const lines: string[] = [];
    const logger = createLogger({ level: 'info', role: 'gateway', destination: { write: (line) => lines.push(line) } });
    const write = async (text: string, atS: number): Promise<void> => {
      await writeFile(path, text);
      await utimes(path, atS, atS);
    };
    await write(JSON.stringify([made.admin.entry]), 1_000);
    const keyFile = await openKeyFile(KEY_FILE, path, logger, 10);
    const may = (who: Who): boolean => {
      try {
        keyFile.keys.authorize(`Bearer ${made[who].key}`, 'search');
        return true;
      } catch {
        return false; // refused
      }
    };
    expect([may('admin'), may('search')]).toEqual([true, false]);
    await write(JSON.stringify([made.search.entry]), 2_000);
    await untilTrue(() => may('search') && !may('admin'));
    await write('broken', 3_000);
    await untilTrue(() => lines.some((line) => line.includes('the keys of before hold')));
    expect(may('search')).toBe(true);
    await write('[]', 4_000);
    await untilTrue(() => !may('search'));
    keyFile.close();
  });
});

it('nothing secret is in the log', async () => {
  await as('admin', { path: '/indexes' });
  await ask(scene.gateway.url, { path: '/indexes', headers: { authorization: 'Bearer canary-secret' } });
  scene.node.addFault({ do: 'drop-before', times: 1, match: { path: '/stats' } });
  const failed = await as('admin', { path: '/stats' });
  expect([failed.status, codeIn(failed)]).toEqual([500, 'internal']);
  expect(failed.text).toContain('its log says more');
  const log = scene.log.join('\n');
  expect(log).toContain('a request failed by a defect');
  for (const { key, entry } of Object.values(made)) {
    expect(log).not.toContain(key.slice(20));
    expect(log).not.toContain(entry.hash);
  }
  expect(log).not.toContain('canary-secret');
});
