// The gateway and the node behind it, asked the same: same status, same code, same words.
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Answered,
  ask,
  asJson,
  type Asked,
  codeIn,
  type GatewayScene,
  JSON_TYPE,
  startScene,
  taskEnded,
} from '../support/gateway.ts';

let scene: GatewayScene;

const gateway = (asked: Asked): ReturnType<typeof ask> => ask(scene.gateway.url, asked);
const node = (asked: Asked): ReturnType<typeof ask> => ask(scene.node.url, asked);

async function written(asked: Asked): Promise<void> {
  const { status, text } = await gateway(asked);
  expect(status, text).toBe(202);
  const { taskUid } = JSON.parse(text) as { taskUid: number };
  expect(await taskEnded(scene.gateway.url, taskUid)).toBe('succeeded');
}

beforeAll(async () => {
  scene = await startScene();
  await written({ path: '/indexes', ...asJson({ uid: 'cities', primaryKey: 'id' }) });
  await written({
    path: '/indexes/cities/settings',
    ...asJson({ filterableAttributes: ['country'], sortableAttributes: ['people'] }, 'PATCH'),
  });
  const documents = Array.from({ length: 30 }, (_, id) => ({
    id,
    name: `city ${id}`,
    country: id % 2 ? 'a' : 'b',
    people: id * 10,
  }));
  await written({ path: '/indexes/cities/documents', ...asJson(documents) });
});
afterAll(() => scene.close());

/** Times, tasks and durations differ between two calls, whoever answers. */
const masked = (text: string): unknown =>
  text === ''
    ? ''
    : JSON.parse(text, (name, value: unknown) =>
        /^(?:taskUid|enqueuedAt|processingTimeMs|requestUid)$/.test(name) ? typeof value : value,
      );

const COMPARED_HEADERS = ['content-type', 'content-encoding', 'retry-after', 'allow'];

/** What both answer, as far as it has to be equal. */
async function both(asked: Asked): Promise<[ours: unknown, theirs: unknown]> {
  const compared = ({ status, text, headers }: Answered): unknown => ({
    status,
    body: masked(text),
    headers: COMPARED_HEADERS.map((name) => headers[name]),
  });
  return [compared(await gateway(asked)), compared(await node(asked))];
}

const D = '/indexes/cities/documents';
const GETS = [
  '/health',
  '/indexes',
  '/indexes?limit=1&offset=1',
  '/indexes/cities',
  '/indexes/cities/',
  '/indexes/none',
  '/indexes/bad%20uid',
  `/indexes/${'x'.repeat(401)}`,
  '/indexes?limit=doggo',
  '/indexes?nope=1',
  '/stats',
  '/indexes/cities/stats',
  D,
  `${D}?limit=2&offset=3&fields=id,name`,
  `${D}?fields=*&limit=1`,
  `${D}?filter=country%20%3D%20a&limit=1`,
  `${D}?filter=%5B%22country%20%3D%20a%22%5D&limit=1`,
  `${D}?filter=doggo%20%3D%20a`,
  `${D}?filter=country%20%3D`,
  `${D}?filter=`,
  `${D}?sort=people:desc&limit=2`,
  `${D}?sort=`,
  `${D}?ids=1,%202`,
  `${D}?ids=3,1,99`,
  `${D}?ids=`,
  `${D}?limit=1&limit=2`,
  `${D}?limit=`,
  `${D}?offset=1.5`,
  `${D}?retrieveVectors=maybe`,
  `${D}?nope=1`,
  `${D}/3`,
  `${D}/3?fields=name`,
  `${D}/999`,
  `${D}/bad%20id`,
  `${D}/3?nope=1`,
  '/indexes/none/documents/3',
  '/indexes/cities/search?q=city&limit=2',
  '/indexes/cities/search?filter=country%20%3D%20a&facets=country&sort=people:desc',
  '/indexes/none/search?q=x',
  '/indexes/cities/settings',
  '/indexes/cities/settings/filterable-attributes',
  '/indexes/none/settings',
  '/indexes/cities/settings/nothing',
  '/tasks?limit=2',
  '/tasks?uids=0,1&statuses=SUCCEEDED&types=indexCreation',
  '/tasks?indexUids=cities&limit=1',
  '/tasks?uids=',
  '/tasks?uids=0,%200',
  '/tasks?statuses=done',
  '/tasks?indexUids=a%20b',
  '/tasks?limit=doggo',
  '/tasks?types=doggo',
  '/tasks?nope=1',
  '/tasks/0',
  '/tasks/99999',
  '/tasks/x',
  '/nothing-here',
  '/',
];

