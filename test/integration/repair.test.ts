// The copies of a node that has failed wait for its return for a while, then they are restored elsewhere; a node that is back
// with its data is brought level.
import { afterEach, describe, expect, it } from 'vitest';
import { status } from '../../src/control/status.ts';
import { locateKey } from '../../src/core/hashing.ts';
import { openControl } from '../../src/service/control.ts';
import {
  allMoves,
  back,
  expectEqualCopies,
  kill,
  lostBy,
  nodeOf,
  sentTo,
  successor,
  twiceOnThree,
} from '../support/copies.ts';
import type { TestFleet } from '../support/fleet.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { untilTrue } from '../support/until.ts';

let fleet: TestFleet | undefined;
let router: RouterCalls | undefined;
afterEach(async () => {
  await router?.close();
  router = undefined;
  await fleet?.stop();
  fleet = undefined;
});

async function begin(...given: Parameters<typeof twiceOnThree>): Promise<TestFleet> {
  fleet = await twiceOnThree(...given);
  return fleet;
}

describe('the copies of a failed node', () => {
  it('wait for its return; when that time is over any planner has them restored elsewhere', async () => {
    const running = await begin({ repair_delay_ms: 3_000 });
    await kill(running, 'n1');
    const beganMs = Date.now();
    const next = successor(running);
    const failed = await next.handle('NodeFailed', { node_id: 'n1' });
    const lost = await lostBy(running, 'n1');
    expect(lost).toBeGreaterThan(0);
    expect(failed).toMatchObject({ change: 'changed', plan: null, moves: 0, blocked: lost });
    const control = await openControl(running.config);
    try {
      const seen = await status(control);
      expect(seen.blocked).toHaveLength(lost);
      expect(seen.blocked[0]?.reason).toMatch(
        /^node n1 has failed; repair begins at 20\d\d-.*Z, or with: miroir node fail/,
      );
      const node = seen.nodes.find(({ id }) => id === 'n1');
      expect(node?.repairAtMs).toBeGreaterThan(beganMs + 2_500);
      expect(node?.repairAtMs).toBeLessThan(Date.now() + 3_500);
    } finally {
      await control.close();
    }
    await running.planner.tick();
    expect(await running.base.records.unfinishedMoves()).toEqual([]);
    await untilTrue(async () => {
      await next.tick();
      return (await running.base.records.unfinishedMoves()).length === lost;
    });
    expect(Date.now() - beganMs).toBeGreaterThan(2_900);
    const moves = await running.base.records.unfinishedMoves();
    expect(moves.every(({ reason, target }) => reason === 'restore' && target !== 'n1')).toBe(true);
  }, 60_000);

  it('wait as well while a good part of the nodes looks down, and are restored when that is over', async () => {
    const running = await begin({ repair_delay_ms: 500 });
    const { observations, records } = running.base;
    await kill(running, 'n1');
    await running.planner.handle('NodeFailed', { node_id: 'n1' });
    const report = async (what: 'silent' | 'answers'): Promise<void> => {
      for (const id of ['a', 'b']) {
        const sights = ['n2', 'n3'].map((node) => [node, { what, forMs: 100, looks: 3 }] as const);
        await observations.report({ id, process: id, name: id }, new Map(sights));
      }
    };
    await running.base.clock.sleep(600);
    await report('silent');
    await running.planner.tick();
    expect(await records.unfinishedMoves()).toEqual([]);
    await report('answers');
    await running.planner.tick();
    expect(await records.unfinishedMoves()).toHaveLength(await lostBy(running, 'n1'));
  }, 60_000);

  it('are restored at once when the event says that it does not come back, also later', async () => {
    const running = await begin({ repair_delay_ms: 600_000 });
    await kill(running, 'n1');
    expect(await running.planner.handle('NodeFailed', { node_id: 'n1' })).toMatchObject({ moves: 0 });
    const lost = await lostBy(running, 'n1');
    expect(await running.planner.handle('NodeFailed', { node_id: 'n1', repair_now: true })).toMatchObject({
      change: 'changed',
      moves: lost,
      blocked: 0,
    });
  }, 60_000);
});

