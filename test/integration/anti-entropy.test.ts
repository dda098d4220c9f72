// Anti-entropy: replicas that differ are found, and brought level by what was written last, on real nodes.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalDocument } from '../../src/core/canonical.ts';
import { documentDigest } from '../../src/core/digest.ts';
import { locateKey } from '../../src/core/hashing.ts';
import type { TurnTaker } from '../../src/routing/api.ts';
import { createTombstones } from '../../src/redis/tombstones.ts';
import { createTurns } from '../../src/redis/turns.ts';
import { openRouter } from '../../src/service/router.ts';
import { type PassRun, type Switched, runPass } from '../support/anti-entropy.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { said } from '../support/observed.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { type NodeSwitches, switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const HOUR_MS = 3_600_000;

describe('anti-entropy', () => {
  let fleet: TestFleet;
  let client: RouterCalls;
  let router: ReturnType<typeof openRouter>;
  let indexes = 0;

  beforeAll(async () => {
    fleet = await startTestFleet({ nodes: 3, config: { lease_ttl_secs: 10, lease_renewal_interval_ms: 2_000 } });
    client = await RouterCalls.open(fleet.base);
    router = openRouter(fleet.base, { role: 'reconciler' });
    await untilTrue(() => router.readiness() === true);
  });
  afterAll(async () => {
    await Promise.all([client.close(), router.close()]);
    await fleet.stop();
  });

  const node = (id: string): NodeSwitches => switchesOf(fleet.nodes.find((one) => one.id === id) ?? { url: '' });

  /** An index of one shard with two owners; both have documents 1 to 5, written an hour ago. Others are deleted first. */
  async function stage(documents = 5) {
    const uid = `same${(indexes += 1)}`;
    for (const { uid: other } of await fleet.base.records.indexes())
      await fleet.base.redis.hdel('{miroir}:indexes', other);
    await fleet.createIndex({ uid, shards: 1, replicationFactor: 2, documents: [] });
    for (const one of [client, new RouterCalls(router)]) {
      await untilTrue(async () => (await one.search(uid)).status === 200);
    }
    const { route } = await fleet.base.records.route(uid, 0);
    const [a = '', b = ''] = route.owners;
    const agoMs = Date.now() - HOUR_MS;
    // Written before that, as far as the index knows; every delete since then has a tombstone.
    await fleet.base.redis.hset(`{miroir}:doubt:${uid}`, 'settled:0', agoMs - HOUR_MS);
    const doc = (id: number | string, name: string, atMs = agoMs, more: object = {}) => ({
      id,
      name,
      ...more,
      _miroir_shard: 0,
      _miroir_slot: locateKey(String(id), 1).slot,
      _miroir_updated_at: atMs,
    });
    const each = Array.from({ length: documents }, (_, at) => doc(at + 1, 'as written'));
    for (const owner of [a, b]) await node(owner).write(uid, each);
    const texts = async () => [await node(a).texts(uid), await node(b).texts(uid)] as const;
    return { uid, a: node(a), b: node(b), names: [a, b] as const, doc, agoMs, texts };
  }
  const pass = (switched: Switched = {}, turns: TurnTaker = router): Promise<PassRun> =>
    runPass(fleet.base, turns, switched);
  const logged = () => {
    const { logger, lines } = said();
    return { logger, left: () => lines.flatMap(({ fields }) => Object.entries(fields['some'] ?? {})) };
  };

  it('reads equal replicas, and changes nothing', async () => {
    const { uid, a, b, texts } = await stage();
    const before = await texts();
    const { pass: done } = await pass();
    expect(done).toMatchObject({ shards_scanned: 1, shards_with_drift: 0, repairs_performed: 0, errors: 0 });
    expect(done.completed_at).toBeGreaterThanOrEqual(done.started_at);
    expect(await texts()).toEqual(before);
    for (const one of [a, b]) expect(await one.asked(`^/indexes/${uid}/documents(/delete|\\?)`)).toEqual([]);
  });

  it('restores what is missing, and brings what is stale to what was written last', async () => {
    const { uid, a, b, doc, agoMs, texts } = await stage();
    await b.remove(uid, 1);
    await a.put(uid, doc(2, 'newer', agoMs + 10));
    await b.put(uid, doc(3, 'newest', agoMs + 20));
    const { pass: done } = await pass();
    expect(done).toMatchObject({ shards_scanned: 1, shards_with_drift: 1, repairs_performed: 3, documents_left: 0 });
    const [left, right] = await texts();
    expect(right).toEqual(left);
    expect(
      [left.get('1'), left.get('2'), left.get('3')].map((text) => JSON.parse(text ?? '{}').name as string),
    ).toEqual(['as written', 'newer', 'newest']);
    expect((await pass()).pass).toMatchObject({ shards_with_drift: 0, repairs_performed: 0 });
  });

  it('marks its writes with their origin, so that who listens to changes can leave them out', async () => {
    const { uid, b } = await stage();
    await b.remove(uid, 1);
    await pass();
    const [write] = (await b.asked(`^/indexes/${uid}/documents\\?`))
      .filter(({ method }) => method === 'POST')
      .slice(-1);
    const tag = JSON.parse(write?.customMetadata ?? '{}') as Record<string, unknown>;
    expect(tag).toMatchObject({ origin: 'antientropy', shards: [0] });
    expect(tag['router']).toEqual(expect.any(String));
  });

  it('picks the same of two that were written at the same time, whichever node has it', async () => {
    const { uid, a, b, doc, texts } = await stage();
    for (const [at, names] of [
      ['left', 'right'],
      ['right', 'left'],
      ['same', 'other'],
    ].entries()) {
      await a.put(uid, doc(at + 1, names[0] ?? ''));
      await b.put(uid, doc(at + 1, names[1] ?? ''));
    }
    const before = await texts();
    const hash = (text = ''): bigint => documentDigest(canonicalDocument(text));
    await pass();
    const [left, right] = await texts();
    expect(right).toEqual(left);
    for (const id of ['1', '2', '3']) {
      const [one, other] = before.map((each) => each.get(id));
      expect(left.get(id)).toBe(hash(one) > hash(other) ? one : other);
    }
  });

  it('deletes what was deleted and is still somewhere, and restores what was written after that', async () => {
    const { uid, a, b, doc, texts } = await stage();
    await client.ended(await client.remove(uid, [1, 2]));
    // A copy of before, and one that was written since.
    await b.put(uid, doc(1, 'as written'));
    await a.put(uid, doc(2, 'written again', Date.now() + 1_000));
    const { pass: done } = await pass();
    expect(done).toMatchObject({ repairs_performed: 2, documents_left: 0 });
    const [left, right] = await texts();
    expect(left.has('1')).toBe(false);
    expect(left.get('2')).toMatch(/written again/);
    expect(right).toEqual(left);
  });

  it('tells of what is missing and may have been deleted, and leaves it until that is settled', async () => {
    const { uid, a, b, doc, texts } = await stage();
    await client.ended(await client.removeByFilter(uid, 'id = 100'));
    await b.remove(uid, 1);
    const { logger, left } = logged();
    const { pass: done } = await pass({ logger });
    expect(done).toMatchObject({ shards_with_drift: 1, repairs_performed: 0, documents_left: 1 });
    expect(left()).toEqual([['1', expect.stringContaining('nothing says which')]]);
    expect((await texts())[1].has('1')).toBe(false);
    // What was written since then is no question.
    await a.put(uid, doc(9, 'new', Date.now() + 1_000));
    expect((await pass()).pass).toMatchObject({ repairs_performed: 1, documents_left: 1 });
    // The operator's word, and a pass that finds all equal: what is lost from now on is lost.
    await client.ended(await client.put(uid, [{ id: 1, name: 'sent again' }]));
    expect((await pass()).pass).toMatchObject({ documents_left: 0 });
    await b.remove(uid, 2);
    expect((await pass()).pass).toMatchObject({ repairs_performed: 1, documents_left: 0 });
  });

  it('settles nothing while an owner has missed something, or a node that left may come back', async () => {
    const { uid, names } = await stage();
    const { redis, repairs } = fleet.base;
    const doubt = (): Promise<string | null> => redis.hget(`{miroir}:doubt:${uid}`, 'doubt:0');
    const doubtMs = String(Date.now() - 1_000);
    await redis.hset(`{miroir}:doubt:${uid}`, 'doubt:0', doubtMs);
    const left = ['n1', 'n2', 'n3'].find((id) => !names.includes(id)) ?? '';
    for (const owner of [names[0], left]) {
      // Of a document that all owners have: each of them may have missed its delete.
      await repairs.add(uid, 0, ['1'], [owner]);
      expect((await pass()).pass).toMatchObject({ shards_with_drift: 0, documents_left: 0 });
      expect(await doubt()).toBe(doubtMs);
      await repairs.clear(uid, 0, owner, (await repairs.scores(uid, 0, [owner], ['1'])).get(owner)?.ids ?? new Map());
    }
    // What the one that left had is asked for still: all owners may yet be known to have missed it (decision 0017).
    await repairs.add(uid, 0, 'shard', [left]);
    await pass();
    expect(await repairs.list(uid, 0, left, 2)).toEqual(['*']);
    expect(await doubt()).toBe(doubtMs);
    await repairs.clear(
      uid,
      0,
      left,
      new Map([['*', (await repairs.scores(uid, 0, [left], [])).get(left)?.whole ?? '']]),
    );
    // Nor does one that is gone for good keep anything.
    await repairs.add(uid, 0, ['1'], ['n9']);
    await pass();
    expect(await doubt()).toBeNull();
  });

  it('restores nothing that fell out of the bounded tombstones', async () => {
    const { uid, b, doc, texts } = await stage();
    const { scripts, clock, timings } = fleet.base;
    const turns = createTurns({ scripts, clock, entryMs: timings.routerEntryMs, maxTombstones: 2 });
    const few = await RouterCalls.open({ ...fleet.base, turns });
    await client.ended(await few.remove(uid, [1]));
    await client.ended(await few.remove(uid, [2, 3]));
    await few.close();
    await b.put(uid, doc(1, 'as written'));
    expect((await pass()).pass).toMatchObject({ repairs_performed: 0, documents_left: 1 });
    expect((await texts())[0].has('1')).toBe(false);
  });

  it('deletes what has expired everywhere, and never brings it back', async () => {
    const { uid, a, b, doc, agoMs, texts } = await stage();
    const expired = { _miroir_expires_at: agoMs + 1 };
    await a.put(uid, doc('one', 'on one', agoMs, expired));
    for (const owner of [a, b]) await owner.put(uid, doc('both', 'on both', agoMs, expired));
    await a.put(uid, doc('longer', 'was longer', agoMs, expired));
    await b.put(uid, doc('longer', 'is longer', agoMs + 5, { _miroir_expires_at: Date.now() + HOUR_MS }));
    await pass({ isExpiring: true });
    const [left, right] = await texts();
    expect([...left.keys()]).not.toContain('"one"');
    expect([...left.keys()]).not.toContain('"both"');
    expect(left.get('"longer"')).toMatch(/is longer/);
    expect(right).toEqual(left);
    await b.put(uid, doc('one', 'on one', agoMs, expired));
    await pass();
    expect((await texts())[0].has('"one"')).toBe(true);
  });

  it('leaves to repair lists what these name, whatever the stamps say', async () => {
    const { uid, a, b, names, doc, agoMs, texts } = await stage();
    await a.put(uid, doc(1, 'acknowledged', agoMs + 10));
    await b.put(uid, doc(1, 'later by its stamp', agoMs + 20));
    await fleet.base.repairs.add(uid, 0, ['1'], [names[1]]);
    const { logger, left } = logged();
    expect((await pass({ logger })).pass).toMatchObject({ repairs_performed: 0, documents_left: 1 });
    expect(left()).toEqual([['1', expect.stringContaining('its repair list decides')]]);
    expect((await texts())[0].get('1')).toMatch(/acknowledged/);
  });

  it('only tells where repair is off', async () => {
    const { uid, b, doc, texts } = await stage();
    await b.remove(uid, 1);
    expect((await pass({ isRepaired: false })).pass).toMatchObject({
      shards_with_drift: 1,
      repairs_performed: 0,
      documents_left: 1,
    });
    expect((await texts())[1].has('1')).toBe(false);
    // Of one that changes with every look nobody knows more than that.
    const { records } = fleet.base;
    let changes = 0;
    const sightings: typeof records.sightings = async (...args) => {
      await b.put(uid, doc(1, `past routers ${(changes += 1)}`));
      return records.sightings(...args);
    };
    const { logger, left } = logged();
    await pass({ isRepaired: false, logger, records: { ...records, sightings } });
    expect(left()).toEqual([['1', expect.stringContaining('it changes')]]);
  });

  it('takes a write that is on its way for no difference', async () => {
    const { uid, b } = await stage();
    await b.pause();
    const answer = await client.put(uid, [{ id: 1, name: 'on its way' }]);
    const running = pass();
    await sleep(300);
    await b.resume();
    expect((await running).pass).toMatchObject({ shards_with_drift: 0, repairs_performed: 0 });
    await client.ended(answer);
  });

  it('a write that comes meanwhile has its turn after the repair, and stays on every owner', async () => {
    const { uid, a, doc, agoMs, texts } = await stage();
    await a.put(uid, doc(1, 'newer', agoMs + 10));
    const tombstones = createTombstones(fleet.base);
    let writing: Promise<unknown> = Promise.resolve();
    const known: typeof tombstones.known = async (...args) => {
      // Under the turn, when all copies have been read.
      writing = client.put(uid, [{ id: 1, name: 'meanwhile' }]).then((answer) => client.ended(answer));
      await sleep(300);
      return tombstones.known(...args);
    };
    await pass({ tombstones: { ...tombstones, known } });
    await writing;
    const [left, right] = await texts();
    expect(left.get('1')).toMatch(/meanwhile/);
    expect(right).toEqual(left);
  });

  it('leaves alone what has changed since it was seen, and looks again', async () => {
    const { uid, a, b, doc, agoMs, texts } = await stage();
    await a.put(uid, doc(1, 'newer', agoMs + 10));
    await fleet.base.redis.hset(`{miroir}:doubt:${uid}`, 'doubt:0', agoMs);
    let changes = 0;
    const changing = (most: number): TurnTaker => ({
      async underTurn(request, work) {
        // Past every router, between the look and the turn.
        if (changes < most) await b.put(uid, doc(1, `past routers ${(changes += 1)}`, agoMs));
        return router.underTurn(request, work);
      },
    });
    // Of one that changes all the time the last look decides under the turn, so that it keeps nothing open for ever.
    expect((await pass({}, changing(Infinity))).pass).toMatchObject({ repairs_performed: 1, documents_left: 0 });
    expect(changes).toBe(3);
    expect((await texts())[1].get('1')).toMatch(/newer/);
    expect((await texts())[0].get('1')).toMatch(/newer/);
    // Nothing is in doubt any more.
    expect(await fleet.base.redis.hget(`{miroir}:doubt:${uid}`, 'doubt:0')).toBeNull();
    changes = 0;
    await b.put(uid, doc(1, 'older', agoMs));
    expect((await pass({}, changing(1))).pass).toMatchObject({ repairs_performed: 1, documents_left: 0 });
    expect((await texts())[1].get('1')).toMatch(/newer/);
  });

  it('an owner that cannot be read makes no document missing: the shard is an error, and comes again', async () => {
    const { uid, b, texts } = await stage();
    await b.fault({ match: { path: `^/indexes/${uid}/` }, do: 'status', status: 503 });
    const { pass: failed, results } = await pass();
    expect(failed).toMatchObject({ shards_scanned: 0, repairs_performed: 0, errors: 1 });
    expect([...results.values()]).toEqual([expect.any(String)]);
    await b.clearFaults();
    expect((await texts())[0].size).toBe(5);
    expect((await pass()).pass).toMatchObject({ shards_scanned: 1, errors: 0 });
  });

  it('finds differences in windows of every size', async () => {
    const { uid, a, b, texts } = await stage(300);
    for (let id = 10; id <= 300; id += 10) await (id % 20 === 0 ? a : b).remove(uid, id);
    const { pass: done } = await pass({ pageDocs: 20 });
    expect(done).toMatchObject({ repairs_performed: 30, documents_left: 0 });
    const [left, right] = await texts();
    expect(left.size).toBe(300);
    expect(right).toEqual(left);
  });
});
