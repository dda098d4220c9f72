// Reads while the fleet is in trouble: copies where none are read, nodes that fail or hang, tables that lapse.
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RouterUnconfirmedError } from '../../src/errors.ts';
import type { ClientAnswer } from '../../src/routing/api.ts';
import type { Reads } from '../../src/routing/search/reads.ts';
import { OPTIONS, parsed, startReadScene } from '../support/reads.ts';
import type { ReadScene } from '../support/reads.ts';
import { untilTrue } from '../support/until.ts';

const COUNT = 240;
const DOCUMENTS = Array.from({ length: COUNT }, (_, id) => `{"id":${id},"name":"river ${id}","kind":"k${id % 4}"}`);
const SETTINGS = { searchableAttributes: ['name'], filterableAttributes: ['kind'], sortableAttributes: ['id'] };
const TIMINGS = { tryMs: 1_500, tries: 3, avoidMs: 60_000 };

let scene: ReadScene;
let reads: Reads;
let stalled: Server;
const sockets = new Set<Socket>();
const urls = new Map<string, string>();

beforeAll(async () => {
  scene = await startReadScene();
  await scene.add({ uid: 'one', documents: DOCUMENTS, settings: SETTINGS });
  await scene.add({ uid: 'two', documents: DOCUMENTS, settings: SETTINGS, replicationFactor: 2 });
  for (const [id, { url }] of scene.tables.nodes) urls.set(id, url);
  stalled = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    stalled.listen(0, '127.0.0.1', resolve);
  });
}, 60_000);
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  stalled.close();
  await scene.stop();
});

beforeEach(() => {
  for (const id of urls.keys()) pointTo(id, urls.get(id) ?? '');
  scene.tables.lapsed = null;
  scene.tables.registration = 'first';
  scene.tables.inFlight.clear();
  reads = scene.reads({ timings: TIMINGS });
});

function pointTo(id: string, url: string): void {
  scene.tables.nodes.set(id, { id, url, group: 0, state: 'active' });
}
const hang = (id: string): void => pointTo(id, `http://127.0.0.1:${(stalled.address() as AddressInfo).port}`);
/** Nothing listens on port 1. */
const close = (id: string): void => pointTo(id, 'http://127.0.0.1:1');

const everything = Array.from({ length: COUNT }, (_, id) => id);
const search = (index: string, body: object = {}, options = OPTIONS): Promise<ClientAnswer> =>
  reads.search(index, JSON.stringify({ limit: 1_000, ...body }), options);
const idsOf = (answer: ClientAnswer): number[] => {
  const { hits, results } = parsed(answer) as { hits?: { id: number }[]; results?: { id: number }[] };
  return (hits ?? results ?? []).map(({ id }) => id).sort((a, b) => a - b);
};

/** Every kind of read, and that none sees more or less than it should. */
async function expectEverything(index: string): Promise<void> {
  expect(idsOf(await search(index))).toEqual(everything);
  const found = await search(index, { q: 'river', facets: ['kind'], limit: 0 });
  expect(parsed(found)).toMatchObject({
    estimatedTotalHits: COUNT,
    facetDistribution: { kind: { k0: 60, k1: 60, k2: 60, k3: 60 } },
  });
  const page = await reads.fetchDocuments(index, '{"limit":1000}', OPTIONS);
  expect(idsOf(page)).toEqual(everything);
  expect(parsed(page)).toMatchObject({ total: COUNT });
  expect(parsed(await reads.stats(index, OPTIONS))).toMatchObject({ numberOfDocuments: COUNT });
  expect((await reads.document(index, '17', '', OPTIONS)).body).toBe(DOCUMENTS[17]);
}

