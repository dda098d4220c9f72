// `miroir verify` beneath the command line: replicas that are equal, that differ, that are written, that cannot be read.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyIndex, type VerifyReport } from '../../src/control/verify.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import { PacedReads } from '../../src/reconcile/paced-reads.ts';
import { createReplicaChecks } from '../../src/reconcile/replica-checks.ts';
import { createReadingPlaces } from '../../src/redis/passes.ts';
import { someDocuments, startTestFleet, type TestFleet } from '../support/fleet.ts';
import { type NodeSwitches, switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const DOCUMENTS = 400;
let fleet: TestFleet;
const node = (id: string): NodeSwitches => switchesOf(fleet.nodes.find((one) => one.id === id) ?? { url: '' });

async function verify(uid: string, shard: number | null = null, waitsMs = [20, 50, 400]): Promise<VerifyReport> {
  const { base } = fleet;
  const places = createReadingPlaces({ ...base, most: 4 });
  const replicas = createReplicaChecks({
    ...base,
    reads: new PacedReads({ ...base, places, percent: 100, most: 4, keepMs: 5_000 }),
    pageDocs: 60,
    pageBytes: 1_000_000,
    waitsMs,
    permitOf: (signal) => openPermit(3_000, signal),
  });
  const { signal } = new AbortController();
  return verifyIndex({ ...base, replicas }, { index: uid, shard, signal });
}
const texts = async (uid: string): Promise<string> =>
  JSON.stringify(await Promise.all(['n1', 'n2', 'n3'].map(async (id) => [...(await node(id).texts(uid))])));

/** A document of the index by its shard: the owners, and how it is there. */
async function place(uid: string, shard: number) {
  const { route } = await fleet.base.records.route(uid, shard);
  const [a = '', b = ''] = route.owners;
  const [id, text] = [...(await node(a).texts(uid))].find(([, one]) => one.includes(`"_miroir_shard":${shard},`)) ?? [];
  return { a, b, id: Number(id), document: JSON.parse(text ?? '{}') as Record<string, unknown> };
}

beforeAll(async () => {
  fleet = await startTestFleet({ nodes: 3 });
  await fleet.createIndex({ uid: 'two', shards: 4, replicationFactor: 2, documents: someDocuments(DOCUMENTS) });
}, 60_000);
afterAll(() => fleet.stop());

describe('verifying an index', () => {
  it('finds replicas equal, all windows of all shards, and changes nothing', async () => {
    const writes = () => node('n1').asked('^/indexes/two/documents(/delete|\\?)');
    const [before, asked] = [await texts('two'), await writes()];
    const report = await verify('two');
    expect(report).toMatchObject({ index: 'two', equal: true, documents: DOCUMENTS, differing: 0 });
    expect(report.shards.map(({ shard, result }) => [shard, result])).toEqual([0, 1, 2, 3].map((at) => [at, 'equal']));
    expect(await texts('two')).toBe(before);
    expect(await writes()).toEqual(asked);
  });

  it('names what differs by shard and node, and repairs nothing', async () => {
    const [gone, other] = [await place('two', 1), await place('two', 2)];
    await node(gone.b).remove('two', gone.id);
    await node(other.a).put('two', { ...other.document, name: 'changed past everybody' });
    const before = await texts('two');
    const report = await verify('two');
    expect(report).toMatchObject({ equal: false, differing: 2 });
    const [, first, second] = report.shards;
    expect(first).toMatchObject({ result: 'differs', differing: 1, isComplete: true });
    expect(first?.some).toEqual([
      { id: String(gone.id), copies: { [gone.a]: expect.stringMatching(/^[0-9a-f]{8}$/), [gone.b]: null } },
    ]);
    expect(new Set(Object.values(second?.some[0]?.copies ?? {})).size).toBe(2);
    expect(await texts('two')).toBe(before);
    expect((await verify('two', 0)).equal).toBe(true);
    await node(gone.b).put('two', gone.document);
    await node(other.a).put('two', other.document);
    expect((await verify('two')).equal).toBe(true);
  });

  it('takes a write that is on its way, or comes again and again, for no difference', async () => {
    const { a, b, document } = await place('two', 3);
    await node(b).put('two', { ...document, name: 'written' });
    const looking = verify('two', 3, [300, 300]);
    await untilTrue(async () => (await node(a).asked('^/indexes/two/documents/fetch')).length > 0);
    setTimeout(() => void node(a).put('two', { ...document, name: 'written' }), 100);
    expect(await looking).toMatchObject({ equal: true, differing: 0 });
    let count = 0;
    const over = new AbortController();
    const writing = (async () => {
      while (!over.signal.aborted) {
        await node(a).put('two', { ...document, count: (count += 1) });
        await node(b).put('two', { ...document, count: (count += 1) });
      }
    })();
    const report = await verify('two', 3);
    over.abort();
    await writing;
    expect(report.shards[0]).toMatchObject({ result: 'equal', differing: 0, changing: 1 });
    for (const id of [a, b]) await node(id).put('two', document);
  });

  it('does not look a shard to its end in which everything differs', async () => {
    await fleet.createIndex({ uid: 'many', shards: 1, replicationFactor: 2, documents: someDocuments(2_500) });
    const { b } = await place('many', 0);
    await fetch(`${fleet.nodes.find(({ id }) => id === b)?.url}/indexes/many/documents`, { method: 'DELETE' });
    await untilTrue(async () => (await node(b).texts('many')).size === 0);
    const [shard] = (await verify('many', null, [1])).shards;
    expect(shard).toMatchObject({ result: 'differs', isComplete: false });
    expect(shard?.differing).toBeGreaterThanOrEqual(1_000);
    expect(shard?.differing).toBeLessThan(1_200);
    expect(shard?.some).toHaveLength(5);
  });

  it('has nothing to compare a single copy with, and refuses what is not there', async () => {
    await fleet.createIndex({ uid: 'one', shards: 2, documents: someDocuments(5) });
    expect(await verify('one')).toMatchObject({
      equal: true,
      shards: [{ result: 'one copy' }, { result: 'one copy' }],
    });
    await expect(verify('one', 2)).rejects.toMatchObject({ code: 'miroir_invalid_input', field: 'shard' });
    await expect(verify('none')).rejects.toMatchObject({ code: 'miroir_index_unknown' });
  });

  it('tells of a node that cannot be read, and compares what is left', async () => {
    await fleet.nodes.find(({ id }) => id === 'n3')?.stop();
    const report = await verify('two');
    expect(report.equal).toBe(false);
    const unread = report.shards.filter(({ owners }) => owners.includes('n3'));
    expect(unread.length).toBeGreaterThan(0);
    for (const shard of report.shards) {
      const result = shard.owners.includes('n3') ? 'unread' : 'equal';
      expect(shard).toMatchObject({ result });
      expect(Object.keys(shard.unread)).toEqual(result === 'unread' ? ['n3'] : []);
    }
  });
});
