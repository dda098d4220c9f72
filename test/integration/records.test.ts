// The scripts that change our records, on a real Redis: what each refuses, and that a refusal changes nothing.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordTooNewError, StaleFenceError } from '../../src/errors.ts';
import { held, settled, settling, stable, tracking } from '../../src/phases/routes.ts';
import type { Acknowledged, Deletion, MoveReply, MoveState } from '../../src/ports.ts';
import { keepPredictions } from '../../src/planning/predictions.ts';
import { writeCheckpoint } from '../../src/redis/checkpoint.ts';
import { keys, rebalanceScope } from '../../src/redis/keys.ts';
import { createProgressHistory } from '../../src/redis/progress.ts';
import { systemClock } from '../../src/clock.ts';
import { createRepairLists } from '../../src/redis/repairs.ts';
import { AUDIT_MAX, ENTRY, HISTORY_MAX, RUN_CHANGE_MS, type World, makeWorld } from '../support/records-world.ts';
import { withRedis } from '../support/redis.ts';
import { untilTrue } from '../support/until.ts';

const redis = withRedis();

let world: World;

beforeEach(async () => {
  world = await makeWorld(redis.url);
});
afterEach(() => world.stop());

/** The word the call is refused with; every record is as it was. */
async function refusalOf(call: () => Promise<MoveReply>): Promise<string> {
  const before = await world.everything();
  const reply = await call();
  expect(await world.everything()).toEqual(before);
  return 'refused' in reply ? reply.refused : 'nothing';
}

/** Brings a move to a phase without doing its work. */
async function raise(shard: number, to: MoveState['phase']): Promise<void> {
  await world.start(shard);
  for (const phase of ['DualWriteStarted', 'MigrationInProgress', 'MigrationComplete'] as const) {
    if ((await world.move(shard)).phase === to) return;
    await world.writer.advance(await world.move(shard), { to: phase, what: phase });
  }
}

describe('move-start', () => {
  it('publishes tracking under the next epoch, takes a place at both nodes, and answers with the route as stored', async () => {
    const reply = await world.start(0);
    expect(reply).toMatchObject({ route: await world.route(0) });
    expect((await world.route(0)).route).toEqual({
      shard: 0,
      epoch: 2,
      state: 'tracking',
      owners: ['n1'],
      readers: ['n1'],
      moveId: 'p1-0',
    });
    expect(await world.connection.smembers(keys.nodeMoves('n1', 'out'))).toEqual(['p1-0']);
    expect(await world.connection.smembers(keys.nodeMoves('n2', 'in'))).toEqual(['p1-0']);
    expect((await world.move(0)).startedAtMs).not.toBeNull();
  });

  it('says when the source stays an owner, for as long as the shard is in the move, also when a hold is put back', async () => {
    const state = { ...(await world.move(0)), retires: null };
    await world.writer.start(state, tracking(await world.route(0), state));
    expect((await world.route(0)).route).toMatchObject({ state: 'tracking', staying: true });
    await world.writer.advance(state, { route: held(await world.route(0), state, 1), what: 'held' });
    expect((await world.route(0)).route).toMatchObject({ state: 'held', staying: true });
    await untilTrue(async () => world.records.endHold('books', await world.route(0)));
    expect((await world.route(0)).route).toMatchObject({ state: 'tracking', staying: true });
    await world.writer.advance(state, { route: settling(await world.route(0), state), what: 'settling' });
    expect((await world.route(0)).route).toMatchObject({ owners: ['n1', 'n2'], staying: true });
    await world.writer.advance(state, { route: stable(await world.route(0)), what: 'stable' });
    expect((await world.route(0)).route).not.toHaveProperty('staying');
  });

  it('refuses one move more than moves_per_node out of the source', async () => {
    await world.start(0);
    await world.start(1);
    await world.connection.del(keys.nodeMoves('n2', 'in'));
    expect(await refusalOf(() => world.start(2))).toBe('source_full');
  });

  it('refuses one move more than moves_per_node into the target', async () => {
    await world.start(0);
    await world.start(1);
    await world.connection.del(keys.nodeMoves('n1', 'out'));
    expect(await refusalOf(() => world.start(2))).toBe('target_full');
  });

  it('refuses a move that began, one that is to be cancelled, and a route that changed meanwhile', async () => {
    const [state, read] = await Promise.all([world.move(0), world.route(0)]);
    await world.start(0);
    expect(await refusalOf(() => world.writer.start(state, tracking(read, state)))).toBe('conflict');
    await raise(0, 'DualWriteStarted');
    expect(await refusalOf(() => world.start(0))).toBe('phase');
    await world.records.wish('p1-1', 'cancel');
    expect(await refusalOf(() => world.start(1))).toBe('wish');
  });
});