describe('copies that are not read', () => {
  it('does not wait for a frozen node again for as long as it is suspected', async () => {
    const suspected = new Set<string>();
    const isSuspected = (id: string): boolean => suspected.has(id);
    reads = scene.reads({ timings: { ...TIMINGS, avoidMs: 0 }, isSuspected });
    hang('n1');
    suspected.add('n1');
    const beganMs = performance.now();
    for (let time = 0; time < 4; time += 1) expect(idsOf(await search('two'))).toEqual(everything);
    expect(performance.now() - beganMs).toBeLessThan(TIMINGS.tryMs);
    // Where there is no other copy it is asked all the same.
    pointTo('n1', urls.get('n1') ?? '');
    expect(idsOf(await search('one'))).toEqual(everything);
  });

  it('never show and are never counted, staged or left over', async () => {
    // Every node gets every document, in another version: only those that the table names may be seen.
    const { table } = scene.tables.snapshot('one');
    const pages = await Promise.all(
      [...urls.keys()].map(async (id) => {
        const page = await scene.client(id).page('one', { limit: 1_000, maxBytes: 1_000_000 });
        return { id, documents: JSON.parse(page.documents.toString()) as { id: number; _miroir_shard: number }[] };
      }),
    );
    for (const { documents } of pages) {
      for (const { id } of pages) {
        const foreign = documents.filter(
          ({ _miroir_shard: shard }) => table.shards[shard]?.readers.includes(id) !== true,
        );
        const staged = foreign.map((document) => ({ ...document, name: 'river staged', kind: 'staged' }));
        await scene.put(id, 'one', JSON.stringify(staged));
      }
    }
    expect(await scene.client('n1').count('one')).toBe(COUNT);
    await expectEverything('one');
    expect(idsOf(await search('one', { q: 'staged' }))).toEqual([]);
    expect(idsOf(await search('one', { filter: 'kind = staged' }))).toEqual([]);
    expect(idsOf(await search('one', { filter: [['kind = staged', 'kind = k1']] }))).toHaveLength(60);
    const refused = await search('one', { filter: 'name = staged' });
    expect(refused.status).toBe(400);
    expect(refused.body).not.toContain('_miroir');
  });
});

describe('a node that fails', () => {
  it.each([
    ['refuses connections', close],
    ['hangs', hang],
  ])('and %s is left for the other copies', async (_, fail) => {
    fail('n2');
    await expectEverything('two');
    expect(scene.tables.inFlight.size).toBe(0);
  });

  it('is avoided afterwards, while there are other copies', async () => {
    hang('n3');
    await search('two');
    const opened = sockets.size;
    for (let i = 0; i < 5; i += 1) expect(idsOf(await search('two', { offset: 0, q: `river ${i}` }))).not.toEqual([]);
    expect(sockets.size).toBeLessThanOrEqual(opened);
  });

  it('with the only copy makes an error with Retry-After, or a partial answer where the client takes one', async () => {
    close('n2');
    const whole = await search('one');
    expect(whole).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(parsed(whole)).toMatchObject({ code: 'miroir_shards_unreadable', type: 'system' });
    const { table } = scene.tables.snapshot('one');
    const missing = table.shards.filter(({ readers }) => readers.includes('n2')).map(({ shard }) => shard);
    const partial = await search('one', {}, { ...OPTIONS, partial: true });
    expect(partial.headers).toEqual({ 'x-miroir-partial': `${missing.length} of 16 shards missing` });
    expect(parsed(partial)).toMatchObject({ miroirPartial: { missingShards: missing, shards: 16 } });
    expect(idsOf(partial).length).toBeLessThan(COUNT);
    const list = await reads.fetchDocuments('one', '{"limit":500}', { ...OPTIONS, partial: true });
    expect(idsOf(list)).toEqual(idsOf(partial));
    expect(list.headers).toEqual(partial.headers);
    const statuses = await Promise.all(
      everything.slice(0, 30).map(async (id) => (await reads.document('one', `${id}`, '', OPTIONS)).status),
    );
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
  });

  it('with every copy makes an error also where a partial answer would do', async () => {
    for (const id of urls.keys()) close(id);
    expect((await search('two', {}, { ...OPTIONS, partial: true })).status).toBe(503);
    expect((await reads.stats('two', OPTIONS)).status).toBe(503);
    expect((await reads.multiSearch('{"queries":[{"indexUid":"two"}]}', OPTIONS)).status).toBe(503);
  });

  it('is not known here, or is marked as failed, is left too', async () => {
    scene.tables.nodes.delete('n1');
    expect(idsOf(await search('two'))).toEqual(everything);
    scene.tables.nodes.set('n2', { id: 'n2', url: 'http://127.0.0.1:1', group: 0, state: 'failed' });
    scene.tables.nodes.set('n1', { id: 'n1', url: urls.get('n1') ?? '', group: 0, state: 'active' });
    expect(idsOf(await search('two'))).toEqual(everything);
  });
});

