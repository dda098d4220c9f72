// Many indexes that want one node with few places: no place is kept by an index that nobody serves.
import { afterEach, expect, it } from 'vitest';
import { createRegistry } from '../../src/redis/registry.ts';
import { checkPlacement } from '../support/check.ts';
import { type TestFleet, someDocuments, startTestFleet } from '../support/fleet.ts';
import { untilTrue } from '../support/until.ts';

let fleet: TestFleet | undefined;
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
});

const INDEXES = ['a', 'b', 'c', 'd', 'e', 'f'];
/** Well under the minute after which a forgotten index is looked at again. */
const DEADLINE_MS = 30_000;

it.each([1, 2])('moves of many indexes go on one after the other through %i places of a node', async (places) => {
  const running = await startTestFleet({ nodes: 2, config: { moves_per_node: places, grace_ms: 0 } });
  fleet = running;
  for (const uid of INDEXES) await running.createIndex({ uid, documents: someDocuments(30), shards: 4 });
  const orders = [];
  for (const index of INDEXES)
    for (const { shard, owners } of (await running.base.records.table(index))?.shards ?? [])
      if (owners[0] === 'n1') orders.push({ index, shard, target: 'n2' });
  const ids = (await running.orderMoves(...orders)).map(({ id }) => id);
  const { records, redis } = running.base;
  await Promise.all([running.startWorker(), running.startWorker()]);
  let most = 0;
  await untilTrue(
    async () => {
      most = Math.max(most, await redis.scard('{miroir}:node:n2:in'));
      return (await records.moves(ids)).every(({ outcome }) => outcome === 'done');
    },
    DEADLINE_MS,
    async () => JSON.stringify((await records.unfinishedMoves()).map(({ id, phase, waiting }) => [id, phase, waiting])),
  );
  expect(most).toBeLessThanOrEqual(places);
  expect(most).toBeGreaterThan(0);
  for (const uid of INDEXES) {
    const [entry, table] = await Promise.all([records.index(uid), records.table(uid)]);
    if (entry === null || table === null) throw new Error(`no index ${uid}`);
    const found = await checkPlacement(running.nodes, entry, table, running.documents.get(uid) ?? new Map());
    expect(found).toMatchObject({ lost: [], wrong: [], misplaced: [] });
  }
});

it('a move that has begun, waited and changed its worker goes before those that wait for its places', async () => {
  const config = { moves_per_node: 1, grace_ms: 0, max_concurrent_migrations: 1 };
  const running = await startTestFleet({ nodes: 2, config });
  fleet = running;
  const { records } = running.base;
  const registry = createRegistry({
    ...running.base,
    entryMs: 60_000,
    openNudges: () => running.base.redis.duplicate(),
  });
  await running.createIndex({ uid: 'x', documents: someDocuments(30), shards: 16 });
  const owned = (await records.table('x'))?.shards.filter(({ owners }) => owners[0] === 'n1') ?? [];
  expect(owned.length).toBeGreaterThan(1);
  const [first, ...others] = owned.map(({ shard }) => ({ index: 'x', shard, target: 'n2' }));
  await registry.register('silent', 'a router that acknowledges nothing');
  const begun = await running.orderMove(first ?? { index: 'x', target: 'n2' });
  const worker = await running.startWorker();
  await running.untilMove(begun.id, ({ waiting }) => waiting?.reason.startsWith('barrier') === true);
  await worker.close();
  running.workers.splice(0);
  const urgent = await running.orderMoves(...others.map((order) => ({ ...order, reason: 'restore' as const })));
  await registry.leave('silent');
  await running.startWorker();
  for (const { id } of [begun, ...urgent]) expect((await running.untilEnded(id, DEADLINE_MS)).outcome).toBe('done');
});