const POSTS: readonly Asked[] = [
  { path: `${D}/fetch`, ...asJson({ ids: [1, '2'], fields: ['id'] }) },
  { path: `${D}/fetch`, ...asJson({ offset: 'doggo' }) },
  { path: `${D}/fetch`, ...asJson({ nope: 1 }) },
  { path: `${D}/fetch`, ...asJson([]) },
  { path: `${D}/fetch`, ...asJson({ filter: true }) },
  { path: '/indexes/cities/search', ...asJson({ q: 'city', limit: 2, showRankingScore: true }) },
  { path: '/indexes/cities/search', ...asJson({ q: 1 }) },
  { path: '/indexes/cities/search', ...asJson({ filter: 'doggo = 1' }) },
  { path: '/indexes/none/search', ...asJson({}) },
  { path: '/multi-search', ...asJson({ queries: [{ indexUid: 'cities', q: 'city 1', limit: 1 }] }) },
  { path: '/multi-search', ...asJson({ queries: [{ indexUid: 'none' }] }) },
  { path: '/multi-search', ...asJson({ queries: [{ q: 'x' }] }) },
  { path: '/multi-search', ...asJson({}) },
  { path: '/multi-search', ...asJson({ queries: [], nope: 1 }) },
  { path: '/indexes', ...asJson({ uid: 'cities', nope: 1 }) },
  { path: '/indexes', ...asJson({ uid: 12 }) },
  { path: '/indexes', ...asJson({ uid: 'a b' }) },
  { path: '/indexes', ...asJson({ primaryKey: 'id' }) },
  { path: '/indexes', ...asJson({ uid: 'x', primaryKey: 3 }) },
  { path: '/indexes', ...asJson([]) },
  { path: '/indexes', ...asJson(null) },
  { path: `${D}/delete`, ...asJson({}) },
  { path: `${D}/delete`, ...asJson({ filter: '' }) },
  { path: `${D}/delete`, ...asJson({ filter: [[], ['']] }) },
  { path: `${D}/delete`, ...asJson({ filter: null }) },
  { path: `${D}/delete`, ...asJson({ filter: 'country = ' }) },
  { path: `${D}/delete`, ...asJson({ filter: 'country = none', nope: 1 }) },
  { path: `${D}/delete`, ...asJson({ filter: 'country = none' }) },
  { path: `${D}/delete-batch`, ...asJson([900, 'x', null, { a: 1 }]) },
  { path: `${D}/delete-batch`, ...asJson([]) },
  { path: `${D}/delete-batch`, ...asJson({ ids: [1] }) },
  { path: `${D}/delete-batch`, ...asJson(5) },
  { path: `${D}/delete-batch?nope=1`, ...asJson([]) },
  { method: 'DELETE', path: `${D}/none` },
  { path: `${D}?primaryKey=id&customMetadata=mine`, ...asJson([]) },
  { path: `${D}?skipCreation=maybe`, ...asJson([]) },
  { path: `${D}?nope=1`, ...asJson([]) },
  { path: `${D}?csvDelimiter=%3B`, ...asJson([]) },
  { path: `${D}?csvDelimiter=doggo`, method: 'POST', headers: { 'content-type': 'text/csv' }, body: 'id' },
  { path: D, method: 'POST', headers: JSON_TYPE, body: '' },
  { path: D, method: 'PUT', headers: { 'content-type': 'application/x-ndjson' }, body: '' },
  { path: D, method: 'POST', headers: { 'content-type': 'text/csv' }, body: '' },
  { path: D, method: 'POST', body: '[]' },
  { path: D, method: 'POST', headers: { 'content-type': 'text/plain' }, body: '[]' },
  { path: D, method: 'POST', headers: { 'content-type': 'application/vnd.api+json' }, body: '[]' },
  { path: D, method: 'POST', headers: { 'content-type': 'Application/JSON; charset=utf-8' }, body: '[]' },
  { path: D, method: 'POST', headers: { 'content-type': ';;;' }, body: '[]' },
  { path: '/indexes', method: 'POST', body: '{"uid":"x"}' },
  ...[{}, [], { primaryKey: null }, { primaryKey: 3 }, { uid: 12 }, { uid: 'a b' }, { nope: 1 }].map((body) => ({
    path: '/indexes/cities',
    ...asJson(body, 'PATCH'),
  })),
  { path: '/indexes/cities/settings', ...asJson({ nope: 1 }, 'PATCH') },
  { path: '/indexes/cities/settings/sortable-attributes', ...asJson('people', 'PUT') },
  {
    method: 'PATCH',
    path: '/indexes/cities/settings',
    headers: { 'content-type': 'application/x-ndjson' },
    body: '{}',
  },
];

