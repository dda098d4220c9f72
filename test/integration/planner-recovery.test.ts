import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PlanningFleet, startPlanningFleet } from '../support/planning.ts';
import { untilTrue } from '../support/until.ts';

let fleet: PlanningFleet;

beforeAll(async () => {
  fleet = await startPlanningFleet(4);
}, 60_000);
afterAll(async () => {
  await fleet.stop();
});
beforeEach(async () => {
  await fleet.reset();
  await fleet.createIndex('books', 16, 50);
});

/** Every move once, each with a whole chain of jobs, nothing left to plan. */
async function expectHealed(): Promise<void> {
  const { records, redis } = fleet.base;
  await untilTrue(
    async () => {
      const moves = await records.unfinishedMoves();
      const { ids } = await fleet.jobs('books');
      const left = Object.keys(await redis.hgetall('{miroir}:topology')).filter((name) =>
        name.startsWith('unplanned:'),
      );
      const plans = await records.plans(0);
      return (
        moves.length > 0 &&
        left.length === 0 &&
        plans.every(({ state }) => state === 'running') &&
        moves.every((move) => [1, 2, 3, 4, 5].every((phase) => ids.includes(`${move.id}-f${move.flow}-${phase}`)))
      );
    },
    15_000,
    async () =>
      JSON.stringify([await records.plans(5), await records.unfinishedMoves(), await fleet.jobs('books')]).slice(
        0,
        3_000,
      ),
  );
  const moves = await records.unfinishedMoves();
  const shards = moves.map((move) => move.shard);
  expect(new Set(shards).size).toBe(shards.length);
  const table = await records.table('books');
  expect(moves.every((move) => table?.shards[move.shard]?.owners.includes(move.source))).toBe(true);
}

describe('a planner that dies is healed by the next one', () => {
  it.each([
    'before script:topology-commit',
    'after script:topology-commit',
    'before script:plan-open',
    'after script:plan-open',
    'before script:moves-add',
    'after script:moves-add',
    'before script:plan-run',
    'after script:plan-run',
    'before queue:moves',
    'after queue:moves',
  ])('%s', async (point) => {
    const first = fleet.startPlanner();
    await first.worker.leading;
    first.failpoint.breakAt(point);
    const job = await fleet.events.add('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    await untilTrue(() => first.failpoint.isBroken);
    // The process is gone: its lease and the job's lock run out.
    await first.abandon();
    // A refusal is how this test dies, and a dead process refuses nothing: the queue still has the event.
    if (await job.isFailed()) await job.retry('failed');
    const second = fleet.startPlanner();
    await second.worker.leading;
    await expectHealed();
    const outcome = await fleet.producer.result(job.id ?? '', { timeoutMs: 15_000 });
    expect(outcome.plan).not.toBeNull();
    expect(outcome.moves).toBe((await fleet.base.records.unfinishedMoves()).length);
  });
});

describe('a planner that dies while a failed node leaves its shards', () => {
  it.each([
    'after script:topology-commit',
    'before script:owners-leave',
    'after script:owners-leave',
    'before script:plan-open',
  ])('%s: the next one goes on, and plans without that node', async (point) => {
    await fleet.createIndex('twice', 8, 40, 2);
    const { records } = fleet.base;
    const before = await records.table('twice');
    const first = fleet.startPlanner();
    await first.worker.leading;
    first.failpoint.breakAt(point);
    const job = await fleet.events.add('NodeFailed', { node_id: 'n1' });
    await untilTrue(() => first.failpoint.isBroken);
    await first.abandon();
    if (await job.isFailed()) await job.retry('failed');
    await fleet.startPlanner().worker.leading;
    const owned = before?.shards.filter(({ owners }) => owners.includes('n1')).length ?? 0;
    expect(owned).toBeGreaterThan(0);
    await untilTrue(async () => {
      const moves = (await records.unfinishedMoves()).filter(({ index }) => index === 'twice');
      return (
        moves.length === owned &&
        (await fleet.base.redis.hkeys('{miroir}:topology')).every((name) => !name.startsWith('unplanned:'))
      );
    });
    const table = await records.table('twice');
    expect(table?.shards.flatMap(({ owners, readers }) => [...owners, ...readers])).not.toContain('n1');
    expect(table?.shards.map(({ owners }) => owners.length)).toEqual(
      before?.shards.map(({ owners }) => owners.filter((id) => id !== 'n1').length),
    );
    // One change of each shard, whoever made it.
    expect((table?.epoch ?? 0) - (before?.epoch ?? 0)).toBe(owned);
    const moves = (await records.unfinishedMoves()).filter(({ index }) => index === 'twice');
    expect(moves.every(({ source, target, retires }) => source !== 'n1' && target !== 'n1' && retires === null)).toBe(
      true,
    );
    // At one owner a shard has no other copy: there it stays.
    const books = await records.table('books');
    expect(books?.shards.flatMap(({ owners }) => owners)).toContain('n1');
  });
});

describe('a plan that was cut off in writing, when what it was made from has changed since', () => {
  it.each([
    ['before script:moves-add', 'a second plan has all moves, and the first is done without one'],
    ['after script:moves-add', 'the first runs with the moves it has'],
  ])('%s: %s', async (point) => {
    const first = fleet.startPlanner();
    await first.worker.leading;
    first.failpoint.breakAt(point);
    await fleet.events.add('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    await untilTrue(() => first.failpoint.isBroken);
    await first.abandon();
    const { redis, records } = fleet.base;
    const [cut] = await records.plans(0);
    await redis.hincrby('{miroir}:topology', 'version', 1);
    await fleet.startPlanner().worker.leading;
    await expectHealed();
    const moves = await records.unfinishedMoves();
    expect(moves.every(({ planId }) => (planId === cut?.id) === point.startsWith('after'))).toBe(true);
    await untilTrue(async () => (await records.plans(0)).length === 1);
  });
});

describe('two planners', () => {
  it('exactly one works, and the other takes over when it closes or dies', async () => {
    const first = fleet.startPlanner();
    await first.worker.leading;
    const second = fleet.startPlanner();
    let leads = false;
    void second.worker.leading.then(() => {
      leads = true;
    });
    expect(await fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') })).toMatchObject({ change: 'changed' });
    expect(second.failpoint.seen.filter((point) => !point.includes('lease'))).toEqual([]);
    expect(leads).toBe(false);
    const before = performance.now();
    await first.close();
    await second.worker.leading;
    expect(performance.now() - before).toBeLessThan(2_000);
    expect(await fleet.send('NodeDraining', { node_id: 'n1' })).toMatchObject({ change: 'changed' });
    const third = fleet.startPlanner();
    await second.abandon();
    await third.worker.leading;
    expect(await fleet.send('NodeDraining', { node_id: 'n1' })).toMatchObject({ change: 'repeated' });
  });

  it('goes on when Redis is back', async () => {
    const { worker } = fleet.startPlanner();
    await worker.leading;
    // Without an append-only file everything is forgotten, the queue too: only the process is the same.
    await fleet.redis.restart();
    await untilTrue(() => fleet.base.redis.status === 'ready');
    await fleet.fleet.initTopology([{ id: 'n1', url: fleet.url('n1'), group: 0, state: 'active' }]);
    expect(await fleet.send('NodeAdded', { node_id: 'n2', url: fleet.url('n2') })).toMatchObject({ change: 'changed' });
  });
});
