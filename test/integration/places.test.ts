// Many indexes that want one node with few places: no place is kept by an index that nobody serves.
import { DelayedError, Queue } from 'bullmq';
import { afterEach, expect, it } from 'vitest';
import { IndexRun, lookOptions } from '../../src/queue/index-run.ts';
import { indexQueue } from '../../src/queue/names.ts';
import type { PhaseRunner } from '../../src/queue/phase-runner.ts';
import { connect } from '../../src/redis/connection.ts';
import { rebalanceScope } from '../../src/redis/keys.ts';
import { createRegistry } from '../../src/redis/registry.ts';
import { openLeases } from '../../src/service.ts';
import { checkPlacement } from '../support/check.ts';
import { type TestFleet, someDocuments, startTestFleet } from '../support/fleet.ts';
import { switchesOf } from '../support/switches.ts';
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

it.each([
  ['waits for a router', true],
  ['waits for its source', false],
])(
  'a move that has begun, %s and changes its worker goes before those that wait for its places',
  async (_, isDelayed) => {
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
    const source = switchesOf(running.nodes.find(({ id }) => id === 'n1') ?? { url: '' });
    if (isDelayed) await registry.register('silent', 'a router that acknowledges nothing');
    else {
      const [text = ''] = (await source.texts('x')).values();
      await source.pause();
      await running.client('n1').putDocuments('x', 'id', `[${text}]`, 'accepted before the move begins');
    }
    const begun = await running.orderMove(first ?? { index: 'x', target: 'n2' });
    const worker = await running.startWorker();
    await running.untilMove(begun.id, (move) =>
      isDelayed ? move.waiting?.reason.startsWith('barrier') === true : move.startedAtMs !== null,
    );
    await worker.close();
    running.workers.splice(0);
    const urgent = await running.orderMoves(...others.map((order) => ({ ...order, reason: 'restore' as const })));
    await registry.leave('silent');
    await source.resume();
    await running.startWorker();
    for (const { id } of [begun, ...urgent]) expect((await running.untilEnded(id, DEADLINE_MS)).outcome).toBe('done');
  },
);

it('an index gives way where moves of it hold places elsewhere, but not before these had time to go on', async () => {
  const { base } = (fleet = await startTestFleet({ nodes: 1 }));
  const { watch, leases } = openLeases(base);
  const answer = await leases.acquire(rebalanceScope('docs'));
  if (!('lease' in answer)) throw new Error('the lease is taken');
  const connection = connect({ url: fleet.redis.url, kind: 'queue', logger: base.logger });
  const queue = new Queue(indexQueue('docs'), lookOptions(connection));
  let tries = 0;
  const runner: Pick<PhaseRunner, 'working' | 'begun' | 'process'> = {
    working: 0,
    begun: 0,
    // It finds a node full, each time.
    async process(job, token) {
      tries += 1;
      run.full();
      await job.moveToDelayed(Date.now() + 300, token);
      throw new DelayedError();
    },
  };
  const run = new IndexRun({
    ...base,
    index: 'docs',
    connection,
    lease: answer.lease,
    runner: runner as PhaseRunner,
    begunMoves: () => Promise.resolve(1),
  });
  await queue.add('waits', { v: 1, move: 'm', index: 'docs', phase: 'MigrationComplete' });
  run.places = 1;
  const late = AbortSignal.timeout(10_000);
  let ended = 'idle';
  // A job that is taken just between two looks passes for none: who claims an index looks once more.
  while (ended === 'idle') ended = await run.untilIdle(late);
  expect(ended).toBe('full');
  expect(tries).toBeGreaterThan(2);
  await run.close(new Error('over'), 1_000);
  await queue.close();
  await answer.lease.release(true);
  watch.stop();
  connection.disconnect();
});