describe('gateway and node answer the same', () => {
  it.each(GETS)('GET %s', async (path) => {
    const [ours, theirs] = await both({ path });
    expect(ours).toEqual(theirs);
  });

  it.each(POSTS.map((asked) => [`${asked.method} ${asked.path} ${String(asked.body).slice(0, 60)}`, asked] as const))(
    '%s',
    async (_, asked) => {
      const [ours, theirs] = await both(asked);
      expect(ours).toEqual(theirs);
    },
  );

  it.each([
    ['br', brotliDecompressSync],
    ['gzip', gunzipSync],
    ['deflate', inflateSync],
    ['gzip;q=0.5, identity', null],
  ] as const)('compressed as %s', async (accepted, expand) => {
    for (const path of ['/health', `${D}?limit=30&fields=id,name,country,people`, '/indexes/none']) {
      const asked = { path, headers: { 'accept-encoding': accepted } };
      const [ours, theirs] = [await gateway(asked), await node(asked)];
      expect(ours.headers['content-encoding']).toBe(theirs.headers['content-encoding']);
      expect(ours.headers['content-encoding']).toBe(expand === null ? undefined : accepted);
      const plain = await gateway({ path });
      expect((expand === null ? ours.bytes : expand(ours.bytes)).toString('utf8')).toBe(plain.text);
    }
  });

  it('a parameter of a search that is not known, but for the list of those that are', async () => {
    const asked = { path: '/indexes/cities/search?nothing=1' };
    const [ours, theirs] = [await gateway(asked), await node(asked)];
    expect([ours.status, codeIn(ours)]).toEqual([theirs.status, codeIn(theirs)]);
    expect(ours.text).toContain('Unknown parameter `nothing`: expected one of `');
  });

  it('malformed bodies, but for the reason within the message', async () => {
    for (const [path, type, body] of [
      [D, 'application/json', '[{"id":1}'],
      [D, 'application/json', '{"id":1},{"id":2}'],
      [D, 'application/json', '"text"'],
      [D, 'application/x-ndjson', '{"id":1}\n{"id":'],
      [D, 'application/json', Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d])],
      ['/indexes', 'application/json', '{"uid":'],
      [`${D}/fetch`, 'application/json', '{'],
    ] as const) {
      const asked = { method: 'POST', path, headers: { 'content-type': type }, body };
      const [ours, theirs] = [await gateway(asked), await node(asked)];
      expect([ours.status, codeIn(ours)], String(body)).toEqual([theirs.status, codeIn(theirs)]);
      const beginning = (text: string): string => text.slice(0, text.indexOf('`', 30));
      expect(beginning(ours.text)).toBe(beginning(theirs.text));
    }
  });

  it('methods that are not there', async () => {
    expect((await gateway({ method: 'PUT', path: '/indexes/cities' })).status).toBe(405);
    const { status, headers } = await gateway({ path: `${D}/fetch` });
    expect([status, headers['allow']]).toEqual([405, 'POST']);
    expect((await gateway({ method: 'OPTIONS', path: '/indexes' })).status).toBe(405);
  });

  it('HEAD as GET without a body', async () => {
    const { status, headers, text } = await gateway({ method: 'HEAD', path: '/health' });
    expect([status, text, headers['content-length']]).toEqual([200, '', '22']);
  });
});

