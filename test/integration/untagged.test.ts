// Writes past the routers: told by the tags in the nodes' task lists, each once, and by documents without our fields.
import { afterEach, describe, expect, it } from 'vitest';
import { untaggedDuty } from '../../src/reconcile/untagged.ts';
import { keys } from '../../src/redis/keys.ts';
import { createFleetWriter } from '../../src/redis/plan-writer.ts';
import { createTaskMarks } from '../../src/redis/task-marks.ts';
import { runTask } from '../support/duty-task.ts';
import { someDocuments, startTestFleet } from '../support/fleet.ts';
import { observed, said } from '../support/observed.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { untilTrue } from '../support/until.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open(nodes = 1) {
  const fleet = await startTestFleet({ nodes });
  closers.push(() => fleet.stop());
  await fleet.createIndex({ shards: 4, documents: someDocuments(10) });
  const { observer, told } = observed();
  const { logger, lines } = said();
  const duty = untaggedDuty({
    ...fleet.base,
    everyMs: 1_000,
    isOn: true,
    marks: createTaskMarks(fleet.base),
    clientOf: (node, { lease }) => fleet.base.nodes.client(node, lease),
    observer,
    logger,
  });
  const run = () => runTask(fleet.base, duty, 'docs');
  const direct = async (node: string, documents: string, tag = ''): Promise<number> => {
    const client = fleet.client(node);
    const task = await client.putDocuments('docs', 'id', documents, tag);
    await untilTrue(async () => (await client.tasks({ uids: [task], limit: 1 }))[0]?.finishedAt != null);
    return task;
  };
  return { fleet, told, lines, duty, run, direct };
}

describe('the duty untagged', () => {
  it('begins with what comes after its first look, and tells of each write once', async () => {
    const { told, lines, run, direct } = await open();
    await direct('n1', '[{"id":"before","_miroir_shard":0,"_miroir_slot":1}]');
    expect(await run()).toEqual({ untagged: 0, unsplit: 0 });
    const task = await direct('n1', '[{"id":"past"}]', 'nightly import');
    expect(await run()).toEqual({ untagged: 1, unsplit: 1 });
    expect(told).toContain('untagged docs n1 1');
    expect(told).toContain('unsplit docs n1 1');
    const fields = expect.objectContaining({ node: 'n1', index: 'docs', task, type: 'documentAdditionOrUpdate' });
    expect(lines).toContainEqual(expect.objectContaining({ level: 'warn', fields }));
    expect(await run()).toEqual({ untagged: 0, unsplit: 1 });
  });

  it('has nothing to say of what goes through a router, and sees a deletion that does not', async () => {
    const { fleet, run } = await open();
    await run();
    const calls = await RouterCalls.open(fleet.base);
    closers.push(() => calls.close());
    await calls.ended(await calls.put('docs', [{ id: 'through', name: 'a' }]));
    await calls.ended(await calls.remove('docs', [3]));
    expect(await run()).toEqual({ untagged: 0, unsplit: 0 });
    await fleet.client('n1').deleteDocuments('docs', ['4'], 'by hand');
    expect(await run()).toEqual({ untagged: 1, unsplit: 0 });
  });

  it('leaves a node out that does not answer, and begins anew where a node has lost its data or the index is deleted', async () => {
    const { fleet, told, run, direct } = await open(2);
    await run();
    const mark = JSON.stringify({ created: '1970-01-01T00:00:00Z', uid: 1 });
    await fleet.base.redis.hset(keys.taskMarks('docs'), 'n1', mark);
    await direct('n1', '[{"id":"past"}]');
    fleet.nodes[1]!.kill('SIGKILL');
    await fleet.nodes[1]!.exited;
    told.splice(0);
    expect(await run()).toEqual({ untagged: 0, unsplit: 1 });
    expect(told.filter((text) => text.includes(' n2 '))).toEqual([]);
    await createFleetWriter(fleet.base.scripts, 100).deleteIndex('docs', 1_000);
    expect(await fleet.base.redis.exists(keys.taskMarks('docs'))).toBe(0);
  });
});
