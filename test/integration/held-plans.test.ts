// Plans that an operator holds, with a planner, workers and nodes: what begins, what goes on, and what it costs.
import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { indexQueue, QUEUE_PREFIX } from '../../src/queue/names.ts';
import type { MoveState } from '../../src/ports.ts';
import { startTestFleet, someDocuments, type TestFleet } from '../support/fleet.ts';
import { scene, windowsOf } from '../support/scene.ts';
import { untilTrue } from '../support/until.ts';

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet({ nodes: 2, config: { grace_ms: 600_000, target_tasks: 1, migration_batch_size: 20 } });
  await fleet.startWorker();
}, 60_000);
afterAll(() => fleet.stop());
afterEach(async () => {
  await fleet.base.planHolds.releaseAll();
});

const reasonOf = ({ waiting }: MoveState): string => waiting?.reason.split(':')[0] ?? '';

/** Jobs of the index that something is to be done with, now or later. */
async function jobsOf(index: string): Promise<number> {
  const queue = new Queue(indexQueue(index), { connection: fleet.base.redis, prefix: QUEUE_PREFIX });
  try {
    const counts = await queue.getJobCounts('wait', 'active', 'prioritized', 'delayed', 'waiting-children', 'failed');
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  } finally {
    await queue.close();
  }
}

describe('a plan that is paused', () => {
  it('before its moves begin has no jobs, keeps no index claimed, and goes on within a moment when it is resumed', async () => {
    const { base, planner } = fleet;
    const one = await scene(fleet);
    await base.planHolds.holdAll('cli:me');
    const { id, planId } = await one.move();
    // A worker may have just taken its job up to look at it: then it is taken away when that one has given it back.
    await untilTrue(async () => {
      await planner.tick();
      return (await jobsOf(one.index)) === 0;
    });
    await planner.sweep();
    expect(await jobsOf(one.index)).toBe(0);
    expect((await base.records.move(id))?.startedAtMs).toBeNull();
    await base.planHolds.hold(planId, 'operator', 'cli:me');
    await base.planHolds.releaseAll();
    await planner.tick();
    expect(await jobsOf(one.index)).toBe(0);
    const other = await scene(fleet);
    await other.end((await other.move()).id);
    expect((await base.records.move(id))?.startedAtMs).toBeNull();
    await base.planHolds.release(planId, 'operator');
    await planner.tick();
    await one.end(id);
    await one.check();
  }, 60_000);

  it('sends no window more of a move that has begun, keeps its places, and ends it when it is resumed', async () => {
    const { base, planner } = fleet;
    const one = await scene(fleet, { documents: someDocuments(400) });
    const id = await one.stall();
    const { planId } = await fleet.untilMove(id, () => true);
    await base.planHolds.hold(planId, 'operator', 'cli:me');
    await one.target.resume();
    const paused = await fleet.untilMove(id, (move) => reasonOf(move) === 'paused_by_operator');
    const sent = windowsOf(await one.sent()).length;
    expect(paused.lastOffset).toBeLessThan(65_536);
    expect((await base.records.route(one.index, 0)).route.state).toBe('tracking');
    await planner.tick();
    expect(await jobsOf(one.index)).toBeGreaterThan(0);
    // Looked at by a worker once more, it sends nothing.
    await fleet.moveQueue.promote(paused);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(windowsOf(await one.sent())).toHaveLength(sent);
    await base.planHolds.release(planId, 'operator');
    await planner.tick();
    const ended = await one.end(id);
    expect(ended.waiting).toBeNull();
    await one.check();
  }, 60_000);

  it('is cancelled all the same: what has begun is undone and cleaned up, what has not ends, and nothing is planned again', async () => {
    const { base, planner } = fleet;
    const one = await scene(fleet, { documents: someDocuments(400) });
    const id = await one.stall();
    const { planId } = await fleet.untilMove(id, () => true);
    await base.planHolds.hold(planId, 'operator', 'cli:me');
    await one.target.resume();
    await fleet.untilMove(id, (move) => reasonOf(move) === 'paused_by_operator');
    const two = await scene(fleet);
    await base.planHolds.holdAll('cli:me');
    const unbegun = await two.move();
    await planner.tick();
    await base.planHolds.cancel(planId, 'cli:me');
    await base.planHolds.cancel(unbegun.planId, 'cli:me');
    await planner.tick();
    for (const move of [id, unbegun.id])
      expect(await fleet.untilEnded(move, 15_000)).toMatchObject({ outcome: 'cancelled', wish: 'cancel' });
    expect((await one.target.texts(one.index)).size).toBe(0);
    await fleet.untilQuiet();
    await planner.sweep();
    expect(await base.records.unfinishedMoves()).toEqual([]);
    await one.check();
  }, 60_000);
});

describe('a planner that comes later', () => {
  it('carries out what was said while none was there', async () => {
    const { base, planner } = fleet;
    const one = await scene(fleet);
    await one.target.pause();
    const id = await one.stall();
    const { planId } = await fleet.untilMove(id, () => true);
    await base.planHolds.cancel(planId, 'cli:me');
    await one.target.resume();
    // A worker alone takes nothing back, and does not switch either.
    await fleet.untilMove(id, (move) => reasonOf(move) === 'wish', 15_000);
    await planner.resume();
    expect(await fleet.untilEnded(id)).toMatchObject({ outcome: 'cancelled' });
    await one.check();
  }, 60_000);
});