describe('move-advance', () => {
  it('raises phase and route in one step, the epoch by one', async () => {
    await raise(0, 'MigrationComplete');
    const read = await world.route(0);
    const reply = await world.writer.advance(await world.move(0), {
      route: held(read, await world.move(0), 2_000),
      what: 'held',
    });
    expect(reply).toMatchObject({ route: await world.route(0) });
    const now = await world.route(0);
    expect(now.route).toMatchObject({ state: 'held', epoch: 3 });
    expect((now.route.heldUntilMs ?? 0) - Date.now()).toBeGreaterThan(1_000);
  });

  it('refuses another phase than expected, and a move that has ended', async () => {
    const stale = await world.move(0);
    await raise(0, 'DualWriteStarted');
    expect(await refusalOf(() => world.writer.advance(stale, { to: 'DualWriteStarted', what: 'x' }))).toBe('phase');
    await world.writer.end(await world.move(0), 'cancelled', {});
    const ended = await world.move(0);
    expect(
      await refusalOf(() => world.writer.advance({ ...ended, phase: 'Idle' }, { to: 'DualWriteStarted', what: 'x' })),
    ).toBe('phase');
  });

  it('refuses a route that changed meanwhile, also one that it leaves alone', async () => {
    const before = await world.route(0);
    await raise(0, 'MigrationInProgress');
    const move = await world.move(0);
    expect(await refusalOf(() => world.writer.advance(move, { route: settling(before, move), what: 'x' }))).toBe(
      'conflict',
    );
    expect(
      await refusalOf(() => world.writer.advance(move, { to: 'MigrationComplete', unchanged: before, what: 'x' })),
    ).toBe('conflict');
  });

  it('refuses the switch once a cancel is wished, and once the hold is over', async () => {
    await raise(0, 'MigrationComplete');
    const move = await world.move(0);
    await world.writer.advance(move, { route: held(await world.route(0), move, 100), what: 'held' });
    const read = await world.route(0);
    const heldUntilMs = read.route.heldUntilMs ?? 0;
    const change = { route: settling(read, move), holdUntilMs: heldUntilMs, unlessCancelled: true, what: 'settling' };
    await untilTrue(() => Date.now() > heldUntilMs);
    expect(await refusalOf(() => world.writer.advance(move, change))).toBe('hold_over');
    await world.records.wish('p1-0', 'cancel');
    expect(await refusalOf(() => world.writer.advance(move, change))).toBe('wish');
  });
});

describe('the way back', () => {
  it('is wished in the grace only, outlasts a hurry, and keeps the old copy from being deleted', async () => {
    await raise(0, 'MigrationComplete');
    await expect(world.records.wish('p1-0', 'revert')).rejects.toThrow('phase MigrationComplete');
    await world.writer.advance(await world.move(0), { to: 'DualWriteStopped', what: 'DualWriteStopped' });
    const [move, read] = [await world.move(0), await world.route(0)];
    const deleting = { unchanged: read, unlessCancelled: true, fields: { deletingAt: '$now' }, what: 'deleting' };
    await world.records.wish('p1-0', 'revert');
    await world.records.wish('p1-0', 'now');
    expect(await world.move(0)).toMatchObject({ wish: 'revert' });
    expect(await refusalOf(() => world.writer.advance(move, deleting))).toBe('wish');
    // A cancel that came too late stands there for ever and means nothing any more.
    await world.connection.hset(keys.move('p1-0'), 'wish', 'cancel');
    expect(await world.writer.advance(move, deleting)).not.toHaveProperty('refused');
    expect((await world.move(0)).deletingAtMs).toBeGreaterThan(0);
    await expect(world.records.wish('p1-0', 'revert')).rejects.toThrow('phase deleting');
  });
});

