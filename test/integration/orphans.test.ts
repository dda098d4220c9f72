// Orphans: jobs that no move stands behind are taken out, documents that belong nowhere are told and left alone.
import { Queue } from 'bullmq';
import { afterEach, describe, expect, it } from 'vitest';
import { phaseJobId, indexQueue, QUEUE_PREFIX } from '../../src/queue/names.ts';
import { createStrayJobs } from '../../src/queue/strays.ts';
import type { DutyRun } from '../../src/ports.ts';
import { deleteLeftovers } from '../../src/reconcile/leftovers.ts';
import { orphansDuty } from '../../src/reconcile/orphans.ts';
import { keys, rebalanceScope } from '../../src/redis/keys.ts';
import { openLeases } from '../../src/service.ts';
import { runTask } from '../support/duty-task.ts';
import { someDocuments, startTestFleet, type TestFleet } from '../support/fleet.ts';
import { observed, said } from '../support/observed.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const leftovers = async ({ base }: TestFleet, index: string, how: DutyRun): Promise<number> => {
  const { watch, leases } = openLeases(base);
  try {
    return await deleteLeftovers({ ...base, leases, moversScope: rebalanceScope }, index, how);
  } finally {
    watch.stop();
  }
};

async function open(nodes = 2, isDeleting = false) {
  const fleet = await startTestFleet({ nodes });
  closers.push(() => fleet.stop());
  await fleet.createIndex({ shards: 4, documents: someDocuments(40) });
  const queue = new Queue(indexQueue('docs'), { prefix: QUEUE_PREFIX, connection: { url: fleet.config.redisUrl } });
  closers.push(() => queue.close());
  const { observer, told } = observed();
  const { logger, lines } = said();
  const duty = orphansDuty({
    ...fleet.base,
    everyMs: 1_000,
    isOn: true,
    strays: createStrayJobs(fleet.base.redis, fleet.base.records),
    clientOf: (node, { lease }) => fleet.base.nodes.client(node, lease),
    observer,
    logger,
    ...(isDeleting ? { deleteLeftovers: (index: string, how: DutyRun) => leftovers(fleet, index, how) } : {}),
  });
  const run = () => runTask(fleet.base, duty, 'docs');
  return { fleet, queue, told, lines, duty, run };
}

async function putStray(fleet: TestFleet, node: string, shard: number): Promise<void> {
  const client = fleet.client(node);
  const tag = '{"router":"stray","epoch":1,"shards":[],"attempt":1}';
  const text = `[{"id":"stray-${shard}","_miroir_shard":${shard},"_miroir_slot":1}]`;
  const task = await client.putDocuments('docs', 'id', text, tag);
  await untilTrue(async () => (await client.tasks({ uids: [task], limit: 1 }))[0]?.finishedAt != null);
}

describe('the duty orphans', () => {
  it('has a task for every index', async () => {
    const { duty } = await open();
    expect(await duty.tasks(new AbortController().signal)).toEqual(['docs']);
  });

  it('takes jobs out that no move stands behind, and keeps those of unfinished moves', async () => {
    const { fleet, queue, run } = await open();
    const move = await fleet.orderMove({ index: 'docs', target: 'n2', shard: (await shardsOf(fleet, 'n1'))[0]! });
    const wanted = await idsOf(queue);
    expect([...wanted]).toContain(phaseJobId(move.id, move.flow, 'DualWriteStarted'));
    for (const state of [{}, { delay: 60_000 }, { priority: 3 }]) {
      await queue.add('stray', { v: 1, move: 'gone', index: 'docs', phase: 'DualWriteStarted' }, state);
    }
    expect(await run()).toMatchObject({ jobsRemoved: 3 });
    expect(await idsOf(queue)).toEqual(wanted);
    expect(await run()).toMatchObject({ jobsRemoved: 0 });
  });

  it('counts documents of shards that a node neither owns nor is given, and deletes none', async () => {
    const { fleet, told, lines, run } = await open();
    const [foreign = -1] = await shardsOf(fleet, 'n2');
    await putStray(fleet, 'n1', foreign);
    expect(await run()).toMatchObject({ leftovers: 1 });
    expect(told).toContain('leftovers docs n1 1');
    expect(told).toContain('leftovers docs n2 0');
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', fields: expect.objectContaining({ node: 'n1', documents: 1 }) }),
    );
    expect(await run()).toMatchObject({ leftovers: 1 });
  });

  it('leaves a node out that does not answer, and does not mistake what a move brings for leftovers', async () => {
    const { fleet, told, run } = await open(3);
    const shard = (await shardsOf(fleet, 'n1'))[0]!;
    await fleet.orderMove({ index: 'docs', target: 'n2', shard });
    await putStray(fleet, 'n2', shard);
    fleet.nodes[2]!.kill('SIGKILL');
    await fleet.nodes[2]!.exited;
    expect(await run()).toMatchObject({ leftovers: 0 });
    expect(told.some((text) => text.includes(' n3 '))).toBe(false);
  });
});

