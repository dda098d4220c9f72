// What a router answers besides plain writes: tasks, indexes, settings, bounds, bad input.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientAnswer } from '../../src/routing/api.ts';
import { startTestFleet } from '../support/fleet.ts';
import type { TestFleet } from '../support/fleet.ts';
import { createClientTasks } from '../../src/redis/client-tasks.ts';
import { keys } from '../../src/redis/keys.ts';
import { HandMover } from '../support/hand-mover.ts';
import { isPending, RouterCalls } from '../support/router-calls.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const signal = new AbortController().signal;
const parsed = async (call: Promise<ClientAnswer>): Promise<{ status: number; body: Record<string, unknown> }> => {
  const { status, body } = await call;
  return { status, body: JSON.parse(body) as Record<string, unknown> };
};

describe('a router’s calls', () => {
  let fleet: TestFleet;
  let calls: RouterCalls;

  beforeAll(async () => {
    fleet = await startTestFleet({
      nodes: 2,
      config: { lease_ttl_secs: 10, lease_renewal_interval_ms: 2_000, new_index_shards: 8, moves_per_node: 64 },
    });
    calls = await RouterCalls.open(fleet.base, { limits: { waitingParts: 2 } });
  });

  afterAll(async () => {
    await calls.close();
    await fleet.stop();
  });

  const create = (uid: string, primaryKey: string | null = 'id') =>
    parsed(calls.router.createIndex(JSON.stringify({ uid, primaryKey }), { signal }));

  it('creates an index on its nodes, lists it, and deletes it everywhere', async () => {
    const answer = await create('films');
    expect(answer).toMatchObject({ status: 202, body: { type: 'indexCreation', indexUid: 'films' } });
    expect((await calls.put('films', [{ id: 1, title: 'one' }])).status).toBe(202);
    const shown = await parsed(calls.router.index('films', { signal }));
    expect(shown).toMatchObject({ status: 200, body: { uid: 'films', primaryKey: 'id' } });
    expect(Date.parse(String(shown.body['updatedAt']))).not.toBeNaN();
    expect((await parsed(calls.router.indexes({}, { signal }))).body).toMatchObject({ total: 1, offset: 0, limit: 20 });
    expect((await create('films')).status).toBe(202);
    const { body } = await parsed(calls.router.tasks({ types: ['indexCreation'], limit: 1 }, { signal }));
    expect(body['results']).toMatchObject([{ status: 'failed', error: { code: 'index_already_exists' } }]);

    const epoch = (await fleet.base.records.table('films'))?.epoch ?? 0;
    const deletion = await parsed(calls.router.deleteIndex('films', { signal }));
    expect(deletion).toMatchObject({ status: 202, body: { type: 'indexDeletion' } });
    expect(await calls.ended({ ...deletion, headers: {} })).toMatchObject({ status: 'succeeded' });
    expect(await fleet.client('n1').index('films')).toBeNull();
    const again = await parsed(calls.router.deleteIndex('films', { signal }));
    expect(await calls.ended({ ...again, headers: {} })).toMatchObject({ details: { deletedDocuments: 0 } });
    expect(await calls.put('films', [{ id: 1 }])).toMatchObject({ status: 404, body: { code: 'index_not_found' } });
    expect((await create('films')).status).toBe(202);
    expect((await fleet.base.records.table('films'))?.epoch).toBeGreaterThan(epoch);
    expect((await calls.put('films', [{ id: 2 }])).status).toBe(202);
  });

  it('deletes an index on its nodes only after the entry of a router that knows it and is silent', async () => {
    await create('known');
    const { redis, records } = fleet.base;
    const epoch = (await records.table('known'))?.epoch ?? 0;
    const untilMs = Date.now() + 6_500;
    const entry = { untilMs, run: 'any', name: 'frozen', acks: { known: { epoch } } };
    await redis.hset('{miroir}:routers', 'frozen', JSON.stringify(entry));
    const deletion = calls.router.deleteIndex('known', { signal });
    expect((await deletion).status).toBe(202);
    expect(Date.now()).toBeGreaterThanOrEqual(untilMs);
  });

  it('waits for nobody to let go of an index that is named as what every object has', async () => {
    await create('constructor');
    const begunMs = Date.now();
    const deletion = await parsed(calls.router.deleteIndex('constructor', { signal }));
    expect(await calls.ended({ ...deletion, headers: {} })).toMatchObject({ status: 'succeeded' });
    expect(Date.now() - begunMs).toBeLessThan(5_000);
  });

  it('deletes an index on its nodes only after every router has confirmed without it', async () => {
    await create('young');
    const { redis } = fleet.base;
    const entry = { untilMs: Date.now() + 60_000, run: 'any', name: 'new', acks: {} };
    await redis.hset('{miroir}:routers', 'new', JSON.stringify(entry));
    const deletion = calls.router.deleteIndex('young', { signal });
    await sleep(500);
    expect(await isPending(deletion)).toBe(true);
    await redis.hset('{miroir}:routers', 'new', JSON.stringify({ ...entry, confirmedMs: Date.now() }));
    const begunMs = Date.now();
    expect((await deletion).status).toBe(202);
    expect(Date.now() - begunMs).toBeLessThan(1_000);
    await redis.hdel('{miroir}:routers', 'new');
  });

  it('deletes an index on its nodes only after writes to it that a router still has under way', async () => {
    await create('late');
    const nodes = fleet.nodes.map((node) => switchesOf(node));
    const asked = async (path: string) => (await Promise.all(nodes.map((node) => node.asked(path)))).flat();
    const DELAY_MS = 1_000;
    for (const node of nodes)
      await node.fault({ match: { path: '^/indexes/late/documents\\?' }, do: 'delay', ms: DELAY_MS, times: 1 });
    const write = calls.put('late', [{ id: 1 }]);
    await untilTrue(async () => (await asked('^/indexes/late/documents\\?')).length === 1);
    const deletion = await parsed(calls.router.deleteIndex('late', { signal }));
    expect(await calls.ended({ ...deletion, headers: {} })).toMatchObject({ status: 'succeeded' });
    const [written] = await asked('^/indexes/late/documents\\?');
    const deletions = (await asked('^/indexes/late$')).filter(({ method }) => method === 'DELETE');
    expect(deletions).toHaveLength(2);
    for (const { at } of deletions) expect(at - (written?.at ?? 0)).toBeGreaterThanOrEqual(DELAY_MS);
    // Accepted, and it counts no more: whoever is told so looks again.
    expect(await write).toMatchObject({ status: 503, body: { code: 'miroir_outcome_unknown' } });
    for (const id of ['n1', 'n2']) expect(await fleet.client(id).index('late')).toBeNull();
    for (const node of nodes) await node.clearFaults();
  });

  it('creates an index anew only after the nodes have been told of its deletion', async () => {
    await create('anew');
    const nodes = fleet.nodes.map((node) => switchesOf(node));
    for (const node of nodes)
      await node.fault({ match: { path: '^/indexes/anew/documents\\?' }, do: 'delay', ms: 1_500, times: 1 });
    // A write that is under way holds the deletion up.
    const write = calls.put('anew', [{ id: 1 }]);
    const asked = async (path: string) => (await Promise.all(nodes.map((node) => node.asked(path)))).flat();
    await untilTrue(async () => (await asked('^/indexes/anew/documents\\?')).length === 1);
    const deletion = calls.router.deleteIndex('anew', { signal });
    await untilTrue(async () => (await fleet.base.records.deletion('anew')) !== null);
    expect((await calls.ended({ ...(await create('anew')), headers: {} })).status).toBe('succeeded');
    expect((await calls.ended(await calls.put('anew', [{ id: 2 }]))).status).toBe('succeeded');
    await deletion;
    await write;
    for (const node of nodes) await node.clearFaults();
    const found = await parsed(calls.router.fetchDocuments('anew', '{}', { signal }));
    expect(found.body).toMatchObject({ total: 1, results: [{ id: 2 }] });
  });

  it('creates an index anew behind its deletion that a node has not carried out yet', async () => {
    await create('again');
    await calls.ended(await calls.put('again', [{ id: 1 }]));
    const node = fleet.nodes.find(({ id }) => id === 'n1');
    if (node === undefined) throw new Error('no n1');
    await switchesOf(node).pause();
    expect((await calls.router.deleteIndex('again', { signal })).status).toBe(202);
    const creation = create('again');
    await sleep(300);
    await switchesOf(node).resume();
    expect((await calls.ended({ ...(await creation), headers: {} })).status).toBe('succeeded');
    expect((await calls.ended(await calls.put('again', [{ id: 2 }]))).status).toBe('succeeded');
    expect(await fleet.client('n1').settings('again')).toMatchObject({ searchableAttributes: ['*'] });
    expect(JSON.stringify(await fleet.client('n1').settings('again'))).toContain('_miroir_shard');
  });

  it('needs a primary key for an index, and an index for documents', async () => {
    expect(await create('nameless', null)).toMatchObject({ status: 400, body: { code: 'invalid_index_primary_key' } });
    expect(await calls.put('nobody', [{ id: 1 }])).toMatchObject({ status: 404, body: { code: 'index_not_found' } });
  });

  it('gives an index no other primary key, and says why by its documents', async () => {
    await create('keyed');
    const update = async (uid: string, primaryKey: string | null) => ({
      ...(await parsed(calls.router.updateIndex(uid, primaryKey, { signal }))),
      headers: {},
    });
    for (const same of [null, 'id']) {
      const task = await calls.ended(await update('keyed', same));
      expect(task).toMatchObject({ status: 'succeeded', type: 'indexUpdate', details: { primaryKey: same } });
    }
    const empty = await update('keyed', 'sku');
    expect(empty).toMatchObject({ status: 501, body: { code: 'miroir_not_supported' } });
    expect(empty.body['message']).toContain('delete the index');
    await calls.ended(await calls.put('keyed', [{ id: 1, sku: 2 }]));
    expect(await calls.ended(await update('keyed', 'sku'))).toMatchObject({
      status: 'failed',
      error: {
        code: 'index_primary_key_already_exists',
        message: 'Index `keyed`: Index already has a primary key: `id`.',
      },
    });
    expect(await calls.ended(await update('nobody', 'id'))).toMatchObject({ error: { code: 'index_not_found' } });
  });

  it('changes settings on every node with ours in them, and hides ours', async () => {
    await create('shop');
    const change = (part: string | null, body: unknown) =>
      parsed(calls.router.changeSettings('shop', part, body === null ? null : JSON.stringify(body), { signal }));
    const read = (part: string | null) => parsed(calls.router.settings('shop', part, { signal }));
    const done = async (answer: Awaited<ReturnType<typeof change>>): Promise<unknown> => {
      expect(answer).toMatchObject({ status: 202, body: { type: 'settingsUpdate' } });
      const task = await calls.ended({ ...answer, headers: {} });
      expect(task.status).toBe('succeeded');
      return task['details'];
    };
    const sent = { filterableAttributes: ['price'], sortableAttributes: ['price'], stopWords: ['the', 'a'] };
    expect(await done(await change(null, sent))).toEqual({ ...sent, stopWords: ['a', 'the'] });
    expect((await read(null)).body).toMatchObject({ filterableAttributes: ['price'], sortableAttributes: ['price'] });
    for (const id of ['n1', 'n2']) {
      const settings = await fleet.client(id).settings('shop');
      expect(JSON.stringify(settings['filterableAttributes'])).toContain('_miroir_shard');
      expect(settings['sortableAttributes']).toEqual(['price']);
    }
    expect(await done(await change('filterable-attributes', null))).toEqual({ filterableAttributes: null });
    expect((await read('filterable-attributes')).body).toEqual([]);
    expect(JSON.stringify((await fleet.client('n2').settings('shop'))['filterableAttributes'])).toContain(
      '_miroir_slot',
    );
    expect(await done(await change(null, null))).toMatchObject({ filterableAttributes: null, stopWords: null });
    expect((await read('sortable-attributes')).body).toEqual([]);
    expect((await change(null, { wrong: 1 })).status).toBe(400);
  });

  it('keeps the keys of embedders out of Redis and of tasks', async () => {
    await create('embedded');
    const embedders = { some: { source: 'openAi', apiKey: 'a-secret-key' } };
    const answer = await parsed(
      calls.router.changeSettings('embedded', null, JSON.stringify({ embedders }), { signal }),
    );
    const record = keys.clientTask(Number(answer.body['taskUid']));
    const kept = async (): Promise<string> => JSON.stringify(await fleet.base.redis.hgetall(record));
    expect(await kept()).not.toContain('a-secret');
    const { details } = await calls.ended({ ...answer, headers: {} });
    expect(details).toEqual({ embedders: { some: { source: 'openAi', apiKey: 'XXX...' } } });
    expect(await kept()).toContain('openAi');
    expect(await kept()).not.toContain('a-secret');
    expect((await fleet.client('n1').settings('embedded'))['embedders']).toMatchObject(embedders);
  });

  it.each([
    [null, { filterableAttributes: true }, 'Invalid value type at `.filterableAttributes`: expected an array'],
    [null, { filterableAttributes: ['a', { x: 1 }] }, 'Unknown field `x` inside `.filterableAttributes[1]`'],
    ['filterable-attributes', true, 'Invalid value type: expected an array'],
    ['filterable-attributes', { a: 1 }, 'Invalid value type: expected an array'],
    ['ranking-rules', ['bad rule'], 'Invalid value at `[0]`: `bad rule`'],
    ['pagination', { nope: 1 }, 'Unknown field `nope`: expected one of `maxTotalHits`'],
  ])('refuses wrong settings as a node does, with places of what was sent: %s %j', async (part, body, words) => {
    await create('strict');
    const answer = await parsed(calls.router.changeSettings('strict', part, JSON.stringify(body), { signal }));
    expect(answer.status).toBe(400);
    expect(String(answer.body['message']).slice(0, words.length)).toBe(words);
  });

  it('refuses with 409 and the plan what would disturb a move', async () => {
    await fleet.createIndex({ uid: 'busy', shards: 1, documents: [] });
    const [owner = ''] = (await fleet.base.records.route('busy', 0)).route.owners;
    const mover = await HandMover.start(fleet, { index: 'busy', target: owner === 'n1' ? 'n2' : 'n1' });
    await mover.track();
    await mover.acknowledged();
    const { planId } = (await fleet.base.records.move(mover.id)) ?? { planId: 'none' };
    for (const answer of [
      await parsed(calls.router.changeSettings('busy', null, '{"stopWords":["a"]}', { signal })),
      await parsed(calls.router.deleteIndex('busy', { signal })),
    ]) {
      expect(answer).toMatchObject({ status: 409, body: { code: 'miroir_index_moving' } });
      expect(String(answer.body['message'])).toContain(planId);
    }
    await mover.stop();
  });

  it('bounds what waits, in number, and lets a client go', async () => {
    await fleet.createIndex({ uid: 'full', shards: 1, documents: [] });
    const [owner = ''] = (await fleet.base.records.route('full', 0)).route.owners;
    const mover = await HandMover.start(fleet, { index: 'full', target: owner === 'n1' ? 'n2' : 'n1' });
    await mover.track();
    await mover.hold(30_000);
    await mover.acknowledged();
    const leaving = new AbortController();
    const first = calls.put('full', [{ id: 1 }]);
    const second = calls.put('full', [{ id: 2 }], leaving.signal);
    expect(await isPending(second)).toBe(true);
    expect(await calls.put('full', [{ id: 3 }])).toMatchObject({ status: 503, body: { code: 'miroir_overloaded' } });
    leaving.abort(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
    const third = calls.put('full', [{ id: 4 }]);
    expect(await isPending(third)).toBe(true);
    await mover.settle();
    expect([(await first).status, (await third).status]).toEqual([202, 202]);
    await mover.stop();
  });

  it('bounds the writes under way to one node, and keeps those that wait out of flight; large ones by themselves', async () => {
    const limits = { writesPerNode: { small: 1, large: 1 }, smallBytes: 1_000 };
    const narrow = await RouterCalls.open(fleet.base, { limits });
    await fleet.createIndex({ uid: 'narrow', shards: 1, documents: [] });
    await untilTrue(async () => (await narrow.search('narrow')).status === 200);
    const [owner = ''] = (await fleet.base.records.route('narrow', 0)).route.owners;
    const node = switchesOf(fleet.nodes.find(({ id }) => id === owner) ?? { url: '' });
    await node.fault({ match: { path: '^/indexes/narrow/documents' }, do: 'delay', ms: 400, times: 1 });
    const writes = [narrow.put('narrow', [{ id: 1 }]), narrow.put('narrow', [{ id: 2 }])];
    await untilTrue(async () => (await node.asked('^/indexes/narrow/documents\\?')).length === 1);
    expect(await isPending(Promise.race(writes))).toBe(true);
    expect(await node.asked('^/indexes/narrow/documents\\?')).toHaveLength(1);
    expect((await narrow.put('narrow', [{ id: 3, text: 'x'.repeat(1_000) }])).status).toBe(202);
    expect(await isPending(Promise.race(writes))).toBe(true);
    expect((await Promise.all(writes)).map(({ status }) => status)).toEqual([202, 202]);
    await narrow.close();
  });

  it('accepts what a node accepts and fails: no id, a bad id, another primary key; and nothing at all', async () => {
    await create('input');
    const codes: unknown[] = [];
    const received: unknown[] = [];
    for (const documents of [[{ id: 1 }, { name: 'x' }], [{ id: 'a b' }], [{ id: 1.5 }]]) {
      const answer = await calls.put('input', documents);
      expect(answer.status).toBe(202);
      const { error, details } = await calls.ended(answer);
      codes.push(error?.code);
      received.push(details['receivedDocuments']);
    }
    expect(codes).toEqual(['missing_document_id', 'invalid_document_id', 'invalid_document_id']);
    expect(received).toEqual([2, 1, 1]);
    const other = { mode: 'replace', documents: '[{"id":1}]', primaryKey: 'sku' } as const;
    const { status, body } = await parsed(calls.router.writeDocuments('input', other, { signal }));
    expect(status).toBe(202);
    expect(await calls.ended({ status, body, headers: {} })).toMatchObject({
      status: 'failed',
      error: { code: 'index_primary_key_already_exists', message: 'Index already has a primary key: `id`.' },
      details: { receivedDocuments: 1, indexedDocuments: 0 },
    });
    expect(await calls.ended(await calls.put('input', []))).toMatchObject({
      status: 'succeeded',
      details: { receivedDocuments: 0, indexedDocuments: 0 },
    });
    expect(await calls.put('input', [{ id: 1, _miroir_shard: 3 }])).toMatchObject({ status: 400 });
  });

  it('refuses what is no array of objects in a node’s words', async () => {
    await create('broken');
    const answers = ['[{"id":1}', '[1,2]', [Buffer.from('{"id":1},')]].map((documents) =>
      parsed(calls.router.writeDocuments('broken', { mode: 'replace', documents }, { signal })),
    );
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatchObject({ status: 400, body: { code: 'malformed_payload' } });
      expect(answer.body['message']).toMatch(
        /^The `json` payload provided is malformed\. `Couldn't serialize document/,
      );
    }
  });

  it('says where to go on when it has looked at many tasks and found too few', async () => {
    const { redis, scripts } = fleet.base;
    const tasks = createClientTasks({ redis, scripts, maxTasks: 10_000, ttlSecs: 3_600 });
    const about = { indexUid: 'many', details: {}, customMetadata: null, parts: [], degradedGroups: [] };
    const enqueuedAt = new Date().toISOString();
    const first = await tasks.add({ ...about, type: 'dumpCreation', enqueuedAt });
    await Promise.all(Array.from({ length: 2_100 }, () => tasks.add({ ...about, type: 'other', enqueuedAt })));
    const list = async (query: object) =>
      (await parsed(calls.router.tasks({ types: ['dumpCreation'], indexUids: ['many'], ...query }, { signal }))).body;
    const page = await list({});
    expect(page).toMatchObject({ results: [], next: first + 100 });
    expect(await list({ from: page['next'] })).toMatchObject({ results: [{ uid: first }], next: null });
  });

  it('follows a delete by a filter of megabytes to its end, and keeps the beginning of it', async () => {
    await create('filtered');
    const filter = `_miroir_slot IN [${Array.from({ length: 9_000 }, () => 'x'.repeat(1_000)).join(', ')}]`;
    const answer = await calls.removeByFilter('filtered', filter);
    expect(await calls.ended(answer)).toMatchObject({ status: 'succeeded', details: { deletedDocuments: 0 } });
    const kept = await fleet.base.redis.hgetall(keys.clientTask(Number(answer.body['taskUid'])));
    expect(kept['task']).toContain('_miroir_slot IN [xxx');
    expect(JSON.stringify(kept).length).toBeLessThan(50_000);
    // As a mover looks through them.
    expect(await fleet.client('n1').tasks({ index: 'filtered', limit: 100 })).toMatchObject([
      { type: 'documentDeletion' },
      { type: 'settingsUpdate' },
      { type: 'indexCreation' },
    ]);
  });

  it('lists tasks with their states, and gives metadata back', async () => {
    await create('listed');
    const one = await parsed(
      calls.router.writeDocuments(
        'listed',
        { mode: 'replace', documents: '{"id":1}' },
        { signal, customMetadata: 'mine' },
      ),
    );
    expect(one.body['customMetadata']).toBe('mine');
    expect((await calls.ended({ ...one, headers: {} })).status).toBe('succeeded');
    await calls.ended(await calls.remove('listed', [1, 'zzz', '?']));
    await calls.ended(await calls.put('listed', [{ id: ' ' }]));
    const list = async (query: object) => (await parsed(calls.router.tasks(query, { signal }))).body;
    const uids = (body: Record<string, unknown>): number[] =>
      (body['results'] as { uid: number }[]).map(({ uid }) => uid);
    const all = await list({ indexUids: ['listed'] });
    expect(uids(all)).toEqual([...uids(all)].sort((a, b) => b - a));
    expect(all['results']).toMatchObject([
      { type: 'documentAdditionOrUpdate', status: 'failed' },
      { type: 'documentDeletion', status: 'succeeded', details: { providedIds: 3, deletedDocuments: 1 } },
      { type: 'documentAdditionOrUpdate', status: 'succeeded', customMetadata: 'mine' },
      { type: 'indexCreation', status: 'succeeded' },
    ]);
    expect(uids(await list({ indexUids: ['listed'], statuses: ['failed'] }))).toEqual(uids(all).slice(0, 1));
    const page = await list({ indexUids: ['listed'], limit: 2 });
    expect([uids(page), page['next']]).toEqual([uids(all).slice(0, 2), uids(all)[2]]);
    expect(uids(await list({ indexUids: ['listed'], from: page['next'] }))).toEqual(uids(all).slice(2));
    const oldest = [...uids(all)].reverse();
    const first = await list({ indexUids: ['listed'], limit: 2, reverse: true });
    expect([uids(first), first['from'], first['next']]).toEqual([oldest.slice(0, 2), oldest[0], oldest[2]]);
    const rest = await list({ indexUids: ['listed'], from: first['next'], reverse: true });
    expect([uids(rest), rest['next']]).toEqual([oldest.slice(2), null]);
    expect(uids(await list({ uids: [uids(all)[1]] }))).toEqual([uids(all)[1]]);
    expect(await parsed(calls.router.task(999_999, { signal }))).toMatchObject({
      status: 404,
      body: { code: 'task_not_found' },
    });
  });

  it('updates fields of documents, over many shards in one request a node', async () => {
    await create('wide');
    const documents = Array.from({ length: 200 }, (_, id) => ({ id, name: `n${id}`, weight: id }));
    const answer = await calls.put('wide', documents);
    expect(await calls.ended(answer)).toMatchObject({ details: { receivedDocuments: 200, indexedDocuments: 200 } });
    await calls.ended(await calls.patch('wide', [{ id: 7, weight: -1 }]));
    const { hits } = (await calls.search('wide', 'n7')).body as { hits: { id: number }[] };
    expect(hits.find(({ id }) => id === 7)).toEqual({ id: 7, name: 'n7', weight: -1 });
    for (const id of ['n1', 'n2']) {
      const node = switchesOf(fleet.nodes.find((one) => one.id === id) ?? { url: '' });
      const posted = (await node.asked('^/indexes/wide/documents\\?')).filter(({ method }) => method === 'POST');
      expect(posted).toHaveLength(1);
    }
    expect(await calls.ended(await calls.removeByFilter('wide', null))).toMatchObject({
      details: { deletedDocuments: 200 },
    });
  });
});