describe('hold-end', () => {
  it('puts a hold back only after its end, once, and only the very hold that was read', async () => {
    await raise(0, 'MigrationComplete');
    const move = await world.move(0);
    await world.writer.advance(move, { route: held(await world.route(0), move, 150), what: 'held' });
    const read = await world.route(0);
    expect(await world.records.endHold('books', read)).toBe(false);
    expect((await world.route(0)).text).toBe(read.text);
    await untilTrue(() => Date.now() > (read.route.heldUntilMs ?? 0));
    expect(await world.records.endHold('books', read)).toBe(true);
    expect((await world.route(0)).route).toMatchObject({
      state: 'tracking',
      moveId: 'p1-0',
      epoch: read.route.epoch + 1,
    });
    expect(await world.records.endHold('books', read)).toBe(false);
  });

  it('waits after a restart of Redis for what routers know, not for a planner, and never changes what was handed in', async () => {
    await raise(0, 'MigrationComplete');
    const move = await world.move(0);
    await world.writer.advance(move, { route: held(await world.route(0), move, 1), what: 'held' });
    const read = await world.route(0);
    await untilTrue(() => Date.now() > (read.route.heldUntilMs ?? 0) + 1);
    await world.connection.hset(keys.run, { run: 'before', since: 0, accepted: 'before' });
    const beganMs = Date.now();
    expect(await world.records.endHold('books', read)).toBe(false);
    await world.connection.hset(keys.handed, 'books', '{"epoch":9,"shards":[]}');
    await untilTrue(() => Date.now() > beganMs + RUN_CHANGE_MS + 50);
    expect(await world.records.endHold('books', read)).toBe(false);
    expect((await world.route(0)).text).toBe(read.text);
    await world.connection.del(keys.handed);
    expect(await world.records.endHold('books', read)).toBe(true);
    expect(await world.records.runAccepted()).toBe(false);
    expect((await world.route(0)).route.state).toBe('tracking');
  });
});

describe('move-end', () => {
  it('gives the places back and counts the plan down; the last move makes the plan done', async () => {
    for (let shard = 0; shard < ENTRY.shards; shard += 1) {
      expect(await world.records.plan('p1')).toMatchObject({ state: 'running', left: ENTRY.shards - shard });
      await raise(shard, 'MigrationComplete');
      const move = await world.move(shard);
      await world.writer.advance(move, { route: settling(await world.route(shard), move), what: 'settling' });
      await world.writer.advance(move, {
        to: 'DualWriteStopped',
        route: settled(await world.route(shard), move, { version: 1, nodes: [] }),
        releasePlaces: true,
        what: 'x',
      });
      expect(await world.connection.exists(keys.nodeMoves('n1', 'out'), keys.nodeMoves('n2', 'in'))).toBe(0);
      expect(
        await world.writer.end(await world.move(shard), 'done', { route: stable(await world.route(shard)) }),
      ).not.toHaveProperty('refused');
      const ended = await world.move(shard);
      expect(ended).toMatchObject({ phase: 'OldReplicaDeleted', outcome: 'done', error: null });
      expect((await world.route(shard)).route).toMatchObject({ state: 'stable', owners: ['n2'], readers: ['n2'] });
      const before = await world.everything();
      expect(await world.writer.end(ended, 'done', {})).toEqual({ refused: 'phase' });
      expect(await world.everything()).toEqual(before);
    }
    expect(await world.records.plan('p1')).toMatchObject({ state: 'done', left: 0 });
    expect(await world.records.unfinishedMoves()).toEqual([]);
    await world.plans.closePlan('p1');
    expect(await world.records.plans(0)).toEqual([]);
  });
});

