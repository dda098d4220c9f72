// The official client asks a gateway over three nodes and one node that holds everything the same: same answers.
import { Meilisearch, MeilisearchApiError } from 'meilisearch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DevNode, startDevNode } from '../../src/devnode/index.ts';
import { type WorkerProcess, startWorker } from '../../src/fleet/processes.ts';
import { type TestFleet, startTestFleet } from '../support/fleet.ts';
import { ask } from '../support/gateway.ts';
import { untilTrue } from '../support/until.ts';

let fleet: TestFleet;
let gateway: WorkerProcess;
let node: DevNode;
let ours: Meilisearch;
let theirs: Meilisearch;

interface City {
  readonly id: number;
  readonly name?: string;
  readonly country?: string;
  readonly people?: number;
}
const CITIES: City[] = Array.from({ length: 60 }, (_, id) => ({
  id,
  name: `city ${['north', 'south', 'west'][id % 3]} ${'x'.repeat(id % 5)}`,
  country: id % 2 === 0 ? 'even' : 'odd',
  people: id * 100,
}));

/** Uids, times and sizes differ between any two servers, and a task of many nodes has no batch. */
const MASKED = /^(?:uid|taskUid|batchUid|requestUid|.*At|duration|processingTimeMs|.*[sS]ize|from|next|remote)$/;

/** Text of what is compared; the order of documents that tie is open, so lists without a sort are put in order. */
function comparable(value: unknown, isOrdered: boolean): unknown {
  const masked: unknown = JSON.parse(
    JSON.stringify(value ?? null, (name, item: unknown) => (MASKED.test(name) ? 'masked' : item)),
    (_, item: unknown) => {
      if (isOrdered || !Array.isArray(item)) return item;
      return [...(item as unknown[])].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    },
  );
  return masked;
}

type Call = (client: Meilisearch) => Promise<unknown>;

async function outcome(call: Call, client: Meilisearch): Promise<unknown> {
  try {
    return await call(client);
  } catch (error) {
    if (error instanceof MeilisearchApiError) return { failed: error.response.status, cause: error.cause };
    throw error;
  }
}

async function both(call: Call, isOrdered: boolean): Promise<[mine: unknown, wanted: unknown]> {
  const [mine, wanted] = await Promise.all([outcome(call, ours), outcome(call, theirs)]);
  return [comparable(mine, isOrdered), comparable(wanted, isOrdered)];
}

beforeAll(async () => {
  [fleet, node] = await Promise.all([startTestFleet({ nodes: 3 }), startDevNode({ batchMs: 0, docsPerS: 0 })]);
  gateway = await startWorker('gateway', {
    ...fleet.env,
    MIROIR_GATEWAY_PORT: '0',
    MIROIR_NEW_INDEX_SHARDS: '16',
  });
  const url = gateway.ready.gateway ?? '';
  ours = new Meilisearch({ host: url });
  theirs = new Meilisearch({ host: node.url });
  await untilTrue(async () => (await ask(url, { path: '/health' })).status === 200);
}, 60_000);
afterAll(async () => {
  await gateway.child.stop(10_000);
  await Promise.all([node.close(), fleet.stop()]);
});

const cities = (client: Meilisearch) => client.index<City>('cities');

