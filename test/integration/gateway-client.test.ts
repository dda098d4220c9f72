// The official client against the gateway, by code as applications have it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Meilisearch, MeilisearchApiError } from 'meilisearch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newKey } from '../../src/gateway/keys.ts';
import { type GatewayScene, startScene } from '../support/gateway.ts';

interface City {
  id: number;
  name: string;
  country?: string;
  people?: number;
}

let dir: string;
let scene: GatewayScene;
let client: Meilisearch;
let searcher: Meilisearch;

const CITIES: City[] = Array.from({ length: 50 }, (_, id) => ({
  id,
  name: `city ${id}`,
  country: id % 2 === 0 ? 'even' : 'odd',
  people: id * 100,
}));

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'miroir-client-'));
  const [all, search] = [
    newKey({ actions: ['*'], indexes: ['*'] }),
    newKey({ actions: ['search'], indexes: ['cities'] }),
  ];
  const keysFile = join(dir, 'keys.json');
  await writeFile(keysFile, JSON.stringify([all.entry, search.entry]));
  scene = await startScene({ keysFile });
  client = new Meilisearch({ host: scene.gateway.url, apiKey: all.key });
  searcher = new Meilisearch({ host: scene.gateway.url, apiKey: search.key });
  await client.createIndex('cities', { primaryKey: 'id' }).waitTask();
  await client
    .index('cities')
    .updateSettings({ filterableAttributes: ['country'], sortableAttributes: ['people'] })
    .waitTask();
  await client.index('cities').addDocuments(CITIES).waitTask();
});
afterAll(async () => {
  await scene.close();
  await rm(dir, { recursive: true });
});

const cities = () => client.index<City>('cities');

describe('the official client', () => {
  it('asks for health, version and figures', async () => {
    expect(await client.isHealthy()).toBe(true);
    expect((await client.getVersion()).pkgVersion).toMatch(/^\d+\.\d+\.\d+$/);
    expect((await client.getStats()).indexes['cities']?.numberOfDocuments).toBe(50);
    expect((await cities().getStats()).numberOfDocuments).toBe(50);
  });

  it('reads documents', async () => {
    expect(await cities().getDocument(3)).toEqual(CITIES[3]);
    const page = await cities().getDocuments({ limit: 2, offset: 1, fields: ['id'] });
    expect(page).toEqual({ results: [{ id: 1 }, { id: 2 }], offset: 1, limit: 2, total: 50 });
    const some = await cities().getDocuments({ filter: ['country = odd'], ids: [1, 2, 3] });
    expect(some.results.map(({ id }) => id)).toEqual([1, 3]);
  });

  it('searches, in every form', async () => {
    const found = await cities().search('city', {
      filter: 'country = even',
      sort: ['people:desc'],
      limit: 2,
      facets: ['country'],
    });
    expect(found.hits.map(({ id }) => id)).toEqual([48, 46]);
    expect(found.facetDistribution).toEqual({ country: { even: 25 } });
    expect((await cities().searchGet('city', { filter: 'country = odd', limit: 1 })).hits).toHaveLength(1);
    const multi = await client.multiSearch({
      queries: [
        { indexUid: 'cities', q: 'city', limit: 1 },
        { indexUid: 'cities', q: 'none' },
      ],
    });
    expect(multi.results.map(({ hits }) => hits.length)).toEqual([1, 0]);
  });

  it('writes, updates and deletes, with its own metadata', async () => {
    const added = await cities()
      .addDocuments([{ id: 900, name: 'new', people: 1 }], { customMetadata: 'mine' })
      .waitTask();
    expect(added).toMatchObject({
      status: 'succeeded',
      customMetadata: 'mine',
      details: { receivedDocuments: 1, indexedDocuments: 1 },
    });
    await cities()
      .updateDocuments([{ id: 900, name: 'renamed' }])
      .waitTask();
    expect(await cities().getDocument(900)).toEqual({ id: 900, name: 'renamed', people: 1 });
    await cities()
      .addDocumentsFromString('{"id":901,"name":"a"}\n{"id":902,"name":"b"}', 'application/x-ndjson')
      .waitTask();
    await cities().deleteDocument(900).waitTask();
    await cities().deleteDocuments([901]).waitTask();
    await cities().deleteDocuments({ filter: 'country = nowhere' }).waitTask();
    expect((await cities().getDocuments({ ids: [900, 901, 902] })).results.map(({ id }) => id)).toEqual([902]);
    await cities().deleteDocument(902).waitTask();
  });

  it('reads and changes settings, whole and by part', async () => {
    expect(await cities().getFilterableAttributes()).toEqual(['country']);
    await cities()
      .updateSynonyms({ town: ['city'] })
      .waitTask();
    expect((await cities().getSettings()).synonyms).toEqual({ town: ['city'] });
    await cities().updateFaceting({ maxValuesPerFacet: 7 }).waitTask();
    expect((await cities().getFaceting()).maxValuesPerFacet).toBe(7);
    await cities().resetSynonyms().waitTask();
    expect(await cities().getSynonyms()).toEqual({});
  });

  it('lists indexes and tasks', async () => {
    expect((await client.getIndexes()).results.map(({ uid }) => uid)).toEqual(['cities']);
    expect((await client.getRawIndex('cities')).primaryKey).toBe('id');
    const tasks = await client.tasks.getTasks({
      indexUids: ['cities'],
      statuses: ['succeeded'],
      types: ['indexCreation'],
    });
    expect(tasks.results.map(({ uid }) => uid)).toEqual([0]);
    expect((await client.tasks.getTask(0)).type).toBe('indexCreation');
    await client.createIndex('other').waitTask();
    await client.deleteIndex('other').waitTask();
  });

  it('gets errors as from a node', async () => {
    const failure = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);
    const missing = await failure(client.index('none').getDocument(1));
    expect(missing).toBeInstanceOf(MeilisearchApiError);
    expect((missing as MeilisearchApiError).cause).toMatchObject({ code: 'index_not_found', type: 'invalid_request' });
    expect(((await failure(client.getKeys())) as MeilisearchApiError).cause?.code).toBe('miroir_not_supported');
    const wrong = new Meilisearch({ host: scene.gateway.url, apiKey: 'wrong' });
    expect(((await failure(wrong.getIndexes())) as MeilisearchApiError).cause?.code).toBe('invalid_api_key');
    const none = new Meilisearch({ host: scene.gateway.url });
    expect(((await failure(none.getIndexes())) as MeilisearchApiError).cause?.code).toBe(
      'missing_authorization_header',
    );
  });

  it('with a key for searches only searches', async () => {
    expect((await searcher.index('cities').search('city')).hits).toHaveLength(20);
    await expect(searcher.index('cities').addDocuments([{ id: 1 }])).rejects.toThrow(
      'The provided API key is invalid.',
    );
  });

  it('may give up: its signal ends the call', async () => {
    scene.node.addFault({ do: 'delay', ms: 60_000, match: { path: '/search' }, times: 1 });
    const controller = new AbortController();
    const search = cities().search('city', {}, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    const error = await search.catch((reason: unknown) => reason);
    expect((error as { cause?: { name?: string } }).cause?.name ?? (error as Error).name).toBe('AbortError');
    expect((await cities().search('city')).hits).toHaveLength(20);
  });
});