describe('left over documents, where an operator lets them be deleted', () => {
  /** Of a shard that only n2 owns: what n2 has of it, and n1's old copy of that. */
  async function stage() {
    const opened = await open(2, true);
    const { fleet } = opened;
    const [shard = -1] = await shardsOf(fleet, 'n2');
    const on = (id: string) => switchesOf(fleet.nodes.find((node) => node.id === id) ?? { url: '' });
    const owned = [...(await on('n2').texts('docs'))].filter(([, text]) => text.includes(`"_miroir_shard":${shard},`));
    const copies = owned.map(([, text]) => JSON.parse(text) as Record<string, number | string>);
    await on('n1').write('docs', copies);
    const left = async (): Promise<string[]> => {
      const texts = await on('n1').texts('docs');
      return owned.flatMap(([id]) => (texts.has(id) ? [id] : [])).sort();
    };
    return { ...opened, shard, on, copies, ids: owned.map(([id]) => id).sort(), left };
  }

  it('go where the owner has the same, a later one, or has deleted it later; whatever else is there stays', async () => {
    const { fleet, shard, on, copies, ids, left, run } = await stage();
    expect(ids.length).toBeGreaterThan(5);
    const [older, newer, alone, removed, listed] = copies;
    if (!older || !newer || !alone || !removed || !listed) throw new Error('too few documents');
    const at = (one: Record<string, number | string>, moreMs: number) => ({
      ...one,
      name: 'another',
      _miroir_updated_at: Number(one['_miroir_updated_at']) + moreMs,
    });
    await on('n1').write('docs', [at(older, -5), at(newer, 5)]);
    for (const gone of [alone, removed]) await on('n2').remove('docs', gone['id'] ?? '');
    await fleet.base.redis.zadd(
      keys.tombstones('docs', shard),
      Number(removed['_miroir_updated_at']) + 1,
      String(removed['id']),
    );
    await fleet.base.repairs.add('docs', shard, [String(listed['id'])], ['n2']);
    const before = await on('n1').texts('docs');
    expect(await run()).toMatchObject({ leftovers: ids.length, deleted: ids.length - 3 });
    expect(await left()).toEqual([newer, alone, listed].map(({ id }) => String(id)).sort());
    // Nothing else is gone from there.
    expect((await on('n1').texts('docs')).size).toBe(before.size - (ids.length - 3));
  });

  it('stay where the node left the shard with its copy, the index has a move, or an owner cannot be read', async () => {
    const { fleet, shard, on, ids, left, run } = await stage();
    const { redis } = fleet.base;
    const field = `s:${shard}`;
    const text = (await redis.hget(keys.routing('docs'), field)) ?? '';
    for (const change of [{ left: ['n1'] }, { others: ['n1'] }, { frozen: true }]) {
      await redis.hset(keys.routing('docs'), field, JSON.stringify({ ...(JSON.parse(text) as object), ...change }));
      expect(await run()).toMatchObject({ leftovers: ids.length, deleted: 0 });
    }
    await redis.hset(keys.routing('docs'), field, text);
    await fleet.base.repairs.add('docs', shard, 'shard', ['n1']);
    expect(await run()).toMatchObject({ deleted: 0 });
    await redis.del(keys.repairs('docs'), keys.repair('docs', shard, 'n1'));
    const match = { path: '^/indexes/docs/documents/fetch' };
    await on('n2').fault({ match, do: 'status', status: 503 });
    await run().catch(() => undefined);
    await on('n2').clearFaults();
    const { id } = await fleet.orderMove({ index: 'docs', target: 'n2', shard: (await shardsOf(fleet, 'n1'))[0]! });
    expect(await run()).toMatchObject({ deleted: 0 });
    expect(await left()).toEqual(ids);
    await redis.srem(keys.moves, id);
    // Another process moves the index, or has died with it.
    const { watch, leases } = openLeases(fleet.base);
    const mover = await leases.acquire(rebalanceScope('docs'));
    if (!('lease' in mover)) throw new Error('the lease is busy');
    await mover.lease.ready;
    expect(await run()).toMatchObject({ deleted: 0 });
    await mover.lease.release(true);
    watch.stop();
    expect(await run()).toMatchObject({ deleted: ids.length });
    expect(await left()).toEqual([]);
  });
});

const idsOf = async (queue: Queue): Promise<ReadonlySet<string | undefined>> =>
  new Set((await queue.getJobs()).map(({ id }) => id));

async function shardsOf({ base }: TestFleet, node: string): Promise<number[]> {
  const table = await base.records.table('docs');
  return (table?.shards ?? []).filter(({ owners }) => owners.includes(node)).map(({ shard }) => shard);
}
