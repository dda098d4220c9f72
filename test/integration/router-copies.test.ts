// Writes of documents with more than one owner: quorum, one order on all owners (R9), what an owner missed (R9, R10).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { startTestFleet } from '../support/fleet.ts';
import type { TestFleet } from '../support/fleet.ts';
import { idsOn, isPending, RouterCalls } from '../support/router-calls.ts';
import { switchesOf } from '../support/switches.ts';
import type { NodeSwitches } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const CONFIG = { lease_ttl_secs: 10, lease_renewal_interval_ms: 2_000 };

describe('copies of a document', () => {
  let fleet: TestFleet;
  let a: RouterCalls;
  let b: RouterCalls;
  let indexes = 0;

  beforeAll(async () => {
    fleet = await startTestFleet({ nodes: 3, groups: [0, 0, 1], config: CONFIG });
    [a, b] = [await RouterCalls.open(fleet.base), await RouterCalls.open(fleet.base)];
  });

  afterAll(async () => {
    await Promise.all([a.close(), b.close()]);
    await fleet.stop();
  });

  const node = (id: string): NodeSwitches => switchesOf(fleet.nodes.find((one) => one.id === id) ?? { url: '' });
  const missedBy = (index: string, shard: number, id: string): Promise<string[]> =>
    fleet.base.redis.zrange(`{miroir}:repair:${index}:${shard}:${id}`, '0', '-1');

  /** Two copies on n1 and n2; with `groups` one on n1 or n2 and one on n3. */
  async function stage(options: { readonly copies?: number; readonly groups?: readonly number[] } = {}) {
    const index = `copies${(indexes += 1)}`;
    const { copies = 2, groups = [0] } = options;
    await fleet.createIndex({ uid: index, shards: 1, replicationFactor: copies, groups, documents: [] });
    for (const calls of [a, b]) {
      await untilTrue(async () => (await calls.search(index)).status === 200);
    }
    const { route } = await fleet.base.records.route(index, 0);
    return { index, owners: route.owners };
  }

  it('are written on every owner, in one order whichever router sends them', async () => {
    const { index } = await stage();
    // What arrives at one owner first is taken there last, unless the others wait for it.
    await node('n2').fault({ match: { path: `^/indexes/${index}/documents` }, do: 'delay', ms: 300, times: 2 });
    const writes = Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? a : b).put(index, [{ id: 'hot', at }]));
    const answers = await Promise.all(writes);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    for (const answer of answers) await a.ended(answer);
    const tasksOn = async (id: string): Promise<unknown[]> =>
      (await node(id).asked(`^/indexes/${index}/documents\\?`)).map(({ customMetadata }) => {
        const { router, attempt } = JSON.parse(customMetadata ?? '{}') as { router: string; attempt: number };
        return `${router}/${attempt}`;
      });
    expect(await tasksOn('n1')).toHaveLength(40);
    expect(await tasksOn('n1')).toEqual(await tasksOn('n2'));
    const hotOn = async (id: string): Promise<string | undefined> => (await node(id).texts(index)).get('"hot"');
    expect(await hotOn('n1')).toMatch(/"at":/);
    expect(await hotOn('n1')).toBe(await hotOn('n2'));
    expect(await fleet.base.redis.keys('{miroir}:turns:*:claims')).toEqual([]);
  });

  it('take their turn with a delete by filter, which stands for the whole shard', async () => {
    const { index } = await stage();
    await node('n2').fault({ match: { path: `^/indexes/${index}/documents` }, do: 'delay', ms: 500, times: 1 });
    const write = a.put(index, [{ id: 1 }]);
    await untilTrue(async () => (await node('n2').asked(`^/indexes/${index}/documents\\?`)).length === 1);
    const removal = b.removeByFilter(index, null);
    expect(await isPending(removal)).toBe(true);
    await write;
    const answer = await removal;
    expect((await b.ended(answer)).status).toBe('succeeded');
    expect([await idsOn(fleet, 'n1', index), await idsOn(fleet, 'n2', index)]).toEqual([[], []]);
    const deletions = (await node('n2').asked(`^/indexes/${index}/documents/delete\\?`)).length;
    expect(deletions).toBe(1);
  });

  it('are refused without a majority of their owners, and listed for the owner that missed them', async () => {
    const { index, owners } = await stage();
    const [first = '', second = ''] = owners;
    await node(second).fault({ match: { path: `^/indexes/${index}/documents` }, do: 'drop-before', times: 1 });
    const answer = await a.put(index, [{ id: 7 }]);
    expect(answer).toMatchObject({ status: 503, body: { code: 'miroir_no_quorum' } });
    expect(answer.headers['retry-after']).toBe('1');
    expect([await missedBy(index, 0, first), await missedBy(index, 0, second)]).toEqual([[], ['7']]);
  });

  it('are accepted when one group has its majority; the other is named and listed', async () => {
    const { index, owners } = await stage({ copies: 1, groups: [0, 1] });
    expect(owners).toContain('n3');
    await node('n3').fault({ match: { path: `^/indexes/${index}/documents` }, do: 'drop-after', times: 1 });
    const answer = await a.put(index, [{ id: 7 }]);
    expect(answer.status).toBe(202);
    expect(answer.headers['x-miroir-degraded']).toBe('groups 1');
    expect(await missedBy(index, 0, 'n3')).toEqual(['7']);
    expect((await a.ended(answer)).status).toBe('succeeded');
  });

  it('are sent again to an owner that is only busy, and nobody missed anything', async () => {
    const { index } = await stage();
    const match = { path: `^/indexes/${index}/documents` };
    await node('n2').fault({ match, do: 'status', status: 503, code: 'too_many_search_requests', times: 1 });
    const answer = await a.put(index, [{ id: 7 }]);
    expect(answer.status).toBe(202);
    expect(answer.headers['x-miroir-degraded']).toBeUndefined();
    expect(await missedBy(index, 0, 'n2')).toEqual([]);
    await a.ended(answer);
    expect(await idsOn(fleet, 'n2', index)).toEqual(['7']);
  });

  it('that fail later on one owner alone go on its list, and are not sent again (R10)', async () => {
    const { index } = await stage();
    await node('n2').fault({
      match: { path: `^/indexes/${index}/documents` },
      do: 'fail-task',
      times: 1,
      code: 'internal',
    });
    const answer = await a.put(index, [{ id: 7 }, { id: 8 }]);
    expect(answer.status).toBe(202);
    expect((await a.ended(answer)).status).toBe('succeeded');
    await untilTrue(async () => (await missedBy(index, 0, 'n2')).length > 0);
    expect((await missedBy(index, 0, 'n2')).sort()).toEqual(['7', '8']);
    // Another router that is asked about it does not know the ids, and leaves the list alone.
    expect((await b.task(answer)).status).toBe('succeeded');
    expect((await missedBy(index, 0, 'n2')).sort()).toEqual(['7', '8']);
    expect(await node('n2').asked(`^/indexes/${index}/documents\\?`)).toHaveLength(1);
  });

  it('that fail on one owner after their router has gone are listed by another, unasked (R10)', async () => {
    const { index } = await stage();
    await node('n2').fault({
      match: { path: `^/indexes/${index}/documents` },
      do: 'fail-task',
      times: 1,
      code: 'internal',
    });
    const leaving = await RouterCalls.open(fleet.base);
    await untilTrue(async () => (await leaving.search(index)).status === 200);
    for (const id of ['n1', 'n2']) await node(id).pause();
    expect((await leaving.put(index, [{ id: 7 }])).status).toBe(202);
    await leaving.close();
    for (const id of ['n1', 'n2']) await node(id).resume();
    // The time for which the first router alone would look after it is over for this one.
    const clock = { ...systemClock, now: () => systemClock.now() + 120_000 };
    const late = await RouterCalls.open({ ...fleet.base, clock });
    await untilTrue(async () => (await missedBy(index, 0, 'n2')).length > 0);
    expect(await missedBy(index, 0, 'n2')).toEqual(['*']);
    await late.close();
  });

  it('that fail on every owner fail with the node’s error, and are on no list (R10)', async () => {
    const { index } = await stage();
    for (const id of ['n1', 'n2']) {
      const fault = { do: 'fail-task', times: 1, code: 'invalid_document_geo_field', message: 'no geo' } as const;
      await node(id).fault({ match: { path: `^/indexes/${index}/documents` }, ...fault });
    }
    const answer = await a.put(index, [{ id: 7 }]);
    expect(await a.ended(answer)).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_document_geo_field', message: 'no geo', type: 'invalid_request' },
      details: { receivedDocuments: 1, indexedDocuments: 0 },
    });
    expect(await missedBy(index, 0, 'n2')).toEqual([]);
  });

  it('that a node refuses are refused in the node’s words', async () => {
    const { index } = await stage();
    for (const id of ['n1', 'n2']) {
      const fault = { do: 'status', status: 413, times: 1, code: 'payload_too_large', message: 'too large' } as const;
      await node(id).fault({ match: { path: `^/indexes/${index}/documents` }, ...fault });
    }
    expect(await a.put(index, [{ id: 7 }])).toMatchObject({
      status: 413,
      body: { code: 'payload_too_large', message: 'too large' },
    });
    expect(await missedBy(index, 0, 'n1')).toEqual([]);
  });

  it('that one owner refuses and another has are of unknown outcome, in the node’s words', async () => {
    const { index, owners } = await stage();
    const [first = '', second = ''] = owners;
    const fault = { do: 'status', status: 413, times: 1, code: 'payload_too_large', message: 'too large' } as const;
    await node(second).fault({ match: { path: `^/indexes/${index}/documents` }, ...fault });
    const answer = await a.put(index, [{ id: 7 }]);
    expect(answer).toMatchObject({ status: 503, body: { code: 'miroir_outcome_unknown' } });
    expect(answer.body['message']).toContain('too large');
    expect([await missedBy(index, 0, first), await missedBy(index, 0, second)]).toEqual([[], ['7']]);
  });

  it('are of unknown outcome when no owner’s answer comes, and listed for all', async () => {
    const { index } = await stage();
    for (const id of ['n1', 'n2']) {
      await node(id).fault({ match: { path: `^/indexes/${index}/documents` }, do: 'drop-after', times: 1 });
    }
    expect(await a.put(index, [{ id: 7 }])).toMatchObject({ status: 503, body: { code: 'miroir_outcome_unknown' } });
    expect([await missedBy(index, 0, 'n1'), await missedBy(index, 0, 'n2')]).toEqual([['7'], ['7']]);
  });
});

