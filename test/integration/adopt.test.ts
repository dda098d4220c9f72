// Taking over an index that nodes have already: what is refused, what is written, and that nothing of it is lost.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  adoptIndex,
  stampPastRouters,
  surveyAdoption,
  surveyPastRouters,
  type AdoptWish,
} from '../../src/control/adopt.ts';
import { canonicalDocument } from '../../src/core/canonical.ts';
import { locateKey } from '../../src/core/hashing.ts';
import { isMiroirError } from '../../src/errors.ts';
import type { NodeClient } from '../../src/ports.ts';
import { adoptionScope, keys } from '../../src/redis/keys.ts';
import { withoutOurs } from '../../src/routing/search/own-fields.ts';
import { type Control, type Running, openControl, startRebalancer } from '../../src/service.ts';
import { entryCommand } from '../support/built-entry.ts';
import { type PlanningFleet, startPlanningFleet } from '../support/planning.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { untilTrue } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '../..');
const CLI = entryCommand('src/cli/main');
const NEVER = new AbortController().signal;
const BIG = '14630868576586246730';

let fleet: PlanningFleet;
let control: Control;
const running: Running[] = [];

beforeAll(async () => {
  fleet = await startPlanningFleet(3, { MIROIR_GRACE_MS: '0', MIROIR_MIGRATION_BATCH_DELAY_MS: '0' });
  control = await openControl(fleet.config);
}, 60_000);
afterAll(async () => {
  await control.close();
  await fleet.stop();
});
beforeEach(async () => {
  await fleet.reset();
  for (const { id } of fleet.nodes) await send(id, 'DELETE', '/indexes/movies');
  await fleet.startPlanner().worker.leading;
});
afterEach(async () => {
  for (const part of running.splice(0)) await part.close();
});

