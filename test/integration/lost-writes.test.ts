// Redis comes back with an older file than it had: routers hand in the newest table they served by, its owners stand under
// a higher epoch, and no mover touches a copy of a shard about which something was lost.
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { thawShards } from '../../src/control/shard-thaw.ts';
import { status } from '../../src/control/status.ts';
import { assertMayAct } from '../../src/phases/may-act.ts';
import { keys } from '../../src/redis/keys.ts';
import { openControl, startPlanner } from '../../src/service.ts';
import { runPass } from '../support/anti-entropy.ts';
import { type TestFleet, someDocuments, startTestFleet } from '../support/fleet.ts';
import { HandMover } from '../support/hand-mover.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { isInGrace, scene } from '../support/scene.ts';
import { nodeOf } from '../support/settling.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const FILES = 'appendonlydir';

/** A shard in a move, two routers, and a planner that has taken up the present run of Redis. */
async function start() {
  const fleet = await startTestFleet({ aof: 'always', nodes: 2, config: { grace_ms: 600_000 } });
  closers.push(() => fleet.stop());
  await fleet.createIndex({ documents: someDocuments(20), shards: 1 });
  await fleet.planner.tick();
  const router = await RouterCalls.open(fleet.base);
  closers.push(() => router.close());
  const { route } = await fleet.base.records.route('docs', 0);
  const [from = ''] = route.owners;
  const to = from === 'n1' ? 'n2' : 'n1';
  const mover = await HandMover.start(fleet, { index: 'docs', target: to });
  await mover.track();
  await mover.acknowledged();
  return { fleet, router, mover, from, to };
}

/** Copies what Redis has written so far; `lose` brings it back to that. Every write is in its file before it is answered. */
async function snapshot({ redis, base }: TestFleet): Promise<{ lose(): Promise<void> }> {
  const [live, kept] = [join(redis.dir, FILES), join(redis.dir, 'older')];
  await cp(live, kept, { recursive: true });
  return {
    async lose() {
      redis.kill('SIGKILL');
      await redis.exited;
      await rm(live, { recursive: true });
      await cp(kept, live, { recursive: true });
      await redis.restart();
      await untilTrue(() => base.redis.status === 'ready');
    },
  };
}

async function startPlanning(fleet: TestFleet): Promise<void> {
  const planner = await startPlanner(fleet.config);
  closers.push(() => planner.close());
}

const routeOf = async ({ base }: TestFleet) => (await base.records.route('docs', 0)).route;
const accepted = ({ base }: TestFleet) => untilTrue(() => base.records.runAccepted(), 20_000);
const textsOn = (fleet: TestFleet, id: string) => switchesOf(nodeOf(fleet, id)).texts('docs');

describe('Redis has lost a switch', () => {
  it('the owners that routers know stand under a higher epoch; the shard is frozen until an operator lets go', async () => {
    const { fleet, router, mover, from, to } = await start();
    const older = await snapshot(fleet);
    await mover.hold();
    await mover.acknowledged();
    await mover.settle();
    await mover.settled();
    await mover.acknowledged();
    const { epoch } = await routeOf(fleet);
    const written = await router.put('docs', [{ id: 100, name: 'after the switch' }]);
    expect(written.status).toBe(202);
    await untilTrue(async () => (await textsOn(fleet, to)).has('100'));

    await older.lose();
    expect(await routeOf(fleet)).toMatchObject({ state: 'tracking', owners: [from] });
    // Nobody changes a route on the ground of what Redis shows, and no mover begins.
    await untilTrue(async () => (await fleet.base.redis.hlen(keys.handed)) === 1);
    const read = await fleet.base.records.route('docs', 0);
    const [move] = await fleet.base.records.unfinishedMoves();
    if (move === undefined) throw new Error('no move');
    await expect(assertMayAct(fleet.base.records, move)).rejects.toMatchObject({
      reason: expect.stringContaining('redis_restarted') as string,
    });
    await expect(
      fleet.base.scripts.run('shard-thaw', [keys.routing('docs'), keys.audit], [0, read.text, '{}', 9, 'docs']),
    ).rejects.toThrow('conflict');
    // One that never knew learns from the other that it must not serve either.
    const fresh = await RouterCalls.open(fleet.base);
    closers.push(() => fresh.close());
    for (const calls of [router, fresh])
      expect(await calls.search('docs')).toMatchObject({ status: 503, body: { code: 'miroir_epoch_regressed' } });

    await startPlanning(fleet);
    await fleet.startWorker();
    await accepted(fleet);
    const route = await routeOf(fleet);
    expect(route).toMatchObject({ state: 'stable', owners: [to], readers: [to], frozen: true, others: [from] });
    expect(route.epoch).toBeGreaterThan(epoch);
    const ended = await fleet.untilEnded(mover.id);
    expect(ended).toMatchObject({ outcome: 'failed' });
    expect(ended.error).toBe(
      `redis_lost_writes: the shard is on ${to}; what clients wrote may also be on ${from} only`,
    );
    await untilTrue(async () => (await router.put('docs', [{ id: 101, name: 'served again' }])).status === 202);
    await untilTrue(async () => (await textsOn(fleet, to)).has('101'));
    expect((await textsOn(fleet, from)).size).toBe(20);

    // A move of the shard waits, and deletes nothing.
    const control = await openControl(fleet.config);
    closers.push(() => control.close());
    await control.producer.sendRaw('NodeDraining', { node_id: to });
    await untilTrue(async () => (await fleet.base.records.unfinishedMoves()).length === 1);
    const id = (await fleet.base.records.unfinishedMoves())[0]?.id ?? '';
    await fleet.untilMove(id, ({ waiting }) => waiting?.reason.startsWith('redis_lost_writes') === true, 20_000);
    expect((await textsOn(fleet, from)).size).toBe(20);
    const told = { index: 'docs', shard: 0, owners: [to], others: [from] };
    expect((await status(control)).frozen).toEqual([told]);
    expect(await thawShards(control, 'docs', 0, false)).toEqual([{ ...told, frozen: true }]);
    expect((await routeOf(fleet)).frozen).toBe(true);
    expect(await thawShards(control, 'docs', 0, true)).toEqual([{ ...told, frozen: false }]);
    expect(await routeOf(fleet)).not.toHaveProperty('frozen');
    expect(await routeOf(fleet)).not.toHaveProperty('others');
    await fleet.untilMove(id, ({ phase }) => phase === 'DualWriteStopped', 30_000);
    expect((await textsOn(fleet, from)).has('101')).toBe(true);
  }, 90_000);
});