describe('one copy of each document', () => {
  it('refused by one node and taken by another is of unknown outcome: nobody is told that nothing was written', async () => {
    const fleet = await startTestFleet({ nodes: 2, config: CONFIG });
    const calls = await RouterCalls.open(fleet.base);
    try {
      await fleet.createIndex({ uid: 'parts', shards: 8, documents: [] });
      await untilTrue(async () => (await calls.search('parts')).status === 200);
      const fault = { do: 'status', status: 413, times: 5, code: 'payload_too_large', message: 'too large' } as const;
      const [first] = fleet.nodes;
      await switchesOf(first ?? { url: '' }).fault({ match: { method: 'POST', path: 'documents\\?' }, ...fault });
      const many = Array.from({ length: 40 }, (_, id) => ({ id }));
      const answer = await calls.put('parts', many);
      expect(answer).toMatchObject({ status: 503, body: { code: 'miroir_outcome_unknown' } });
      expect(JSON.stringify(answer.body)).toContain('too large');
    } finally {
      await calls.close();
      await fleet.stop();
    }
  });
});

describe('three copies of a document', () => {
  it('outlive one of their nodes: the write is accepted, and listed for the node that is down', async () => {
    const fleet = await startTestFleet({ nodes: 3, config: CONFIG });
    const calls = await RouterCalls.open(fleet.base);
    try {
      await fleet.createIndex({ uid: 'three', shards: 2, replicationFactor: 3, documents: [] });
      await untilTrue(async () => (await calls.search('three')).status === 200);
      fleet.nodes[2]?.kill('SIGKILL');
      await fleet.nodes[2]?.exited;
      const answer = await calls.put('three', [{ id: 1 }, { id: 2 }, { id: 3 }]);
      expect(answer.status).toBe(202);
      expect(answer.headers['x-miroir-degraded']).toBeUndefined();
      const keys = await fleet.base.redis.keys('{miroir}:repair:three:*:n3');
      const listed = await Promise.all(keys.map((key) => fleet.base.redis.zrange(key, '0', '-1')));
      expect(listed.flat().sort()).toEqual(['1', '2', '3']);
      expect((await calls.ended(answer)).status).toBe('succeeded');
      fleet.nodes[1]?.kill('SIGKILL');
      await fleet.nodes[1]?.exited;
      expect(await calls.put('three', [{ id: 4 }])).toMatchObject({ status: 503, body: { code: 'miroir_no_quorum' } });
    } finally {
      await calls.close();
      await fleet.stop();
    }
  });
});