describe('move-checkpoint', () => {
  const target = {
    moveId: 'p1-0',
    planId: 'p1',
    jobKey: '{miroir}:rebalance.books:1',
    lockKey: '{miroir}:rebalance.books:1:lock',
    token: 't1',
  };
  const write = (lastOffset: number, change: { token?: string; fence?: string } = {}): Promise<void> =>
    writeCheckpoint(
      world.scripts,
      { ...world.lease, scope: world.lease.scope, fence: change.fence ?? world.lease.fence },
      { ...target, token: change.token ?? 't1', data: JSON.stringify({ last_offset: lastOffset }) },
      { docsMigrated: lastOffset * 2, lastOffset, fields: { bytes: 5 } },
    );
  const state = async () => [
    await world.connection.hget(target.jobKey, 'data'),
    await world.connection.hgetall(keys.move('p1-0')),
  ];

  beforeEach(async () => {
    await world.connection.set(target.lockKey, 't1');
    await world.connection.hset(target.jobKey, 'data', '{}');
  });

  it('writes progress into the job’s data and the record together', async () => {
    await write(5_000);
    expect(await world.connection.hget(target.jobKey, 'data')).toBe('{"last_offset":5000}');
    expect(await world.move(0)).toMatchObject({ docsMigrated: 10_000, lastOffset: 5_000, bytes: 5 });
  });

  it.each([
    ['another job token', 6_000, { token: 't2' }, 'token'],
    ['an older fence', 6_000, { fence: '1' }, 'fence'],
    ['an offset below the one stored', 4_999, {}, 'backward'],
  ])('refuses %s, and counts nothing', async (_name, offset, change, reason) => {
    await write(5_000);
    const before = await state();
    const error = await write(offset, change).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StaleFenceError);
    expect((error as StaleFenceError).details['reason']).toBe(reason);
    expect(await state()).toEqual(before);
    expect(world.refused.at(-1)).toBe(reason);
  });

  it('keeps what was copied: of the plan in samples, of the fleet in buckets of five seconds', async () => {
    const history = createProgressHistory(world.connection, world.records);
    const read = async () => {
      const plan = await world.records.plan('p1');
      if (plan === null) throw new Error('no plan');
      return history.of(plan);
    };
    await write(5_000);
    const writtenMs = await world.records.nowMs();
    // Of one millisecond they would be one sample.
    await untilTrue(async () => (await world.records.nowMs()) > writtenMs + 1);
    await write(6_000);
    // One that was written before, and brings nothing new.
    await write(6_000);
    const { samples, progressAtMs, left } = await read();
    expect(samples.map(({ documents, over }) => [documents, over])).toEqual([
      [10_000, 0],
      [12_000, 0],
    ]);
    expect([samples.at(-1)?.atMs, left]).toEqual([progressAtMs, 6]);
    const { bucketMs, results } = await history.throughput();
    expect([bucketMs, results.reduce((sum, { documents }) => sum + documents, 0)]).toEqual([5_000, 12_000]);
    // A bucket of fifteen minutes ago gives its place to the present one, and is not shown.
    const fields = Array.from({ length: 180 }, (_, at) => [String(at), '1000 77 9']).flat();
    await world.connection.hset(keys.throughput, ...fields);
    expect((await history.throughput()).results).toEqual([]);
    await write(7_000);
    expect((await history.throughput()).results).toMatchObject([{ documents: 2_000, longestWriteWaitMs: 0 }]);
    expect(await world.connection.hlen(keys.throughput)).toBe(180);
  });

  it('lets the first that can be said of the plan be kept, and nothing later', async () => {
    const progress = createProgressHistory(world.connection, world.records);
    const parts = { records: world.records, writer: world.plans, progress };
    await keepPredictions(parts);
    expect(await progress.predicted('p1')).toBeNull();
    await world.start(0);
    await world.writer.note('p1-0', { fields: { documents: 40_000 } });
    const nowMs = await world.records.nowMs();
    const samples = [3, 2, 1].map((ago) => `${nowMs - ago * 2_000} ${(4 - ago) * 1_000} 0`);
    await world.connection.rpush(keys.planSamples('p1'), ...samples);
    await write(2_000);
    await keepPredictions(parts);
    const predicted = await progress.predicted('p1');
    expect(predicted).toMatchObject({ documents: 6 * 40_000 });
    expect(predicted?.highSeconds).toBeGreaterThanOrEqual(predicted?.lowSeconds ?? Infinity);
    await write(9_000);
    await keepPredictions(parts);
    expect(await progress.predicted('p1')).toEqual(predicted);
  });

  it('takes a sample every two seconds after the first twenty', async () => {
    const nowMs = await world.records.nowMs();
    const old = Array.from({ length: 20 }, (_, at) => `${nowMs - 5_000 + at} ${at} 0`);
    await world.connection.rpush(keys.planSamples('p1'), ...old.slice(0, 19), `${nowMs} 19 0`);
    await write(5_000);
    expect(await world.connection.llen(keys.planSamples('p1'))).toBe(20);
    await world.connection.lset(keys.planSamples('p1'), -1, `${nowMs - 2_000} 19 0`);
    await write(6_000);
    expect(await world.connection.llen(keys.planSamples('p1'))).toBe(21);
  });

  it('thins a long list of samples, the newest left as they are', async () => {
    const old = Array.from({ length: 600 }, (_, at) => `${1_000 + at} ${at} 0`);
    await world.connection.rpush(keys.planSamples('p1'), ...old);
    await write(5_000);
    const kept = await world.connection.lrange(keys.planSamples('p1'), 0, -1);
    expect(kept).toHaveLength(351);
    expect([kept[0], kept[1], kept.at(-2)]).toEqual([old[0], old[2], old.at(-1)]);
  });

  it('ends a wait when something came to an end, and only then', async () => {
    await world.writer.note('p1-0', { waiting: 'node_busy: n2 is full' });
    await write(0);
    expect((await world.move(0)).waiting).toMatchObject({ code: 'node_busy' });
    await write(1);
    expect(await world.move(0)).toMatchObject({ waiting: null, progressAtMs: expect.any(Number) as number });
  });

  it('refuses a job whose lock is gone', async () => {
    await world.connection.del(target.lockKey);
    await expect(write(1)).rejects.toBeInstanceOf(StaleFenceError);
    expect(await world.connection.hget(target.jobKey, 'data')).toBe('{}');
  });
});

