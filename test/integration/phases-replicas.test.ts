// Moves of a shard that has a second owner, while clients write: what happens when the source fails while it settles.
import { afterEach, describe, expect, it } from 'vitest';
import { keys } from '../../src/redis/keys.ts';
import { type TestFleet, someDocuments, startTestFleet } from '../support/fleet.ts';
import { TestRouter } from '../support/router.ts';
import { endGrace, isInGrace } from '../support/scene.ts';
import { LONG_HOLD, failNode, settleWithoutSource } from '../support/settling.ts';
import { switchesOf } from '../support/switches.ts';

let fleet: TestFleet | undefined;
let router: TestRouter | undefined;
afterEach(async () => {
  await router?.stop();
  router = undefined;
  await fleet?.stop();
  fleet = undefined;
});

async function settlingWithoutSource() {
  const running = await startTestFleet({ config: { grace_ms: 600_000, ...LONG_HOLD } });
  fleet = running;
  const entry = await running.createIndex({ documents: someDocuments(100), shards: 1, replicationFactor: 2 });
  const writer = await TestRouter.start(running, entry);
  router = writer;
  return { running, writer, ...(await settleWithoutSource(running, writer, [3])) };
}

describe('the source fails while the shard settles', () => {
  it('another old owner is read for what waits, when it has applied what it had accepted', async () => {
    const { running, id, source, target, node } = await settlingWithoutSource();
    await failNode(running, source);
    // The retiring copy went with its node, so the move ends at once.
    expect(await running.untilEnded(id, 20_000)).toMatchObject({ outcome: 'done', source });
    expect((await switchesOf(node(target)).texts('docs')).get('3')).toContain('accepted by every owner');
    expect(await running.base.redis.zcard(keys.journal(id))).toBe(0);
  });

  it('one that missed a write of such a document is not: the shard stays as it is, and the move says why', async () => {
    const { running, id, source, other, target, node, writer } = await settlingWithoutSource();
    await running.base.repairs.add('docs', 0, ['3'], [other]);
    await failNode(running, source);
    const waiting = await running.untilMove(
      id,
      (move) => move.waiting?.reason.startsWith('source_failed') === true,
      20_000,
    );
    expect(waiting.phase).toBe('MigrationComplete');
    const { route } = await running.base.records.route('docs', 0);
    expect(route).toMatchObject({ state: 'settling' });
    expect((await switchesOf(node(target)).texts('docs')).get('3')).toContain('document 3');
    // Every other document is written as ever.
    await writer.put({ id: 4, name: 'written meanwhile' });
    await running.base.redis.del(keys.repair('docs', 0, other));
    await running.moveQueue.promote(waiting);
    await running.untilEnded(id, 20_000);
    expect((await switchesOf(node(target)).texts('docs')).get('3')).toContain('accepted by every owner');
  });
});

describe('the source', () => {
  it('is the owner that missed least, and what it missed itself is listed for the target too', async () => {
    const running = await startTestFleet();
    fleet = running;
    await running.createIndex({ documents: someDocuments(100), shards: 1, replicationFactor: 2 });
    const { route } = await running.base.records.route('docs', 0);
    const [planned = '', other = ''] = route.owners;
    const target = ['n1', 'n2', 'n3'].find((id) => !route.owners.includes(id)) ?? '';
    const repairs = running.base.repairs;
    await repairs.add('docs', 0, 'shard', [planned]);
    await repairs.add('docs', 0, ['1', '2'], [other]);
    await running.startWorker();
    const { id } = await running.orderMove({ index: 'docs', target });
    expect(await running.untilEnded(id)).toMatchObject({ outcome: 'done', source: other, retires: planned });
    expect(await repairs.list('docs', 0, target, 10)).toEqual(['1', '2']);
    expect(await repairs.size('docs', 0, planned)).toBe(0);
    const { route: after } = await running.base.records.route('docs', 0);
    expect([...after.owners].sort()).toEqual([other, target].sort());
  });
});

describe('an owner that retires beside the source', () => {
  it('keeps its copy while every other owner has missed a write that it has', async () => {
    const running = await startTestFleet({ config: { grace_ms: 600_000 } });
    fleet = running;
    await running.createIndex({ documents: someDocuments(100), shards: 1, replicationFactor: 2 });
    const { route } = await running.base.records.route('docs', 0);
    const [source = '', retires = ''] = route.owners;
    const target = ['n1', 'n2', 'n3'].find((id) => !route.owners.includes(id)) ?? '';
    const repairs = running.base.repairs;
    await running.startWorker();
    const { id } = await running.orderMove({ index: 'docs', target, retires });
    await running.untilMove(id, isInGrace);
    await repairs.add('docs', 0, ['7'], [source, target]);
    await endGrace(running, id);
    const waiting = await running.untilMove(id, (move) => move.waiting?.reason.startsWith('last_copy') === true);
    expect(waiting.waiting?.reason).toContain('document 7');
    const node = running.nodes.find((one) => one.id === retires) ?? running.nodes[0]!;
    expect((await switchesOf(node).texts('docs')).size).toBe(100);
    await running.base.redis.del(keys.repair('docs', 0, source));
    await running.moveQueue.promote(waiting);
    expect(await running.untilEnded(id)).toMatchObject({ outcome: 'done', error: null });
    expect((await switchesOf(node).texts('docs')).size).toBe(0);
  });
});

describe('the target fails while the shard settles', () => {
  it('and leaves: the shard settles on the owner that is left, the old copy is kept, and the lost one is restored', async () => {
    const { running, id, source, other, target, node, writer } = await settlingWithoutSource();
    await node(target).stop();
    await running.planner.handle('NodeFailed', { node_id: target });
    const { route } = await running.base.records.route('docs', 0);
    expect(route.owners).toEqual([other]);
    await writer.put({ id: 5, name: 'written without it' });
    await switchesOf(node(source)).resume();
    await running.moveQueue.promote(await running.untilMove(id, () => true));
    const ended = await running.untilEnded(id, 20_000);
    expect(ended).toMatchObject({ outcome: 'done' });
    expect(ended.error).toContain(`copy on ${source} kept`);
    expect((await switchesOf(node(other)).texts('docs')).get('3')).toContain('accepted by every owner');
    await running.untilQuiet();
    const { route: after } = await running.base.records.route('docs', 0);
    expect([...after.owners].sort()).toEqual([source, other].sort());
    const texts = await switchesOf(node(source)).texts('docs');
    expect(texts.get('5')).toContain('written without it');
    expect(texts).toEqual(await switchesOf(node(other)).texts('docs'));
  }, 60_000);
});