describe('what the gateway cannot do yet', () => {
  it.each([
    ['POST', '/swap-indexes'],
    ['POST', '/dumps'],
    ['POST', '/snapshots'],
    ['POST', '/export'],
    ['GET', '/keys'],
    ['POST', '/keys'],
    ['DELETE', '/keys/x'],
    ['POST', '/tasks/cancel'],
    ['DELETE', '/tasks'],
    ['GET', '/tasks?afterEnqueuedAt=2026-01-01'],
    ['GET', '/experimental-features'],
    ['POST', '/indexes/cities/facet-search'],
    ['POST', '/indexes/cities/documents/edit'],
    ['PUT', '/indexes/cities/documents?skipCreation=true'],
  ])('%s %s: 501 with a code and what to do', async (method, path) => {
    const body = method === 'GET' ? {} : { headers: JSON_TYPE, body: '{}' };
    const answer = await gateway({ method, path, ...body });
    expect(answer.status).toBe(501);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'miroir_not_supported', type: 'invalid_request' });
    expect(answer.text).toMatch(/the gateway does not support .+; .+/);
  });

  it('another name for an index', async () => {
    const answer = await gateway({ path: '/indexes/cities', ...asJson({ uid: 'towns' }, 'PATCH') });
    expect([answer.status, codeIn(answer)]).toEqual([501, 'miroir_not_supported']);
  });

  it('text/csv with documents', async () => {
    const answer = await gateway({ method: 'POST', path: D, headers: { 'content-type': 'text/csv' }, body: 'id\n1\n' });
    expect([answer.status, codeIn(answer)]).toEqual([501, 'miroir_not_supported']);
  });
});

describe('what a client sends', () => {
  const stored = async (id: string): Promise<string> => (await node({ path: `${D}/${id}` })).text;

  it('reaches the node as it was written: numbers, order of keys, Unicode', async () => {
    const body = '{"id":"raw","z":12345678901234567890,"a":0.5,"é":"\\u00e9😀","_proto":1}';
    await written({ path: D, method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: `${body}\n` });
    expect(await stored('raw')).toContain('"z":12345678901234567890');
    expect(JSON.parse(await stored('raw'))).toEqual(
      JSON.parse(body.replace('12345678901234567890', '12345678901234567890')),
    );
    await written({ path: D, method: 'PUT', headers: JSON_TYPE, body: '{"id":"raw","a":1}' });
    expect(JSON.parse(await stored('raw'))).toMatchObject({ a: 1, é: 'é😀' });
    await written({ path: `${D}/raw`, method: 'DELETE' });
    expect((await gateway({ path: `${D}/raw` })).status).toBe(404);
  });

  it('with keys that pollute prototypes changes nothing here', async () => {
    const body = '[{"id":"evil","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}]';
    await written({ path: D, method: 'POST', headers: JSON_TYPE, body });
    for (const [path, text] of [
      ['/indexes', '{"__proto__":{"uid":"x"}}'],
      [`${D}/fetch`, '{"__proto__":{"limit":1}}'],
      [`${D}/delete`, '{"filter":"country = none","__proto__":{"a":1}}'],
    ] as const) {
      const answer = await gateway({ method: 'POST', path, headers: JSON_TYPE, body: text });
      expect([answer.status, codeIn(answer)], path).toEqual([400, 'bad_request']);
    }
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect((await gateway({ path: '/indexes/__proto__' })).status).toBe(404);
    await written({ path: `${D}/evil`, method: 'DELETE' });
  });
});