describe('every change of a move is refused to an old fence', () => {
  it('start, advance, end and note: nothing changes', async () => {
    await raise(1, 'DualWriteStarted');
    await world.lease.release(true);
    const next = await world.grant(rebalanceScope('books'));
    const [idle, begun, read] = await Promise.all([world.move(0), world.move(1), world.route(1)]);
    const before = await world.everything();
    for (const call of [
      () => world.start(0),
      () => world.writer.advance(begun, { to: 'MigrationInProgress', what: 'x' }),
      () => world.writer.end(begun, 'cancelled', { route: stable(read) }),
      () => world.writer.note(idle.id, { waiting: 'x' }),
    ]) {
      await expect(call()).rejects.toBeInstanceOf(StaleFenceError);
    }
    expect(await world.everything()).toEqual(before);
    await next.release(true);
  });
});

describe('a record of a newer version', () => {
  it.each([
    [
      'a move',
      () => world.connection.hset(keys.move('p1-0'), 'move', '{"v":2,"id":"p1-0"}'),
      () => world.records.move('p1-0'),
    ],
    ['a plan', () => world.connection.hset(keys.plan('p1'), 'plan', '{"v":2}'), () => world.records.plan('p1')],
    ['the topology', () => world.connection.hset(keys.topology, 'v', '2'), () => world.records.topology()],
    [
      'a node',
      () => world.connection.hset(keys.topology, 'node:n1', '{"v":2,"id":"n1"}'),
      () => world.records.topology(),
    ],
    [
      'a routing table',
      () => world.connection.hset(keys.routing('books'), 'v', '2'),
      () => world.records.table('books'),
    ],
    [
      'an index',
      () => world.connection.hset(keys.indexes, 'books', '{"v":2,"uid":"books"}'),
      () => world.records.index('books'),
    ],
  ])('%s is left alone, and said', async (_name, write, read) => {
    await write();
    const before = await world.everything();
    await expect(read()).rejects.toBeInstanceOf(RecordTooNewError);
    await expect(read()).rejects.toThrow('has version 2; this process reads up to 1');
    expect(await world.everything()).toEqual(before);
  });
});