describe('a node that is back with its data', () => {
  it('is brought level: only what changed meanwhile is sent, and what was deleted is deleted, under writes', async () => {
    const running = await begin({ repair_delay_ms: 600_000 }, 1_000);
    router = await RouterCalls.open(running.base);
    const calls = router;
    await untilTrue(async () => (await calls.search('docs')).status === 200);
    await kill(running, 'n1');
    await running.planner.handle('NodeFailed', { node_id: 'n1' });
    const lost = await lostBy(running, 'n1');
    const written = async (answer: Promise<{ status: number }>): Promise<void> => {
      expect((await answer).status).toBe(202);
    };
    await written(
      calls.put(
        'docs',
        [1, 2, 3, 4, 5, 6, 7, 8].map((id) => ({ id, name: 'changed meanwhile' })),
      ),
    );
    await written(calls.remove('docs', [100, 101]));
    await written(calls.put('docs', [{ id: 5_000, name: 'new meanwhile' }]));
    const before = (
      await nodeOf(running, 'n1')
        .asked('^/indexes/docs/documents')
        .catch(() => [])
    ).length;
    expect(before).toBe(0);
    await back(running, 'n1');
    await running.startWorker();
    for (let round = 0; round < 20; round += 1) await written(calls.put('docs', [{ id: 9, name: `round ${round}` }]));
    await running.untilQuiet(60_000);
    const moves = await allMoves(running);
    expect(moves.map(({ target, level, outcome }) => ({ target, level, outcome }))).toEqual(
      Array.from({ length: lost }, () => ({ target: 'n1', level: true, outcome: 'done' })),
    );
    // Nine documents changed; the tenth was written on and on.
    expect(await sentTo(running, 'n1')).toBeLessThanOrEqual(10);
    expect(moves.every(({ lastOffset, differences }) => lastOffset === 65_536 && differences === 0)).toBe(true);
    const all = await expectEqualCopies(running);
    expect(
      [all.get('1'), all.get('5000'), all.get('9')].map((text) => /"name":"([^"]*)"/.exec(text ?? '')?.[1]),
    ).toEqual(['changed meanwhile', 'new meanwhile', 'round 19']);
    expect([all.has('100'), all.has('101'), all.size]).toEqual([false, false, 999]);
    const routes = (await running.base.records.table('docs'))?.shards ?? [];
    expect(routes.every(({ owners, left }) => owners.length === 2 && left === undefined)).toBe(true);
  }, 120_000);

  it('applies first what it had accepted as an owner: nothing of that lands on a copy that was found level', async () => {
    const running = await begin({ repair_delay_ms: 600_000 });
    router = await RouterCalls.open(running.base);
    const calls = router;
    const at = nodeOf(running, 'n1');
    const shard = (await running.base.records.table('docs'))?.shards.find(({ owners }) => owners.includes('n1'))?.shard;
    const id = Array.from({ length: 100 }, (_, more) => 7_000 + more).find(
      (one) => locateKey(String(one), 4).shard === shard,
    );
    await at.pause();
    const accepted = await calls.put('docs', [{ id, name: 'accepted before it failed' }]);
    expect(accepted.status).toBe(202);
    await running.planner.handle('NodeFailed', { node_id: 'n1' });
    expect((await calls.remove('docs', [id ?? 0])).status).toBe(202);
    await running.planner.handle('NodeRecovered', { node_id: 'n1' });
    await running.startWorker();
    const move = (await running.base.records.unfinishedMoves()).find((one) => one.shard === shard);
    await running.untilMove(move?.id ?? '', ({ phase }) => phase === 'DualWriteStarted');
    // Long enough for the shard to be compared, were it not for the task that waits there.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await running.base.records.move(move?.id ?? ''))?.phase).toBe('DualWriteStarted');
    await at.resume();
    await running.untilQuiet(60_000);
    expect((await expectEqualCopies(running)).has(String(id))).toBe(false);
  }, 60_000);

  it('takes its shards from repairs that have not switched: they are cancelled, and it is brought level', async () => {
    const running = await begin({ repair_delay_ms: 0 }, 400);
    await kill(running, 'n1');
    await running.planner.handle('NodeFailed', { node_id: 'n1' });
    const lost = await lostBy(running, 'n1');
    const repairs = await running.base.records.unfinishedMoves();
    expect(repairs).toHaveLength(lost);
    await back(running, 'n1');
    await running.startWorker();
    await running.untilQuiet(60_000);
    const ended = await running.base.records.moves(repairs.map(({ id }) => id));
    expect(ended.every(({ outcome }) => outcome === 'cancelled')).toBe(true);
    expect(await sentTo(running, 'n1')).toBe(0);
    await expectEqualCopies(running);
  }, 60_000);

  it('keeps that data when the move that brings it level is cancelled, and the next one goes on from there', async () => {
    const running = await begin({ repair_delay_ms: 600_000 }, 400);
    await kill(running, 'n1');
    await running.planner.handle('NodeFailed', { node_id: 'n1' });
    await back(running, 'n1');
    const at = nodeOf(running, 'n1');
    const held = (await at.texts('docs')).size;
    // Something that is still to be applied there, so that nothing is compared yet.
    await at.pause();
    await running.client('n1').deleteDocuments('docs', [], 'a client');
    await running.startWorker();
    const moves = await running.base.records.unfinishedMoves();
    const move = await running.untilMove(moves[0]?.id ?? '', ({ level }) => level, 30_000);
    await running.base.records.wish(move.id, 'cancel');
    await running.moveQueue.promote(move);
    await at.resume();
    expect(await running.untilEnded(move.id, 20_000)).toMatchObject({ outcome: 'cancelled' });
    expect((await at.texts('docs')).size).toBe(held);
    await running.planner.handle('NodeRecovered', { node_id: 'n1' });
    await running.untilQuiet(30_000);
    expect(await sentTo(running, 'n1')).toBe(0);
    await expectEqualCopies(running);
  }, 60_000);

  it('is brought level from where another worker left off, and nothing that was sent counts twice', async () => {
    const running = await begin({ repair_delay_ms: 600_000, verify_window_docs: 20 }, 1_000);
    router = await RouterCalls.open(running.base);
    await kill(running, 'n1');
    await running.planner.handle('NodeFailed', { node_id: 'n1' });
    const changed = Array.from({ length: 100 }, (_, at) => ({ id: at * 10, name: 'changed meanwhile' }));
    expect((await router.put('docs', changed)).status).toBe(202);
    await back(running, 'n1');
    const at = nodeOf(running, 'n1');
    await at.fault({ match: { path: '^/indexes/docs/documents/fetch' }, do: 'delay', ms: 40 });
    const first = await running.startWorker();
    const lost = new Set((await running.base.records.unfinishedMoves()).map(({ shard }) => shard));
    const [move] = await running.base.records.unfinishedMoves();
    const half = await running.untilMove(move?.id ?? '', ({ lastOffset }) => lastOffset > 20_000, 30_000);
    expect(half).toMatchObject({ level: true, phase: 'DualWriteStarted' });
    await first.close();
    running.workers.splice(0);
    const left = await running.untilMove(half.id, () => true);
    expect(left.lastOffset).toBeLessThan(65_536);
    await at.clearFaults();
    await running.startWorker();
    const seen: number[] = [];
    await running.untilMove(
      half.id,
      ({ lastOffset, outcome }) => seen.push(lastOffset) > 0 && outcome === 'done',
      30_000,
    );
    await running.untilQuiet(30_000);
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(left.lastOffset);
    const due = changed.filter(({ id }) => lost.has(locateKey(String(id), 4).shard));
    // What was sent of the windows at work when the first one ended is found equal, and counts for nobody.
    const sent = await sentTo(running, 'n1');
    expect(sent).toBeLessThanOrEqual(due.length);
    expect(sent).toBeGreaterThan(due.length / 2);
    await expectEqualCopies(running);
  }, 90_000);
});