describe('the table', () => {
  it('that has lapsed serves nothing', async () => {
    scene.tables.lapsed = new RouterUnconfirmedError('not confirmed');
    for (const answer of [
      await search('two'),
      await reads.fetchDocuments('two', '{}', OPTIONS),
      await reads.document('two', '1', '', OPTIONS),
      await reads.stats('two', OPTIONS),
      await reads.multiSearch('{"queries":[{"indexUid":"two"}]}', OPTIONS),
    ]) {
      expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    }
  });

  it('that lapsed during the read, or was registered anew, makes what was read worthless', async () => {
    hang('n1');
    const call = search('two');
    await untilTrue(() => scene.tables.inFlight.size > 0);
    scene.tables.registration = 'second';
    expect((await call).status).toBe(503);
    expect(scene.tables.inFlight.size).toBe(0);
  });

  it('of one epoch is read by the whole read, also when it changes meanwhile', async () => {
    // Reads the settings, which are kept.
    await search('two');
    hang('n1');
    const before = scene.tables.tables.get('two');
    if (before === undefined) throw new Error('no table');
    const call = search('two', { q: 'river' });
    await untilTrue(() => [...scene.tables.inFlight].some(({ epoch }) => epoch === before.table.epoch));
    // Afterwards nothing is read anywhere: a read that mixed tables would miss documents.
    const shards = before.table.shards.map((shard) => ({ ...shard, readers: ['n1'], epoch: 2 }));
    scene.tables.tables.set('two', { ...before, table: { ...before.table, epoch: 2, shards } });
    try {
      expect(idsOf(await call)).toEqual(everything);
    } finally {
      scene.tables.tables.set('two', before);
    }
    expect(scene.tables.inFlight.size).toBe(0);
  });
});

describe('what is counted as in flight', () => {
  it('are the shards that are read, for as long as they are', async () => {
    await search('one');
    for (const id of urls.keys()) hang(id);
    const stop = new AbortController();
    const options = { signal: stop.signal };
    const { shards } = scene.tables.snapshot('one').entry;
    const calls = [
      reads.document('one', '5', '', options),
      reads.fetchDocuments('one', '{"ids":["5"]}', options),
      reads.fetchDocuments('one', '{}', options),
      reads.search('one', '{}', options),
      reads.stats('one', options),
    ];
    const ended = Promise.allSettled(calls);
    await untilTrue(() => scene.tables.inFlight.size === calls.length);
    const counted = [...scene.tables.inFlight].map((read) => [read.epoch, read.shards.length]);
    expect(counted.sort(([, a = 0], [, b = 0]) => a - b)).toEqual(
      [1, 1, shards, shards, shards].map((count) => [1, count]),
    );
    stop.abort();
    await ended;
    expect(scene.tables.inFlight.size).toBe(0);
  });
});

describe('a client that goes away', () => {
  it('ends the read with its reason, and nothing stays in flight', async () => {
    await search('one');
    hang('n1');
    hang('n2');
    reads = scene.reads({ timings: { ...TIMINGS, tryMs: 60_000 } });
    const stop = new AbortController();
    const call = reads.fetchDocuments('one', '{}', { signal: stop.signal }).catch((error: unknown) => error);
    await untilTrue(() => sockets.size > 0);
    const reason = new Error('the client went away');
    stop.abort(reason);
    expect(await call).toBe(reason);
    await untilTrue(() => scene.tables.inFlight.size === 0);
  });
});

describe('an answer that is too large', () => {
  it('is refused with what to do', async () => {
    reads = scene.reads({ answerBytesMax: 2_000 });
    const answer = await search('one');
    expect(answer.status).toBe(413);
    expect(parsed(answer)).toMatchObject({ code: 'miroir_page_too_large' });
    expect(idsOf(await search('one', { limit: 3 }))).toHaveLength(3);
  });
});
