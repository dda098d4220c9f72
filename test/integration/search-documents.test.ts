// Lists of documents, single documents and stats over three development nodes, compared with one that holds everything.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ClientAnswer } from '../../src/routing/api.ts';
import type { Reads } from '../../src/routing/search/reads.ts';
import { OPTIONS, parsed, startReadScene, view } from '../support/reads.ts';
import type { ReadScene } from '../support/reads.ts';

const COUNT = 500;
const DOCUMENTS = Array.from(
  { length: COUNT },
  (_, id) =>
    `{"id":${id},"name":"n${id}","rank":${(id * 7919) % COUNT},"half":${id % 3 === 0 ? 'null' : `"h${id % 5}"`},` +
    `"deep":{"a":${id % 7},"b":"x"},"big":18446744073709551615,"exact":1.0}`,
);
const SETTINGS = {
  searchableAttributes: ['name'],
  filterableAttributes: ['rank', 'half'],
  sortableAttributes: ['rank', 'half', 'deep.a'],
};

interface Page {
  readonly results: readonly { readonly id: number }[];
  readonly total: number;
}

let scene: ReadScene;
let reads: Reads;

beforeAll(async () => {
  scene = await startReadScene();
  await scene.add({ uid: 'items', documents: DOCUMENTS, settings: SETTINGS });
  await scene.add({ uid: 'twice', documents: DOCUMENTS, settings: SETTINGS, replicationFactor: 2 });
  reads = scene.reads();
}, 60_000);
afterAll(() => scene.stop());

const list = (index: string, body: unknown): Promise<ClientAnswer> =>
  reads.fetchDocuments(index, JSON.stringify(body), OPTIONS);
const whole = (index: string, body: unknown): ReturnType<ReadScene['whole']> =>
  scene.whole(`/indexes/${index}/documents/fetch`, JSON.stringify(body));

const idsOf = async (index: string, body: object): Promise<number[]> =>
  (parsed(await list(index, { fields: ['id'], ...body })) as Page).results.map(({ id }) => id);

describe('a sorted list is that of one node', () => {
  it.each([
    { sort: ['rank:asc'] },
    { sort: ['rank:desc'], offset: 3, limit: 7 },
    { sort: ['half:asc', 'rank:asc'], limit: 500 },
    { sort: ['half:desc', 'rank:desc'], limit: 40, offset: 480 },
    { sort: ['half:asc', 'rank:asc'], fields: ['id'], limit: 100 },
    { sort: ['half:asc', 'rank:asc'], fields: ['rank', 'name'], limit: 100 },
    { sort: ['rank:asc'], filter: 'half = h1', limit: 1_000 },
    { sort: ['rank:asc'], filter: ['half = h1', ['rank < 50', 'rank > 450']] },
    { sort: ['rank:asc'], ids: [1, '2', 77, 9_999], limit: 10 },
    { sort: ['rank:asc'], offset: 10_000, limit: 0 },
  ])('%j', async (body) => {
    for (const index of ['items', 'twice'])
      expect(view(await list(index, body))).toEqual(view(await whole(index, body)));
  });

  it('by a value inside an object', async () => {
    const [ours, theirs] = [
      parsed(await list('items', { sort: ['deep.a:asc'], fields: ['deep.a'], limit: 500 })) as Page,
      parsed(await whole('items', { sort: ['deep.a:asc'], fields: ['deep.a'], limit: 500 })) as Page,
    ];
    expect(ours).toEqual(theirs);
  });

  it('is refused where it would need too much, or a part of an object that is not asked for', async () => {
    for (const body of [
      { sort: ['rank:asc'], offset: 9_990, limit: 20 },
      { sort: ['deep.a:asc'], fields: ['deep.b'] },
      { sort: ['_geoPoint(1,2):asc'] },
      { useNetwork: true },
    ]) {
      const answer = await list('items', body);
      expect(answer.status).toBe(501);
      expect(parsed(answer)).toMatchObject({ code: 'miroir_not_mergeable' });
    }
  });
});

describe('a list in its own order', () => {
  it.each(['items', 'twice'])('has every document once, whatever the pages: %s', async (index) => {
    const everything = await idsOf(index, { limit: COUNT });
    expect([...everything].sort((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, id) => id));
    for (const limit of [7, 50, 101, 333]) {
      const paged: number[] = [];
      for (let offset = 0; offset < COUNT; offset += limit) paged.push(...(await idsOf(index, { limit, offset })));
      expect(paged).toEqual(everything);
    }
    expect(await idsOf(index, { offset: COUNT, limit: 200 })).toEqual([]);
    expect(await idsOf(index, { offset: 499, limit: 200 })).toEqual(everything.slice(499));
    expect(await idsOf(index, { limit: 0 })).toEqual([]);
  });

  it('tells offset, limit and total as one node', async () => {
    for (const body of [{}, { offset: 490, limit: 300 }, { filter: 'half = h2', limit: 200 }, { limit: 0 }]) {
      const [ours, theirs] = [parsed(await list('items', body)) as Page, parsed(await whole('items', body)) as Page];
      expect({ ...ours, results: ours.results.length }).toEqual({ ...theirs, results: theirs.results.length });
    }
  });

  it('holds documents as they were written, without our fields', async () => {
    const { body } = await list('items', { ids: [7] });
    expect(body).toBe(`{"results":[${DOCUMENTS[7]}],"offset":0,"limit":20,"total":1}`);
    expect((await list('items', { limit: 500 })).body).not.toContain('_miroir');
  });

  it('asks only the nodes that have the ids', async () => {
    const { body } = await list('items', { ids: [] });
    expect(body).toBe('{"results":[],"offset":0,"limit":20,"total":0}');
    expect(await idsOf('items', { ids: [3, 4, 5, '6', 100_000] })).toHaveLength(4);
  });
});