describe('Redis has lost writes while a shard settles', () => {
  it('and nobody carries over what may be old by now: the new owner stands, what waited is told', async () => {
    const { fleet, router, mover, from, to } = await start();
    expect((await router.put('docs', [{ id: 3, name: 'journaled' }])).status).toBe(202);
    await mover.hold();
    await mover.acknowledged();
    await mover.settle();
    const older = await snapshot(fleet);
    await mover.clear();
    await mover.settled();
    await mover.acknowledged();
    await older.lose();
    await startPlanning(fleet);
    await accepted(fleet);
    expect(await routeOf(fleet)).toMatchObject({ state: 'stable', owners: [to], readers: [to], frozen: true });
    const ended = await fleet.untilEnded(mover.id);
    expect(ended).toMatchObject({ outcome: 'failed', lost: 1, lostIds: ['3'] });
    expect(ended.error).toContain(from);
  }, 60_000);
});

describe('Redis has lost what owners do not depend on', () => {
  it('a shard that is tracked goes on, and is verified as a whole, since its journal may lack ids', async () => {
    const { fleet, router, mover, from } = await start();
    const older = await snapshot(fleet);
    expect((await router.put('docs', [{ id: 3, name: 'its id is lost' }])).status).toBe(202);
    expect((await mover.state()).size).toBe(1);
    await older.lose();
    await startPlanning(fleet);
    await accepted(fleet);
    const route = await routeOf(fleet);
    expect(route).toMatchObject({ state: 'tracking', owners: [from], moveId: mover.id });
    expect(route.frozen).toBeUndefined();
    expect(await fleet.base.redis.hvals(keys.reverify(mover.id))).toEqual(['']);
    expect(await fleet.base.redis.zcard(keys.journal(mover.id))).toBe(0);
    await fleet.startWorker();
    await fleet.untilMove(mover.id, ({ phase }) => phase === 'DualWriteStopped', 30_000);
  }, 60_000);
});

describe('Redis has lost a delete that one of two owners missed', () => {
  it('and nobody brings the document back: it is told of, and left as it is', async () => {
    const fleet = await startTestFleet({ aof: 'always', nodes: 2, groups: [0, 1] });
    closers.push(() => fleet.stop());
    await fleet.createIndex({ documents: [], shards: 1, groups: [0, 1] });
    await fleet.planner.tick();
    const router = await RouterCalls.open(fleet.base);
    closers.push(() => router.close());
    await router.ended(
      await router.put(
        'docs',
        [1, 2, 3].map((id) => ({ id, name: 'written' })),
      ),
    );
    const older = await snapshot(fleet);
    const match = { path: '^/indexes/docs/documents' };
    await switchesOf(nodeOf(fleet, 'n2')).fault({ match, do: 'drop-before', times: 1 });
    expect((await router.remove('docs', [2])).status).toBe(202);
    await untilTrue(async () => !(await textsOn(fleet, 'n1')).has('2'));
    expect(await fleet.base.repairs.size('docs', 0, 'n2')).toBe(1);

    await older.lose();
    await untilTrue(async () => (await router.search('docs')).status === 200);
    const { results: early } = await runPass(fleet.base, router.router);
    expect(early.get('docs/0')).toMatchObject({ repaired: 0, left: 1 });
    await startPlanning(fleet);
    await accepted(fleet);
    expect(await fleet.base.repairs.size('docs', 0, 'n2')).toBe(0);
    const { results } = await runPass(fleet.base, router.router);
    expect(results.get('docs/0')).toMatchObject({ mismatches: 1, repaired: 0, left: 1 });
    expect((await textsOn(fleet, 'n1')).has('2')).toBe(false);
    // A document that is deleted again, or written, is known again.
    await router.ended(await router.remove('docs', [2]));
    const { results: after } = await runPass(fleet.base, router.router);
    expect(after.get('docs/0')).toMatchObject({ mismatches: 0, left: 0 });
  }, 60_000);
});

describe('a restart of Redis that lost nothing', () => {
  it('freezes nothing: the move waits until the run is taken up, and goes on to its end', async () => {
    const fleet = await startTestFleet({ aof: 'always', nodes: 2, config: { grace_ms: 600_000 } });
    closers.push(() => fleet.stop());
    await fleet.planner.tick();
    const moving = await scene(fleet);
    await fleet.startWorker();
    const id = await moving.stallVerify();
    fleet.redis.kill('SIGKILL');
    await fleet.redis.restart();
    await untilTrue(() => fleet.base.redis.status === 'ready');
    await moving.target.clearFaults();
    await fleet.untilMove(id, ({ waiting }) => waiting?.reason.startsWith('redis_restarted') === true, 20_000);
    await startPlanning(fleet);
    await fleet.untilMove(id, isInGrace, 30_000);
    const { route } = await fleet.base.records.route(moving.index, 0);
    expect(route).toMatchObject({ state: 'settled', owners: [moving.to] });
    expect(route.frozen).toBeUndefined();
  }, 90_000);
});