describe('the barrier', () => {
  const pass = (epoch: number, shard = 0) => world.records.barrier('books', shard, epoch);
  const router = (id: string, untilMs: number, acks: Record<string, Acknowledged>) =>
    world.connection.hset(keys.routers, id, JSON.stringify({ untilMs, acks }));

  it('is open while no router is registered', async () => {
    expect(await pass(9)).toEqual({ open: true, routers: 0 });
  });

  it('waits for every live router to acknowledge this epoch of this index', async () => {
    await router('r1', Date.now() + 60_000, { books: { epoch: 9 }, other: { epoch: 12 } });
    await router('r2', Date.now() + 60_000, { books: { epoch: 8 } });
    expect(await pass(9)).toMatchObject({ open: false, reason: 'router r2' });
    await router('r2', Date.now() + 60_000, { other: { epoch: 12 } });
    expect(await pass(9)).toMatchObject({ open: false, reason: 'router r2' });
    await router('r2', Date.now() + 60_000, { books: { epoch: 9 } });
    expect(await pass(9)).toEqual({ open: true, routers: 2 });
    expect(await pass(10)).toMatchObject({ open: false });
  });

  it('waits for a late shard only where that shard is asked about', async () => {
    await router('r1', Date.now() + 60_000, { books: { epoch: 9, late: { 3: 8 } } });
    expect(await pass(9, 0)).toEqual({ open: true, routers: 1 });
    expect(await pass(9, 3)).toMatchObject({ open: false, reason: 'router r1' });
    expect(await pass(8, 3)).toEqual({ open: true, routers: 1 });
    expect(await pass(10, 0)).toMatchObject({ open: false, reason: 'router r1' });
  });

  it('does not wait for a router whose entry is over', async () => {
    await router('r1', Date.now() - 1, {});
    expect(await pass(9)).toEqual({ open: true, routers: 0 });
  });

  it('after Redis restarted passes only when routers had the time to register again', async () => {
    expect(await pass(9)).toMatchObject({ open: true });
    await world.connection.hset(keys.run, 'run', 'of another process');
    const from = Date.now();
    const first = await pass(9);
    expect(first).toMatchObject({ open: false, reason: 'redis_restarted' });
    await untilTrue(async () => (await pass(9)).open);
    expect(Date.now() - from).toBeGreaterThanOrEqual(RUN_CHANGE_MS - 5);
  });
});

describe('the audit stream', () => {
  it('tells every change, and is bounded', async () => {
    await world.start(0);
    const [last] = await world.connection.xrevrange(keys.audit, '+', '-', 'COUNT', 1);
    expect(last?.[1]).toEqual(['what', 'tracking', 'move', 'p1-0', 'epoch', '2', 'fence', world.lease.fence]);
    for (let n = 0; n < 500; n += 1) {
      await world.writer.advance(await world.move(0), { what: `step ${n}` });
    }
    const length = await world.connection.xlen(keys.audit);
    // Redis trims whole nodes of 100 entries.
    expect(length).toBeGreaterThanOrEqual(AUDIT_MAX);
    expect(length).toBeLessThanOrEqual(AUDIT_MAX + 100);
  });
});

describe('ended plans', () => {
  /** A plan of moves from n1 to n2 that runs. */
  async function run(id: string, count: number): Promise<string[]> {
    const planned = { step: 0, index: 'books', group: 0, source: 'n1', target: 'n2', retires: 'n1' };
    const moves = Array.from({ length: count }, (_, at) => ({
      ...planned,
      id: `${id}-${at}`,
      shard: at % ENTRY.shards,
      reason: 'balance' as const,
    }));
    await world.plans.openPlan(
      { id, topologyVersion: 1, moves, blocked: [], keep: [], cancel: [], finish: [] },
      'test',
    );
    await world.plans.addMoves(id, moves);
    await world.plans.runPlan(id, 1, []);
    return moves.map((move) => move.id);
  }
  async function fail(ids: readonly string[]): Promise<void> {
    for (const move of await world.records.moves(ids)) await world.writer.end(move, 'failed', { error: 'refused' });
  }

  it('go with all their moves, the oldest first; a plan that runs keeps those that have ended', async () => {
    const [old, running] = [await world.records.planMoveIds('p1'), await run('p2', HISTORY_MAX + 2)];
    // A move that fails is over for its plan as one that is settled.
    expect(await world.connection.exists(keys.planSamples('p1'))).toBe(0);
    await fail([...old, ...running.slice(1)]);
    await world.plans.closePlan('p1');
    expect(await world.connection.hget(keys.plan('p1'), 'over')).toBe(String(old.length));
    expect(await world.connection.exists(keys.planSamples('p1'))).toBe(1);
    await world.plans.trimHistory();
    expect(await world.records.moves([...old, ...running])).toHaveLength(old.length + running.length);
    await fail(running.slice(0, 1));
    await world.plans.closePlan('p2');
    await world.plans.trimHistory();
    // The newest stays, however many moves it has.
    expect(await world.records.moves(running)).toHaveLength(running.length);
    expect(await world.records.moves(old)).toEqual([]);
    expect((await world.records.plans(9)).map(({ id }) => id)).toEqual(['p2']);
    expect(await world.connection.zcard(keys.movesEnded)).toBe(running.length);
    const gone = [keys.plan('p1'), keys.planMoves('p1'), keys.planSamples('p1')];
    expect(await world.connection.exists(...gone)).toBe(0);
  });

  it('are no more than history_max', async () => {
    await fail(await world.records.planMoveIds('p1'));
    await world.plans.closePlan('p1');
    for (let n = 2; n <= HISTORY_MAX + 1; n += 1) {
      await run(`p${n}`, 0);
      await world.plans.closePlan(`p${n}`);
    }
    await world.plans.trimHistory();
    expect((await world.records.plans(100)).map(({ id }) => id)).not.toContain('p1');
    expect(await world.records.plans(100)).toHaveLength(HISTORY_MAX);
  });
});

