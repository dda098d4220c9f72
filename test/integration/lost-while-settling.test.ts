// Nodes that lose their data, all or what is newer than a backup, while a shard of theirs changes owners.
import { rm } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { findNode, type NodeState } from '../../src/core/topology.ts';
import { keys } from '../../src/redis/keys.ts';
import { backup, expectEqualCopies, killAndReplace, start as startNode, successor } from '../support/copies.ts';
import type { TestFleet } from '../support/fleet.ts';
import { isInGrace } from '../support/scene.ts';
import { nodeOf, setNodeState, settleWithoutSource, startSettlingFleet } from '../support/settling.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const start = (replicationFactor: number) => startSettlingFleet(replicationFactor, closers);

const routeOf = async ({ base }: TestFleet) => (await base.records.route('docs', 0)).route;
const stateOf = async ({ base }: TestFleet, id: string): Promise<NodeState | undefined> =>
  findNode(await base.records.topology(), id)?.state;
const textsOn = (fleet: TestFleet, id: string) => switchesOf(nodeOf(fleet, id)).texts('docs');
const waitsFor = (fleet: TestFleet, id: string, words: string) =>
  fleet.untilMove(id, ({ waiting }) => waiting?.reason.includes(words) === true, 20_000);

/** Until a look of the planner has found it, and what follows from that is done. */
const swept = (fleet: TestFleet, isDone: () => Promise<boolean>, planner = fleet.planner): Promise<void> =>
  untilTrue(async () => {
    await planner.sweep();
    return isDone();
  }, 20_000);

describe('an owner that stays has lost its data while the shard settles', () => {
  it('stays failed until it has left the shard, and comes back to it only with a move', async () => {
    const { fleet, writer } = await start(2);
    await fleet.planner.sweep();
    const { id, source, other, target } = await settleWithoutSource(fleet, writer, [3, 5]);
    await killAndReplace(fleet, other, null);
    await startNode(fleet, other);
    const next = successor(fleet);
    await swept(fleet, async () => (await stateOf(fleet, other)) !== 'active', next);
    expect(await stateOf(fleet, other)).toBe('failed');
    const { nodes } = await fleet.base.records.topology();
    const [failedAtMs = 0] = nodes.find((node) => node.id === other)?.seen?.failuresAtMs ?? [];
    expect(Math.abs(Date.now() - failedAtMs)).toBeLessThan(60_000);
    expect((await routeOf(fleet)).owners).toContain(other);
    // Nor does an event bring it back now, or a planner that takes over, or make it a full member.
    expect(await fleet.planner.handle('NodeRecovered', { node_id: other })).toMatchObject({ change: 'repeated' });
    await next.sweep();
    await next.tick();
    expect(await stateOf(fleet, other)).toBe('failed');
    await setNodeState(fleet, other, 'restoring');
    await next.tick();
    expect(await stateOf(fleet, other)).toBe('restoring');
    await setNodeState(fleet, other, 'failed');
    expect((await routeOf(fleet)).state).toBe('settling');

    await switchesOf(nodeOf(fleet, source)).resume();
    await fleet.untilMove(id, isInGrace, 20_000);
    await swept(fleet, async () => !(await routeOf(fleet)).owners.includes(other));
    expect((await routeOf(fleet)).owners).toContain(target);
    await fleet.untilQuiet(30_000);
    const { owners } = await routeOf(fleet);
    expect(owners).toHaveLength(2);
    const all = await expectEqualCopies(fleet);
    expect(all.size).toBe(100);
    for (const document of ['3', '5']) expect(all.get(document)).toContain('accepted by every owner');
    await swept(fleet, async () => (await stateOf(fleet, other)) === 'active');
  }, 90_000);
});

describe('the source has lost its data while the shard settles', () => {
  it('and is not read, though nobody has noticed yet: another old owner is', async () => {
    const { fleet, writer } = await start(2);
    await fleet.planner.sweep();
    const folder = await backup(fleet, (await routeOf(fleet)).owners[0] ?? '');
    closers.push(() => rm(folder, { recursive: true }));
    const { id, source, target } = await settleWithoutSource(fleet, writer, [3, 5]);
    await fleet.untilMove(id, ({ sourceMark }) => sourceMark !== null);
    await killAndReplace(fleet, source, folder);
    await startNode(fleet, source);
    const ended = await fleet.untilMove(id, isInGrace, 30_000);
    expect(ended).toMatchObject({ lost: 0 });
    for (const document of ['3', '5'])
      expect((await textsOn(fleet, target)).get(document)).toContain('accepted by every owner');
    expect(await fleet.base.redis.zcard(keys.journal(id))).toBe(0);
  }, 60_000);
});

describe('the target has lost its data while the shard settles', () => {
  it('gets no readers; found, it leaves the shard, which settles on the owner that is left', async () => {
    const { fleet, writer } = await start(2);
    const order = await routeOf(fleet);
    const spare = ['n1', 'n2', 'n3'].find((one) => !order.owners.includes(one)) ?? '';
    const folder = await backup(fleet, spare);
    closers.push(() => rm(folder, { recursive: true }));
    const { id, source, other, target } = await settleWithoutSource(fleet, writer, [3]);
    await fleet.planner.sweep();
    await killAndReplace(fleet, target, folder);
    await startNode(fleet, target);
    await switchesOf(nodeOf(fleet, source)).resume();
    await waitsFor(fleet, id, 'came back with less than it had');
    expect(await routeOf(fleet)).toMatchObject({ state: 'settling', readers: order.readers });
    await swept(fleet, async () => !(await routeOf(fleet)).owners.includes(target));
    expect((await routeOf(fleet)).owners).toEqual([other]);
    await swept(fleet, async () => (await fleet.base.records.move(id))?.outcome === 'done');
    await fleet.untilQuiet(30_000);
    const all = await expectEqualCopies(fleet);
    expect(all.size).toBe(100);
    expect(all.get('3')).toContain('accepted by every owner');
    expect((await routeOf(fleet)).owners).toHaveLength(2);
  }, 90_000);
});