/** As a client that knows one node and nothing of us. */
async function send(node: string, method: string, path: string, body?: string): Promise<void> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const answer = await fetch(`${fleet.url(node)}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
  const { taskUid } = (await answer.json()) as { taskUid: number };
  await fleet.applied(node, taskUid);
}
const add = (node: string, documents: readonly string[], primaryKey = 'id'): Promise<void> =>
  send(node, 'POST', `/indexes/movies/documents?primaryKey=${primaryKey}`, `[${documents.join(',')}]`);
const some = (from: number, to: number, title = 'movie'): string[] =>
  Array.from({ length: to - from }, (_, at) => `{"id":${from + at},"title":"${title} ${from + at}","rating":1.0}`);

const titleOf = (text: string): string => /"title":"([^"]*)/.exec(text)?.[1] ?? '';

const wishOf = (more: Partial<AdoptWish> = {}): AdoptWish => ({ uid: 'movies', shards: 8, signal: NEVER, ...more });
const adopt = (more: Partial<AdoptWish> = {}) => adoptIndex(control, wishOf(more));

async function refusal(act: Promise<unknown>): Promise<{ code: string; field?: string; message: string }> {
  const error: unknown = await act.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isMiroirError(error)) throw error;
  expect(error.remedy).toBeTruthy();
  const { code, field, message } = error;
  return { code, message, ...(field === undefined ? {} : { field }) };
}

/** All documents of the node as it gives them out, by id. */
async function textsOn(client: NodeClient): Promise<Map<string, string>> {
  const { documents } = await client.page('movies', { limit: 10_000, maxBytes: 10_000_000 });
  const lines = documents
    .toString('utf8')
    .slice(1, -1)
    .split(/(?<=\}),(?=\{)/);
  return new Map(lines.map((text) => [/"id":"?([^",]+)/.exec(text)?.[1] ?? '', text]));
}

/** Until every shard has its owners, and no move is left. */
async function untilSpread(): Promise<void> {
  await untilTrue(async () => (await fleet.base.records.unfinishedMoves()).length === 0, 25_000);
}

/** All records but the lease, which a refused run has held and given back. */
const records = async (): Promise<string> => (await fleet.snapshot()).replace(/\["\{miroir\}:adopt:[^\]]*\],?/, '');

/** Ids of all hits that the router gives, sorted. */
async function searched(): Promise<string[]> {
  const calls = await RouterCalls.open(fleet.base);
  try {
    const answer = await calls.search('movies');
    return (answer.body['hits'] as { title: string }[]).map(({ title }) => title).sort();
  } finally {
    await calls.close();
  }
}

/** Until the lease of a run that was killed is over. */
const untilFree = (): Promise<void> =>
  untilTrue(async () => {
    const [until, [seconds]] = await Promise.all([
      fleet.base.redis.hget(keys.lease(adoptionScope('movies')), 'until'),
      fleet.base.redis.time(),
    ]);
    return Number(until) < Number(seconds) * 1_000;
  });

describe('taking over an index of one node', () => {
  it('says what it would do, and writes nothing', async () => {
    await add('n1', some(0, 10));
    const before = await records();
    const tasks = await fleet.client('n1').tasks({ limit: 1 });
    expect(await surveyAdoption(control, wishOf())).toMatchObject({
      primaryKey: 'id',
      home: 'n1',
      state: null,
      nodes: [{ node: 'n1', documents: 10, unsplit: 10, settings: ['filterableAttributes'] }],
      copies: 0,
      differences: 0,
    });
    expect(await records()).toBe(before);
    expect(await fleet.client('n1').tasks({ limit: 1 })).toEqual(tasks);
  });

  it('stamps every document, leaves the rest as it is, and spreads the shards; a search finds each once', async () => {
    running.push(await startRebalancer(fleet.config));
    await send('n1', 'PATCH', '/indexes/movies/settings', '{"filterableAttributes":["rating"],"stopWords":["the"]}');
    const strange = [`{"id":${BIG},"title":"big","n":9007199254740993}`, '{"id":"a-Z_1","title":"text","n":1e2}'];
    await add('n1', [...some(0, 60), ...strange]);
    const before = await textsOn(fleet.client('n1'));
    const { report, outcome } = await adopt({ stepDocs: 25, replicationFactor: 2 });
    expect(report).toMatchObject({ home: 'n1', shards: 8, replicationFactor: 2, groups: [0] });
    expect(outcome?.moves).toBeGreaterThan(8);
    expect(await fleet.base.redis.exists(keys.adoptions)).toBe(0);
    await untilSpread();
    const table = await fleet.base.records.table('movies');
    expect(new Set(table?.shards.flatMap(({ owners }) => owners)).size).toBe(3);
    expect(table?.shards.every(({ owners }) => owners.length === 2)).toBe(true);
    const found = new Map<string, string>();
    for (const { id } of fleet.nodes) {
      const texts = await textsOn(fleet.client(id));
      const settings = await fleet.client(id).settings('movies');
      expect(settings['stopWords']).toEqual(['the']);
      expect(settings['filterableAttributes']).toContain('rating');
      for (const [key, text] of texts) {
        const { shard, slot } = locateKey(key, 8);
        expect(text).toContain(`"_miroir_shard":${shard},"_miroir_slot":${slot}`);
        expect(table?.shards[shard]?.owners).toContain(id);
        found.set(key, canonicalDocument(withoutOurs(text, { start: 0, end: text.length })));
      }
    }
    expect(found).toEqual(new Map([...before].map(([id, text]) => [id, canonicalDocument(text)])));
    expect(await searched()).toEqual([...before.values()].map(titleOf).sort());
  });

  it('leaves a document deleted that somebody deletes while it is stamped, and finds what is written meanwhile', async () => {
    await add('n1', some(0, 20));
    const deleting: typeof control.clientUnder = (node, signal) => {
      const client = control.clientUnder(node, signal);
      let isDone = false;
      const merge = client.mergeDocuments.bind(client);
      client.mergeDocuments = async (...args) => {
        if (!isDone) {
          isDone = true;
          await send(node.id, 'DELETE', '/indexes/movies/documents/3');
          await add(node.id, ['{"id":4,"title":"newer"}', '{"id":100,"title":"new"}']);
        }
        return merge(...args);
      };
      return client;
    };
    await adoptIndex({ ...control, clientUnder: deleting }, wishOf());
    const texts = await textsOn(fleet.client('n1'));
    expect([...texts.keys()].filter((id) => id === '3')).toEqual([]);
    expect(texts.size).toBe(20);
    expect(texts.get('4')).toContain('"title":"newer"');
    for (const text of texts.values()) expect(text).toMatch(/"title".*"_miroir_slot"/);
  });

  it('stamps by Redis’ time, whatever the clock of the process says', async () => {
    await add('n1', some(0, 5));
    const clock = { ...control.clock, now: () => control.clock.now() + 3_600_000 };
    const beforeMs = await control.redisNowMs();
    await adoptIndex({ ...control, clock }, wishOf());
    const afterMs = await control.redisNowMs();
    for (const text of (await textsOn(fleet.client('n1'))).values()) {
      const stamp = Number(/"_miroir_updated_at":(\d+)/.exec(text)?.[1]);
      expect(stamp).toBeGreaterThanOrEqual(beforeMs);
      expect(stamp).toBeLessThanOrEqual(afterMs);
    }
  });

  it('registers nothing when an index of that name was created and deleted while documents were read', async () => {
    await add('n1', some(0, 5));
    const { redis } = fleet.base;
    const racing: typeof control.clientUnder = (node, signal) => {
      const client = control.clientUnder(node, signal);
      const merge = client.mergeDocuments.bind(client);
      client.mergeDocuments = async (...args) => {
        await redis.hset(keys.routing('movies'), 'v', 1, 'epoch', 2);
        return merge(...args);
      };
      return client;
    };
    expect(await refusal(adoptIndex({ ...control, clientUnder: racing }, wishOf()))).toMatchObject({
      code: 'miroir_conflict',
      field: 'index_uid',
      message: expect.stringContaining('created and deleted since'),
    });
    expect(await fleet.base.records.index('movies')).toBeNull();
    await adopt();
    expect(await fleet.base.records.index('movies')).not.toBeNull();
  });

  it('goes on after a kill in the middle, with the same shard count only', async () => {
    await add('n1', some(0, 50));
    const stop = new AbortController();
    const cut = adopt({
      stepDocs: 10,
      signal: stop.signal,
      onProgress: ({ documents }) => documents >= 20 && stop.abort(),
    });
    await expect(cut).rejects.toThrow(/abort/i);
    expect(await fleet.client('n1').count('movies', '_miroir_slot EXISTS')).toBeGreaterThanOrEqual(20);
    expect(await refusal(adopt({ shards: 16 }))).toMatchObject({ code: 'miroir_index_conflict', field: 'shards' });
    const killed = await miroir(['index', 'adopt', 'movies', '--yes'], '-/node:mergeDocuments@after#1=kill');
    expect(killed).toMatchObject({ code: null, out: '' });
    expect(await fleet.base.records.index('movies')).toBeNull();
    await untilFree();
    const again = await miroir(['index', 'adopt', 'movies', '--yes', '-o', 'json']);
    expect(again).toMatchObject({ code: 0, talk: expect.stringContaining('this one goes on with 8 shards') });
    expect(await fleet.client('n1').count('movies', '_miroir_slot EXISTS')).toBe(50);
    expect(await fleet.base.records.index('movies')).toMatchObject({ shards: 8, primaryKey: 'id' });
    expect(await fleet.base.redis.exists(keys.adoptions)).toBe(0);
  }, 60_000);
});

describe('a run that was cut off behind registering', () => {
  it.each([
    ['before it was noted', 'index-create@after#1'],
    ['before the last look', 'field-set@after#2'],
  ])(
    '%s is gone on with: what was written directly meanwhile is stamped, then planned',
    async (_when, point) => {
      await add('n1', some(0, 12));
      const killed = await miroir(['index', 'adopt', 'movies', '--shards', '8', '--yes'], `-/script:${point}=kill`);
      expect(killed.code).toBeNull();
      expect(await fleet.base.records.index('movies')).not.toBeNull();
      expect(await fleet.base.records.unfinishedMoves()).toEqual([]);
      await add('n1', ['{"id":77,"title":"direct"}']);
      await untilFree();
      const { outcome } = await adopt();
      expect(outcome).toMatchObject({ change: 'changed', blocked: 0 });
      expect(await fleet.client('n1').count('movies', '_miroir_slot EXISTS')).toBe(13);
      // From now on what goes past the routers is looked for.
      const [newest] = await fleet.client('n1').tasks({ index: 'movies', limit: 20 });
      const mark = (await control.marks.read('movies')).get('n1');
      expect((newest?.uid ?? 0) - (mark?.uid ?? 0)).toBeLessThanOrEqual(1);
      expect(mark?.created).toBe((await fleet.client('n1').index('movies'))?.createdAt);
      expect(await refusal(adopt())).toMatchObject({ code: 'miroir_index_conflict', field: 'index_uid' });
    },
    60_000,
  );
});

describe('documents that came to a node past the routers, of an index that is registered', () => {
  /** Spread over three nodes; and where a new document belongs, and does not. */
  async function spread() {
    running.push(await startRebalancer(fleet.config));
    await add('n1', some(0, 40));
    await adopt();
    await untilSpread();
    const table = await fleet.base.records.table('movies');
    const ownerOf = (id: string): string => table?.shards[locateKey(id, 8).shard]?.owners[0] ?? '';
    const ids = Array.from({ length: 60 }, (_, at) => String(1_000 + at));
    const own = ids.filter((id) => ownerOf(id) === 'n1').slice(0, 5);
    const foreign = ids.filter((id) => ownerOf(id) !== 'n1').slice(0, 23);
    await untilTrue(async () => (await control.holderOf('movies')) === null);
    await add(
      'n1',
      [...own, ...foreign].map((id) => `{"id":${id},"title":"direct ${id}","real":1.0}`),
    );
    return { own, foreign };
  }
  const onlyUid: AdoptWish = { uid: 'movies', signal: NEVER };

  it('get our fields where their node owns them, and are read; others are listed and stay', async () => {
    const { own, foreign } = await spread();
    const listed = foreign.slice(0, 20);
    const mine = { node: 'n1', owned: 5, others: 23, listed };
    expect(await surveyPastRouters(control, onlyUid)).toContainEqual(mine);
    expect((await searched()).filter((title) => title.startsWith('direct'))).toEqual([]);
    expect(await stampPastRouters(control, { ...onlyUid, stepDocs: 2 })).toContainEqual(mine);
    expect((await searched()).filter((title) => title.startsWith('direct'))).toEqual(own.map((id) => `direct ${id}`));
    const texts = await textsOn(fleet.client('n1'));
    for (const id of own) expect(texts.get(id)).toMatch(/(?=.*"real":1\.0).*"_miroir_slot"/);
    for (const id of foreign) expect(texts.get(id)).not.toContain('_miroir');
    const again = await miroir(['index', 'adopt', 'movies', '--yes', '-o', 'json']);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.out)).toContainEqual({ ...mine, owned: 0 });
    const looked = await miroir(['index', 'adopt', 'movies']);
    expect(looked).toMatchObject({ code: 0, talk: expect.stringContaining('nothing was written') });
    expect(looked.out).toContain(listed.join(', '));
  }, 60_000);

  it('stay as they are while a mover acts or the index has moves; what is fixed cannot be chosen', async () => {
    await spread();
    const mover = await control.holdMoves('movies');
    expect(await refusal(stampPastRouters(control, onlyUid))).toMatchObject({
      code: 'miroir_conflict',
      field: 'index_uid',
    });
    await mover.release(true);
    expect(await refusal(stampPastRouters(control, wishOf()))).toMatchObject({
      code: 'miroir_invalid_input',
      field: 'shards',
    });
    await running.splice(0)[0]?.close();
    await fleet.send('NodeDraining', { node_id: 'n2' });
    expect(await refusal(stampPastRouters(control, onlyUid))).toMatchObject({
      code: 'miroir_conflict',
      message: expect.stringContaining('has moves'),
    });
    expect(await fleet.client('n1').count('movies', '_miroir_slot NOT EXISTS')).toBe(28);
  }, 60_000);
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly talk: string;
}

function miroir(args: readonly string[], failpoint = ''): Promise<Ended> {
  const { config, redis } = fleet;
  const child = spawn(CLI.command, [...CLI.args, ...args], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      MIROIR_REDIS_URL: redis.url,
      MIROIR_ALLOW_VOLATILE_REDIS: '1',
      MIROIR_LEASE_TTL_SECS: String(config.leaseTtlSecs),
      MIROIR_LEASE_RENEWAL_INTERVAL_MS: String(config.leaseRenewalIntervalMs),
      MIROIR_FAILPOINT: failpoint,
    },
  });
  let out = '';
  let talk = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (talk += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, talk })));
}

describe('taking over an index of several nodes', () => {
  it('brings together what lies apart', async () => {
    running.push(await startRebalancer(fleet.config));
    await add('n1', some(0, 20));
    await add('n2', some(15, 50));
    expect(await surveyAdoption(control, wishOf())).toMatchObject({ home: 'n2', copies: 15, differences: 0 });
    await adopt();
    await untilSpread();
    expect(await searched()).toEqual(some(0, 50).map(titleOf).sort());
    const { nodes } = await fleet.base.records.topology();
    const table = await fleet.base.records.table('movies');
    let documents = 0;
    for (const { id } of nodes) {
      const owned = table!.shards.filter(({ owners }) => owners.includes(id)).map(({ shard }) => shard);
      documents += await fleet.client(id).count('movies', `_miroir_shard IN [${owned.join(',')}]`);
    }
    expect(documents).toBe(50);
  });

  it('refuses two contents of one id, names them, and lets --keep say whose counts', async () => {
    await add('n1', some(0, 10, 'mine'));
    await add('n2', some(8, 12, 'theirs'));
    const listed = ['8', '9'].map((id) => ({ id, nodes: ['n1', 'n2'] }));
    expect(await surveyAdoption(control, wishOf())).toMatchObject({ home: 'n1', copies: 2, differences: 2, listed });
    const before = await records();
    expect(await refusal(adopt())).toMatchObject({
      code: 'miroir_index_conflict',
      field: 'keep',
      message: expect.stringContaining('8 (n1 and n2), 9 (n1 and n2)'),
    });
    expect(await records()).toBe(before);
    await adopt({ keep: 'n2' });
    const texts = await textsOn(fleet.client('n1'));
    expect(texts.size).toBe(12);
    expect(texts.get('7')).toContain('mine');
    for (const id of ['8', '9', '10', '11']) expect(texts.get(id)).toContain(`theirs ${id}`);
  });

  it.each([
    ['while nodes are compared', 'putDocuments'],
    ['while documents are stamped', 'mergeDocuments'],
  ] as const)('registers nothing when somebody writes to a node %s', async (_when, operation) => {
    await add('n1', some(0, 10));
    await add('n2', some(10, 15));
    const writing: typeof control.clientUnder = (node, signal) => {
      const client = control.clientUnder(node, signal);
      const write = client[operation].bind(client);
      client[operation] = async (...args) => {
        await add('n2', ['{"id":99,"title":"late"}']);
        return write(...args);
      };
      return client;
    };
    expect(await refusal(adoptIndex({ ...control, clientUnder: writing }, wishOf()))).toMatchObject({
      code: 'miroir_conflict',
      message: expect.stringContaining('node n2 was written to'),
    });
    expect(await fleet.base.records.index('movies')).toBeNull();
    await adopt();
    expect((await textsOn(fleet.client('n1'))).size).toBe(16);
  });
});

describe('what is refused, with nothing written', () => {
  const cases: [string, () => Promise<void>, Partial<AdoptWish>, object][] = [
    ['an index that no node has', async () => {}, {}, { code: 'miroir_index_unknown', field: 'index_uid' }],
    [
      'no primary key',
      () => send('n1', 'POST', '/indexes', '{"uid":"movies"}'),
      {},
      { code: 'miroir_index_conflict', field: 'primary_key' },
    ],
    [
      'two primary keys',
      async () => {
        await add('n1', some(0, 2));
        await add('n2', ['{"key":1}'], 'key');
      },
      {},
      { field: 'primary_key', message: 'index movies has different primary keys: id on n1, key on n2' },
    ],
    [
      'fields of ours with other values',
      () => add('n1', [`{"id":1,"_miroir_shard":${(locateKey('1', 8).shard + 1) % 8},"_miroir_slot":1}`]),
      {},
      {
        code: 'miroir_index_conflict',
        field: '_miroir_shard',
        message: expect.stringContaining('document 1 on node n1'),
      },
    ],
    [
      'a stamp of ours without place',
      () => add('n1', ['{"id":1,"_miroir_updated_at":"yesterday"}']),
      {},
      { field: '_miroir_updated_at' },
    ],
    [
      'settings that differ',
      async () => {
        await add('n1', some(0, 2));
        await add('n2', some(2, 3));
        await send('n2', 'PATCH', '/indexes/movies/settings', '{"stopWords":["a"]}');
      },
      {},
      { field: 'settings', message: 'n2 has other settings than n1: stopWords' },
    ],
    ['a home without documents', () => add('n1', some(0, 2)), { home: 'n3' }, { field: 'home' }],
    ['a node to keep without documents', () => add('n1', some(0, 2)), { keep: 'n3' }, { field: 'keep' }],
    ['no shards', () => add('n1', some(0, 2)), { shards: 0 }, { field: 'shards' }],
    ['more copies than nodes', () => add('n1', some(0, 2)), { replicationFactor: 4 }, { field: 'replication_factor' }],
    ['a group that is not there', () => add('n1', some(0, 2)), { groups: [7] }, { code: 'miroir_group_unknown' }],
  ];
  it.each(cases)('%s', async (_what, prepare, wish, expected) => {
    await prepare();
    const [before, tasks] = [await records(), await fleet.client('n1').tasks({ limit: 1 })];
    expect(await refusal(adopt(wish))).toMatchObject(expected);
    expect(await refusal(surveyAdoption(control, wishOf(wish)))).toMatchObject(expected);
    expect(await records()).toBe(before);
    expect(await fleet.client('n1').tasks({ limit: 1 })).toEqual(tasks);
  });

  it('an index that is registered, and one that another process takes over', async () => {
    await add('n1', some(0, 2));
    const held = await control.holdAdoption('movies');
    expect(await refusal(adopt())).toMatchObject({
      code: 'miroir_conflict',
      message: expect.stringContaining('taken over by'),
    });
    await held.release(true);
    await adopt();
    expect(await refusal(adopt())).toMatchObject({ code: 'miroir_index_conflict', field: 'index_uid' });
  });

  it('a node that does not answer', async () => {
    await add('n1', some(0, 2));
    await fleet.base.redis.del(keys.topology);
    const nodes = fleet.nodes.map(({ id, url }) => ({ id, url, group: 0, state: 'active' as const }));
    await fleet.fleet.initTopology([...nodes, { id: 'n9', url: 'http://127.0.0.1:9', group: 0, state: 'active' }]);
    expect(await refusal(adopt())).toMatchObject({ code: 'miroir_node_unreachable', field: 'nodes' });
  });
});