/** In this order: what is written is there for the calls after it. */
const WRITES: readonly [string, Call, boolean?][] = [
  ['creates an index', (c) => c.createIndex('cities', { primaryKey: 'id' }).waitTask()],
  [
    'sets settings',
    (c) =>
      cities(c)
        .updateSettings({
          // Without them the numbers of our own fields are words, too (docs/gateway.md).
          searchableAttributes: ['name', 'country'],
          filterableAttributes: ['country', 'people'],
          sortableAttributes: ['id', 'people'],
        })
        .waitTask(),
  ],
  ['adds documents', (c) => cities(c).addDocuments(CITIES).waitTask()],
  [
    'adds one with metadata',
    (c) =>
      cities(c)
        .addDocuments([{ id: 900 }], { customMetadata: 'mine' })
        .waitTask(),
  ],
  [
    'updates one',
    (c) =>
      cities(c)
        .updateDocuments([{ id: 900, name: 'renamed' }])
        .waitTask(),
  ],
  [
    'adds NDJSON',
    (c) => cities(c).addDocumentsFromString('{"id":901}\n{"id":902,"name":"b"}', 'application/x-ndjson').waitTask(),
  ],
  ['deletes one', (c) => cities(c).deleteDocument(900).waitTask()],
  ['deletes some, of which one is not there', (c) => cities(c).deleteDocuments([901, 999]).waitTask()],
  ['deletes by filter', (c) => cities(c).deleteDocuments({ filter: 'people > 5700' }).waitTask()],
  ['deletes by a filter that matches none', (c) => cities(c).deleteDocuments({ filter: 'country = no' }).waitTask()],
  ['deletes by a filter that may not be', (c) => cities(c).deleteDocuments({ filter: 'doggo = 1' }).waitTask()],
  [
    'writes without a key',
    (c) =>
      cities(c)
        .addDocuments([{ name: 'no id' } as City])
        .waitTask(),
  ],
  [
    'sets synonyms',
    (c) =>
      cities(c)
        .updateSynonyms({ town: ['city'] })
        .waitTask(),
  ],
  ['updates the index without a change', (c) => c.updateIndex('cities', { primaryKey: 'id' }).waitTask()],
  ['gives another key to an index with documents', (c) => c.updateIndex('cities', { primaryKey: 'name' }).waitTask()],
  ['updates an index that is not there', (c) => c.updateIndex('none', { primaryKey: 'id' }).waitTask()],
  ['sets faceting', (c) => cities(c).updateFaceting({ maxValuesPerFacet: 7 }).waitTask()],
  ['resets synonyms', (c) => cities(c).resetSynonyms().waitTask()],
];

const READS: readonly [string, Call, boolean?][] = [
  ['health', (c) => c.health()],
  ['stats', (c) => cities(c).getStats()],
  ['a document', (c) => cities(c).getDocument(3)],
  ['some of its fields', (c) => cities(c).getDocument(3, { fields: ['name'] })],
  ['no document', (c) => cities(c).getDocument(4_000)],
  ['all documents', (c) => cities(c).getDocuments({ limit: 100 })],
  ['documents by filter and ids', (c) => cities(c).getDocuments({ filter: ['country = odd'], ids: [1, 2, 3] })],
  ['documents by a wrong filter', (c) => cities(c).getDocuments({ filter: 'country =' })],
  ['a search by GET', (c) => cities(c).searchGet('north', { filter: 'country = odd', limit: 100 })],
  ['digits, with searchable attributes named', (c) => cities(c).search('1', { limit: 100 })],
  ['no hits', (c) => cities(c).search('nothing')],
  ['a placeholder search', (c) => cities(c).search('', { limit: 100 })],
  ['a wrong sort', (c) => cities(c).search('', { sort: ['name:asc'] })],
  ['a wrong filter', (c) => cities(c).search('', { filter: 'doggo = 1' })],
  ['settings', (c) => cities(c).getSettings()],
  ['filterable attributes', (c) => cities(c).getFilterableAttributes()],
  ['faceting', (c) => cities(c).getFaceting()],
  ['indexes', (c) => c.getRawIndexes()],
  ['an index', (c) => c.getRawIndex('cities')],
  ['no index', (c) => c.index('none').getDocument(1)],
  ['failed tasks', (c) => c.tasks.getTasks({ statuses: ['failed'], indexUids: ['cities'] })],
];

/** Sorted by something without ties, so the order is one. */
const ORDERED: readonly [string, Call, boolean?][] = [
  ['a sorted page of documents', (c) => cities(c).getDocuments({ sort: ['people:desc'], limit: 5, offset: 7 })],
  [
    'a sorted page of hits with facets',
    (c) =>
      cities(c).search('city', {
        filter: 'country = even',
        sort: ['people:desc'],
        facets: ['country', 'people'],
        limit: 4,
        offset: 2,
      }),
  ],
  [
    'several searches',
    (c) =>
      c.multiSearch({
        queries: [
          { indexUid: 'cities', q: 'south', sort: ['id:asc'] },
          { indexUid: 'cities', q: 'west', sort: ['id:desc'], limit: 3, attributesToRetrieve: ['id'] },
        ],
      }),
  ],
];

const ordered = ([name, call]: [string, Call, boolean?]): [string, Call, boolean] => [name, call, true];

describe('a gateway over three nodes answers as one node', { timeout: 20_000 }, () => {
  it.each([...WRITES.map(ordered), ...READS, ...ORDERED.map(ordered)])('%s', async (_, call, isOrdered = false) => {
    const [mine, wanted] = await both(call, isOrdered);
    expect(mine).toEqual(wanted);
  });
});
