// What becomes of the copies of a node that has failed: they wait for its return for a while, then they are restored
// elsewhere; and a node that is back is brought level.
import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { status } from '../../src/control/status.ts';
import { locateKey } from '../../src/core/hashing.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import { createPlanner } from '../../src/planning/planner.ts';
import type { MoveState } from '../../src/ports.ts';
import { openControl } from '../../src/service/control.ts';
import { someDocuments, startTestFleet, type TestFleet } from '../support/fleet.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const SHARDS = 4;

let fleet: TestFleet | undefined;
let router: RouterCalls | undefined;
afterEach(async () => {
  await router?.close();
  router = undefined;
  await fleet?.stop();
  fleet = undefined;
});

async function twiceOnThree(config: Readonly<Record<string, string | number>>, documents = 60): Promise<TestFleet> {
  fleet = await startTestFleet({ config });
  await fleet.createIndex({ shards: SHARDS, replicationFactor: 2, documents: someDocuments(documents) });
  // As its process does every `sweep_interval_ms`: what nodes have is noted.
  await fleet.planner.sweep();
  return fleet;
}
async function kill(running: TestFleet, id: string): Promise<void> {
  const node = running.nodes.find((one) => one.id === id);
  node?.kill('SIGKILL');
  await node?.exited;
}
async function back(running: TestFleet, id: string): Promise<void> {
  await running.nodes.find((one) => one.id === id)?.restart();
  await running.planner.handle('NodeRecovered', { node_id: id });
}
const nodeOf = (running: TestFleet, id: string) =>
  switchesOf(running.nodes.find((one) => one.id === id) ?? { url: '' });
async function allMoves({ base: { records } }: TestFleet): Promise<readonly MoveState[]> {
  const ids = await Promise.all((await records.plans(100)).map(({ id }) => records.planMoveIds(id)));
  return records.moves(ids.flat());
}
/** Documents that moves sent to the node. */
const sentTo = async (running: TestFleet, id: string): Promise<number> =>
  (await allMoves(running))
    .filter(({ target }) => target === id)
    .reduce((sum, { docsMigrated }) => sum + docsMigrated, 0);