describe('a list while others write', () => {
  it('has what was there all along, however often the totals change', async () => {
    const other = await startReadScene();
    onTestFinished(() => other.stop());
    await other.add({ uid: 'busy', documents: DOCUMENTS, settings: SETTINGS });
    const [node, body] = [other.client('n1'), JSON.stringify({ fields: ['id'], limit: 1_000 })];
    const lasting = parsed(await other.reads().fetchDocuments('busy', body, OPTIONS)) as Page;
    // The places of its first documents are used again by those that come back, before all that stay.
    const url = `${other.processes[0]?.url ?? ''}/indexes/busy/documents?limit=5`;
    const going = [...((await (await fetch(url)).json()) as Page).results];
    const ids = going.map(({ id }) => String(id));
    await other.applied('n1', await node.deleteDocuments('busy', ids, 'test'));
    const staying = lasting.results.filter(({ id }) => !ids.includes(String(id))).map(({ id }) => id);
    const { traffic } = other;
    const busy: typeof traffic = {
      ...traffic,
      close: () => traffic.close(),
      of: (asked) => {
        const to = traffic.of(asked);
        if (asked.id !== 'n1') return to;
        const fetchDocuments: typeof to.fetchDocuments = async (index, text, limits) => {
          const answer = await to.fetchDocuments(index, text, limits);
          const back = text.includes('"limit":0') ? going.pop() : undefined;
          if (back !== undefined) await other.put('n1', 'busy', JSON.stringify([back]));
          return answer;
        };
        return new Proxy(to, {
          get: (target, name) => {
            if (name === 'fetchDocuments') return fetchDocuments;
            const value: unknown = Reflect.get(target, name);
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          },
        });
      },
    };
    const answer = await other.reads({ traffic: busy }).fetchDocuments('busy', body, OPTIONS);
    const seen = (parsed(answer) as Page).results.map(({ id }) => id);
    expect(staying.filter((id) => !seen.includes(id))).toEqual([]);
  });
});

describe('a request that a node refuses', () => {
  it.each([
    { filter: 'name = x' },
    { filter: ['rank > 3', 'name = x'] },
    { filter: 'rank >' },
    { filter: 5 },
    { filter: [1] },
    { limit: 'x' },
    { offset: -1 },
    { sort: ['name:asc'] },
    { sort: ['rank'] },
    { sort: 'rank:asc' },
    { ids: ['no good'] },
    { ids: 5 },
    { fields: 'id' },
    { nope: 1 },
    5,
  ])('is refused in the words that one node has: %j', async (body) => {
    expect(view(await list('items', body))).toEqual(view(await whole('items', body)));
  });
});

describe('a single document', () => {
  const one = (id: string, query = ''): Promise<ClientAnswer> => reads.document('items', id, query, OPTIONS);

  it('is as it was written', async () => {
    expect(await one('7')).toEqual({ status: 200, headers: {}, body: DOCUMENTS[7] });
    expect((await one('8', 'fields=id,_miroir_shard,exact')).body).toBe('{"id":8,"exact":1.0}');
  });

  it('that is not there is told as by one node', async () => {
    for (const id of ['777', 'a b', 'ü']) {
      const theirs = await scene.whole(`/indexes/items/documents/${encodeURIComponent(id)}`);
      expect(view(await one(id))).toEqual(view(theirs));
    }
    expect(view(await one('7', 'nope=1'))).toEqual(view(await scene.whole('/indexes/items/documents/7?nope=1')));
  });

  it('whose id would vanish from the address is not there: no list, no index', async () => {
    for (const id of ['', '.', '..']) {
      const answer = view(await one(id));
      expect(answer).toMatchObject({ status: 404 });
      expect(JSON.stringify(answer)).toContain('document_not_found');
    }
    expect((await reads.document('nowhere', '', '', OPTIONS)).body).toContain('index_not_found');
  });

  it('of no index', async () => {
    const answer = await reads.document('nowhere', '1', '', OPTIONS);
    expect(view(answer)).toEqual(view(await scene.whole('/indexes/nowhere/documents/1')));
  });
});

describe('stats', () => {
  const SIZES = ['rawDocumentDbSize', 'avgDocumentSize'];
  const withoutSizes = (stats: object): object =>
    Object.fromEntries(Object.entries(stats).filter(([name]) => !SIZES.includes(name)));

  it.each(['items', 'twice'])('count every document and field once: %s', async (index) => {
    const ours = parsed(await reads.stats(index, OPTIONS)) as object;
    const theirs = parsed(await scene.whole(`/indexes/${index}/stats`)) as object;
    expect(Object.keys(ours)).toEqual(Object.keys(theirs));
    expect(withoutSizes(ours)).toEqual(withoutSizes(theirs));
  });

  it('of the fleet hold those of every index', async () => {
    const ours = parsed(await reads.stats(null, OPTIONS)) as { indexes: Record<string, object>; lastUpdate: string };
    const theirs = parsed(await scene.whole('/stats')) as { indexes: Record<string, object> };
    expect(Object.keys(ours)).toEqual(Object.keys(theirs));
    expect(Object.keys(ours.indexes)).toEqual(['items', 'twice']);
    expect(Date.parse(ours.lastUpdate)).toBeGreaterThan(0);
  });

  it('of no index', async () => {
    expect(view(await reads.stats('nowhere', OPTIONS))).toEqual(view(await scene.whole('/indexes/nowhere/stats')));
  });
});
