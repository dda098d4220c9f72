// Orphans: jobs that no move stands behind are taken out, documents that belong nowhere are told and left alone.
import { Queue } from 'bullmq';
import { afterEach, describe, expect, it } from 'vitest';
import { phaseJobId, indexQueue, QUEUE_PREFIX } from '../../src/queue/names.ts';
import { createStrayJobs } from '../../src/queue/strays.ts';
import { orphansDuty } from '../../src/reconcile/orphans.ts';
import { runTask } from '../support/duty-task.ts';
import { someDocuments, startTestFleet, type TestFleet } from '../support/fleet.ts';
import { observed, said } from '../support/observed.ts';
import { untilTrue } from '../support/until.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open(nodes = 2) {
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

const idsOf = async (queue: Queue): Promise<ReadonlySet<string | undefined>> =>
  new Set((await queue.getJobs()).map(({ id }) => id));

async function shardsOf({ base }: TestFleet, node: string): Promise<number[]> {
  const table = await base.records.table('docs');
  return (table?.shards ?? []).filter(({ owners }) => owners.includes(node)).map(({ shard }) => shard);
}