/** All owners of a shard have the same documents of it. Returns all documents. */
async function expectEqualCopies({ base, nodes }: TestFleet): Promise<Map<string, string>> {
  const alive = nodes.filter(({ running }) => running);
  const held = new Map(
    await Promise.all(alive.map(async (node) => [node.id, await switchesOf(node).texts('docs')] as const)),
  );
  const shardOf = (text: string): number => Number(/"_miroir_shard":\s*(\d+)/.exec(text)?.[1]);
  const all = new Map<string, string>();
  for (const { shard, owners } of (await base.records.table('docs'))?.shards ?? []) {
    const copies = owners.map((id) =>
      [...(held.get(id) ?? [])].filter(([, text]) => shardOf(text) === shard).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    // A node orders fields as it met them first.
    const parsed = copies.map((copy) => copy.map(([, text]) => JSON.parse(text) as unknown));
    expect(parsed).toEqual(owners.map(() => parsed[0]));
    for (const [id, text] of copies[0] ?? []) all.set(id, text);
  }
  return all;
}
const lostBy = async ({ base }: TestFleet, id: string): Promise<number> =>
  (await base.records.table('docs'))?.shards.filter(({ left }) => left?.includes(id) === true).length ?? 0;

/** A planner that takes over: it has nothing but the records. */
const successor = ({ base, config, planWriter: writer, moveQueue: queue, runs }: TestFleet) =>
  createPlanner({ ...base, config, writer, runs, queue, permit: openPermit(10_000) });

describe('the copies of a failed node', () => {
  it('wait for its return; when that time is over any planner has them restored elsewhere', async () => {
    const running = await twiceOnThree({ repair_delay_ms: 3_000 });
    await kill(running, 'n1');
    const beganMs = Date.now();
    const failed = await running.planner.handle('NodeFailed', { node_id: 'n1' });
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
    } finally {
      await control.close();
    }
    await running.planner.tick();
    expect(await running.base.records.unfinishedMoves()).toEqual([]);
    const next = successor(running);
    await untilTrue(async () => {
      await next.tick();
      return (await running.base.records.unfinishedMoves()).length === lost;
    });
    expect(Date.now() - beganMs).toBeGreaterThan(2_900);
    const moves = await running.base.records.unfinishedMoves();
    expect(moves.every(({ reason, target }) => reason === 'restore' && target !== 'n1')).toBe(true);
  }, 60_000);

  it('are restored at once when the event says that it does not come back, also later', async () => {
    const running = await twiceOnThree({ repair_delay_ms: 600_000 });
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
    const running = await twiceOnThree({ repair_delay_ms: 600_000 }, 1_000);
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
    const running = await twiceOnThree({ repair_delay_ms: 600_000 });
    router = await RouterCalls.open(running.base);
    const calls = router;
    const at = nodeOf(running, 'n1');
    const shard = (await running.base.records.table('docs'))?.shards.find(({ owners }) => owners.includes('n1'))?.shard;
    const id = Array.from({ length: 100 }, (_, more) => 7_000 + more).find(
      (one) => locateKey(String(one), SHARDS).shard === shard,
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
    const running = await twiceOnThree({ repair_delay_ms: 0 }, 400);
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
    const running = await twiceOnThree({ repair_delay_ms: 600_000 }, 400);
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
});

describe('a node that is back with less than it had', () => {
  const WAITS = { repair_delay_ms: 600_000 };
  /** Its data as of now, to come back to. */
  async function backup(running: TestFleet, id: string): Promise<string> {
    const { dir } = running.nodes.find((one) => one.id === id) ?? { dir: '' };
    const copy = `${dir}-older`;
    copies.push(copy);
    await cp(dir, copy, { recursive: true });
    return copy;
  }
  /** Ends the node and puts other data where its own was; null: none. */
  async function killAndReplace(running: TestFleet, id: string, data: string | null): Promise<void> {
    const { dir } = running.nodes.find((one) => one.id === id) ?? { dir: '' };
    await kill(running, id);
    for (const name of await readdir(dir)) await rm(join(dir, name), { recursive: true });
    if (data !== null) await cp(data, dir, { recursive: true });
  }
  const accepted = async (calls: RouterCalls, documents: readonly object[]): Promise<void> => {
    const answer = await calls.put('docs', documents);
    expect(answer.status).toBe(202);
    await calls.ended(answer);
  };
  const some = (from: number, name: string): object[] =>
    Array.from({ length: 40 }, (_, at) => ({ id: from + at, name }));
  const lostOf = async (running: TestFleet): Promise<string | null> => {
    const control = await openControl(running.config);
    try {
      return (await status(control)).nodes.find(({ id }) => id === 'n1')?.lost ?? null;
    } finally {
      await control.close();
    }
  };
  const copies: string[] = [];
  afterEach(async () => {
    for (const copy of copies.splice(0)) await rm(copy, { recursive: true, force: true });
  });

  it('without any: everything is copied anew, and status says why', async () => {
    const running = await twiceOnThree(WAITS, 300);
    router = await RouterCalls.open(running.base);
    await killAndReplace(running, 'n1', null);
    await running.planner.handle('NodeFailed', { node_id: 'n1' });
    await accepted(router, some(0, 'changed meanwhile'));
    await back(running, 'n1');
    expect(await lostOf(running)).toBe('index docs: the index is gone');
    await running.startWorker();
    await running.untilQuiet(60_000);
    const moves = (await allMoves(running)).filter(({ target }) => target === 'n1');
    expect(moves.map(({ level }) => level)).toEqual(moves.map(() => false));
    const all = await expectEqualCopies(running);
    expect(all.size).toBe(300);
    expect(await sentTo(running, 'n1')).toBeGreaterThan(150);
    expect(await lostOf(running)).toBeNull();
    // What it has now is its own again: another look finds nothing.
    await running.planner.sweep();
    await running.planner.sweep();
    expect(await lostOf(running)).toBeNull();
  }, 120_000);

  it('with older data: that is not built on, and what was deleted since stays deleted', async () => {
    const running = await twiceOnThree(WAITS, 300);
    router = await RouterCalls.open(running.base);
    const older = await backup(running, 'n1');
    await accepted(router, some(0, 'written after the backup'));
    expect((await router.remove('docs', [200, 201, 202, 203])).status).toBe(202);
    await running.planner.sweep();
    await killAndReplace(running, 'n1', older);
    await running.planner.handle('NodeFailed', { node_id: 'n1' });
    await back(running, 'n1');
    expect(await lostOf(running)).toMatch(/^index docs: its newest task was \d+ and is \d+$/);
    await running.startWorker();
    await running.untilQuiet(60_000);
    const moves = (await allMoves(running)).filter(({ target }) => target === 'n1');
    expect(moves.length).toBeGreaterThan(0);
    expect(moves.every(({ level, outcome }) => !level && outcome === 'done')).toBe(true);
    const all = await expectEqualCopies(running);
    expect(all.size).toBe(296);
    expect(all.get('0')).toContain('written after the backup');
  }, 120_000);

  it('without that anybody has missed it: it is found, leaves its shards and is restored, also after new writes', async () => {
    const running = await twiceOnThree(WAITS, 300);
    router = await RouterCalls.open(running.base);
    const older = await backup(running, 'n1');
    await accepted(router, some(0, 'written after the backup'));
    await running.planner.sweep();
    await killAndReplace(running, 'n1', older);
    await running.nodes.find(({ id }) => id === 'n1')?.restart();
    const calls = router;
    await untilTrue(async () => (await calls.put('docs', some(40, 'first'))).status === 202);
    for (let more = 0; more < 12; more += 1) await accepted(calls, some(80, `round ${more}`));
    await running.planner.sweep();
    expect(await lostOf(running)).toMatch(/^index docs: task \d+ is not the one it was$/);
    const { nodes } = await running.base.records.topology();
    expect(nodes.find(({ id }) => id === 'n1')?.state).toBe('restoring');
    expect((await running.base.records.table('docs'))?.shards.flatMap(({ owners }) => owners)).not.toContain('n1');
    await running.startWorker();
    await running.untilQuiet(60_000);
    const all = await expectEqualCopies(running);
    expect(all.size).toBe(300);
    expect(
      [all.get('0'), all.get('40'), all.get('80')].map((text) => /"name":"([^"]*)"/.exec(text ?? '')?.[1]),
    ).toEqual(['written after the backup', 'first', 'round 11']);
    expect((await running.base.records.topology()).nodes.every(({ state }) => state === 'active')).toBe(true);
  }, 120_000);

  it('is not what an index is that was made anew on most of its nodes', async () => {
    const running = await twiceOnThree(WAITS, 30);
    for (const { id } of running.nodes) {
      const client = running.client(id);
      for (const task of [await client.deleteIndex('docs'), await client.createIndex('docs', 'id')])
        await untilTrue(async () => (await client.tasks({ uids: [task], limit: 1 }))[0]?.finishedAt != null);
    }
    const { version } = await running.base.records.topology();
    await running.planner.sweep();
    await running.planner.sweep();
    expect((await running.base.records.topology()).version).toBe(version);
    expect(await lostOf(running)).toBeNull();
  }, 60_000);
});