describe('registering', () => {
  it('an index twice, or a second first topology, is refused', async () => {
    await expect(world.fleet.createIndex(1, ENTRY, [])).rejects.toThrow('registered already');
    await expect(world.fleet.initTopology([])).rejects.toThrow('conflict');
    await expect(world.fleet.createIndex(7, { ...ENTRY, uid: 'new' }, [])).rejects.toThrow('conflict');
    expect(await world.records.index('new')).toBeNull();
  });
});

describe('deleting an index', () => {
  const OWN_MS = 60_000;
  const deleted = async (uid: string): Promise<Deletion> => {
    const deletion = await world.fleet.deleteIndex(uid, OWN_MS);
    if (deletion === null) throw new Error(`no index ${uid}`);
    return deletion;
  };

  it('is refused while it has a move, also one that has not begun', async () => {
    await expect(world.fleet.deleteIndex('books', OWN_MS)).rejects.toThrow('conflict p1-');
    const moves = await world.records.unfinishedMoves();
    expect(moves.every(({ phase }) => phase === 'Idle')).toBe(true);
    for (const move of moves) await world.writer.end(move, 'cancelled', {});
    expect(await world.fleet.deleteIndex('books', OWN_MS)).toMatchObject({ nodes: ['n1', 'n2'] });
    expect(await world.fleet.deleteIndex('books', OWN_MS)).toBeNull();
  });

  it('keeps the name until its nodes have been told, or somebody else deletes it again', async () => {
    const routes = [{ shard: 0, state: 'stable', owners: ['n1'], readers: ['n1'], epoch: 1 }] as const;
    const entry = { ...ENTRY, uid: 'named', shards: 1 };
    await world.fleet.createIndex(1, entry, routes);
    const deletion = await deleted('named');
    const create = () => world.fleet.createIndex(1, entry, routes, deletion.epoch);
    expect(await world.records.deletion('named')).toEqual(deletion);
    expect(await world.records.deletionsLeft()).not.toContain('named');
    await expect(create()).rejects.toThrow('under way');
    await world.fleet.toldDeletion({ ...deletion, epoch: 1 }, ['n1', 'n2']);
    await expect(create()).rejects.toThrow('under way');
    await world.fleet.toldDeletion(deletion, ['n1']);
    expect(await world.records.deletionsLeft()).toContain('named');
    await expect(create()).rejects.toThrow('node n2 has not been told');
    await world.fleet.toldDeletion(deletion, ['n2']);
    expect(await world.records.deletion('named')).toBeNull();
    await create();
  });

  it('refuses a creation that prepared nodes before it', async () => {
    const routes = [{ shard: 0, state: 'stable', owners: ['n1'], readers: ['n1'], epoch: 1 }] as const;
    const entry = { ...ENTRY, uid: 'raced', shards: 1 };
    await world.fleet.createIndex(1, entry, routes);
    const deletion = await deleted('raced');
    await world.fleet.toldDeletion(deletion, deletion.nodes);
    await expect(world.fleet.createIndex(1, entry, routes, deletion.epoch - 1)).rejects.toThrow('deleted since');
    await expect(world.fleet.createIndex(1, entry, routes)).rejects.toThrow('deleted since');
  });

  it('takes along what is kept of it elsewhere, and one of its name inherits nothing that came in between', async () => {
    const { connection, scripts, fleet } = world;
    const routes = [{ shard: 0, state: 'stable', owners: ['n1'], readers: ['n1'], epoch: 1 }] as const;
    const entry = { ...ENTRY, uid: 'kept', shards: 1 };
    await fleet.createIndex(1, entry, routes);
    const lists = createRepairLists({ redis: connection, scripts, clock: systemClock, entryMs: 60_000 });
    const turn = keys.turns('kept', 0);
    /** As its owners, routers, planner and reconcilers leave it. */
    const leave = async (): Promise<void> => {
      await lists.add('kept', 0, ['1', '2'], ['n1', 'n9']);
      await lists.add('kept', 7, 'shard', ['n2']);
      await connection.zadd(keys.tombstones('kept', 0), 5, 'gone');
      await connection.hset(keys.doubt('kept'), 'doubt:0', 5, 'lost:0', 5);
      await connection.hset(
        keys.sightings('kept'),
        'n1',
        '{"v":1,"created":"then","uid":1,"enqueuedAt":"","lost":"all"}',
      );
      await connection.hset(keys.taskMarks('kept'), 'n1', '{"created":"then","uid":1}');
      await connection.hset(turn, 'next', 3, '3', '{"registration":"r","owners":["n1"],"try":"t"}', 'ids:3', '["1"]');
      await connection.hset(keys.turnClaims('kept', 0), '1', '3');
      await connection.zadd(keys.turnOrder('kept', 0), 3, '3');
    };
    const found = async (): Promise<string[]> =>
      (await connection.keys('{miroir}:*'))
        .filter((key) => /:kept(?::|$)/.test(key) && !key.startsWith('{miroir}:routing:'))
        .sort();
    await leave();
    const deletion = await deleted('kept');
    expect(await found()).toEqual([turn]);
    expect(await connection.hgetall(turn)).toEqual({ next: '3' });
    await leave();
    await fleet.toldDeletion(deletion, deletion.nodes);
    await fleet.createIndex(1, entry, routes, deletion.epoch);
    expect(await found()).toEqual([keys.doubt('kept'), turn].sort());
    expect(Object.keys(await connection.hgetall(keys.doubt('kept')))).toEqual(['settled:0']);
    expect(await lists.sizes('kept')).toEqual([]);
  });

  it('waits, as a creation does, until the planner has taken up the run of Redis', async () => {
    const routes = [{ shard: 0, state: 'stable', owners: ['n1'], readers: ['n1'], epoch: 1 }] as const;
    const entry = { ...ENTRY, uid: 'anew', shards: 1 };
    await world.fleet.createIndex(1, entry, routes);
    await world.connection.hset(keys.run, 'accepted', 'another run');
    await expect(world.fleet.deleteIndex('anew', OWN_MS)).rejects.toThrow('no planner has taken up');
    await expect(world.fleet.createIndex(1, { ...entry, uid: 'other' }, routes)).rejects.toThrow(
      'no planner has taken',
    );
    expect(await world.records.index('anew')).not.toBeNull();
    await world.connection.hdel(keys.run, 'accepted');
  });

  it('leaves no move behind that was planned before and is written after', async () => {
    const moves = await world.records.unfinishedMoves();
    for (const move of moves) await world.writer.end(move, 'cancelled', {});
    const again = moves.map((move) => ({ ...move, id: `p2-${move.shard}` }));
    const plan = { id: 'p2', topologyVersion: 1, moves: again, blocked: [], keep: [], cancel: [], finish: [] };
    await world.plans.openPlan(plan, 'a test');
    const deletion = await deleted('books');
    await world.fleet.toldDeletion(deletion, deletion.nodes);
    await expect(world.plans.addMoves('p2', again)).rejects.toThrow('the index is gone');
    await world.fleet.createIndex(
      1,
      { ...ENTRY, shards: 1 },
      [{ shard: 0, state: 'stable', owners: ['n1'], readers: ['n1'], epoch: 1 }],
      deletion.epoch,
    );
    await expect(world.plans.addMoves('p2', again)).rejects.toThrow('the index is gone');
    expect(await world.records.unfinishedMoves()).toEqual([]);
  });
});
