// What is kept of the records between two questions, on a real Redis: each change shows in the very next answer, whoever made
// it, and what has not changed is not read again.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { listNodes } from '../../src/control/nodes.ts';
import { progressOf } from '../../src/control/progress.ts';
import { showTopology } from '../../src/control/topology.ts';
import { held, settled, settling, stable } from '../../src/phases/routes.ts';
import type { Records } from '../../src/ports.ts';
import { writeCheckpoint } from '../../src/redis/checkpoint.ts';
import { createGroupChecks } from '../../src/redis/group-checks.ts';
import { keepRecords } from '../../src/redis/kept-records.ts';
import { keys } from '../../src/redis/keys.ts';
import { makeWorld, type World } from '../support/records-world.ts';
import { withRedis } from '../support/redis.ts';

const redis = withRedis();
let world: World;
let kept: Records;

/** How many records were read. */
let reads: number;

beforeEach(async () => {
  world = await makeWorld(redis.url);
  reads = 0;
  const { records, connection, scripts } = world;
  const counting: Records = {
    ...records,
    moves: (ids) => {
      reads += ids.length;
      return records.moves(ids);
    },
    table: (index) => {
      reads += 1;
      return records.table(index);
    },
  };
  kept = keepRecords({ records: counting, redis: connection, scripts });
});
afterEach(() => world.stop());

/** Everything that views are made of, by a process that keeps it and by one that reads it anew. */
async function seenBy(records: Records): Promise<unknown> {
  const { connection, scripts } = world;
  const clock = systemClock;
  const parts = { ...world, records, clock, groupChecks: createGroupChecks({ redis: connection, scripts }) };
  const view = parts as unknown as Parameters<typeof showTopology>[0];
  return {
    nodes: await listNodes(view),
    topology: await showTopology(view),
    plan: progressOf(await records.moves(await records.planMoveIds('p1'))),
    unfinished: await records.unfinishedMoves(),
    page: await records.movePage('unfinished', { from: null, limit: 3 }),
    all: await records.moves(await records.planMoveIds('p1')),
    table: await records.table('books'),
  };
}

const advance = async (shard: number, to: 'DualWriteStarted' | 'MigrationInProgress' | 'MigrationComplete') =>
  world.writer.advance(await world.move(shard), { to, what: to });

/** Every step that changes a move or a route, in an order in which each of them may be taken. */
const STEPS: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['a start', () => world.start(0)],
  ['a phase', () => advance(0, 'DualWriteStarted')],
  ['the next phase', () => advance(0, 'MigrationInProgress')],
  ['a note', () => world.writer.note('p1-0', { waiting: 'target_full', fields: { documents: 9 } })],
  ['a checkpoint', () => checkpoint('p1-0', 5)],
  ['a wish', () => world.records.wish('p1-1', 'cancel')],
  ['an end', async () => world.writer.end(await world.move(1), 'cancelled', {})],
  ['a failure', async () => world.writer.end(await world.move(2), 'failed', { error: 'gone' })],
  ['the last phase before the switch', () => advance(0, 'MigrationComplete')],
  ['a hold', async () => change(held(await world.route(0), await world.move(0), 60_000))],
  [
    'a switch',
    async () => {
      const [route, move] = await Promise.all([world.route(0), world.move(0)]);
      return world.writer.advance(move, { route: settling(route, move), fields: { switchedAt: '$now' }, what: 'x' });
    },
  ],
  [
    'a loss that was accepted',
    async () => {
      await world.records.wish('p1-0', 'accept-loss');
      await world.connection.zadd(keys.journal('p1-0'), 1, 'a');
      const own = [`{miroir}:${world.lease.scope}`, keys.journal('p1-0'), keys.move('p1-0')];
      await world.scripts.run('journal-lose', own, [world.lease.fence, '["a"]', 10]);
    },
  ],
  [
    'the settled shard',
    async () => {
      const [route, move] = await Promise.all([world.route(0), world.move(0)]);
      const to = {
        route: settled(route, move, await world.records.topology()),
        to: 'DualWriteStopped' as const,
        releasePlaces: true,
      };
      return world.writer.advance(move, { ...to, what: 'settled' });
    },
  ],
  ['the end', async () => world.writer.end(await world.move(0), 'done', { route: stable(await world.route(0)) })],
  [
    'another plan',
    async () => {
      const moves = [{ ...(await planned(3)), id: 'p2-3' }];
      const plan = { id: 'p2', topologyVersion: 1, moves, blocked: [], keep: [], cancel: [], finish: [] };
      await world.plans.openPlan(plan, 'a test');
      await world.plans.addMoves('p2', moves);
      await world.plans.runPlan('p2', 1, []);
    },
  ],
];

async function change(route: ReturnType<typeof held>): Promise<unknown> {
  return world.writer.advance(await world.move(0), { route, what: 'x' });
}

async function planned(shard: number) {
  const { index, group, source, target, retires, reason, step } = await world.move(shard);
  return { index, shard, group, source, target, retires, reason, step };
}

async function checkpoint(moveId: string, docsMigrated: number): Promise<void> {
  await world.connection.set('{miroir}:job:lock', 'token');
  const job = {
    moveId,
    planId: 'p1',
    jobKey: '{miroir}:job',
    lockKey: '{miroir}:job:lock',
    token: 'token',
    data: '{}',
  };
  await writeCheckpoint(world.scripts, world.lease, job, { docsMigrated, lastOffset: 1 });
}

describe('records that are kept', () => {
  it('show each change in the next answer', async () => {
    expect(await seenBy(kept)).toEqual(await seenBy(world.records));
    for (const [what, step] of STEPS) {
      const before = JSON.stringify(await seenBy(world.records));
      await step();
      expect(JSON.stringify(await seenBy(world.records)), `${what} changes something`).not.toBe(before);
      expect(await seenBy(kept), what).toEqual(await seenBy(world.records));
    }
  });

  it('are read again only where something has changed', async () => {
    await seenBy(kept);
    reads = 0;
    await seenBy(kept);
    expect(reads).toBe(0);
    await world.writer.note('p1-4', { waiting: 'target_full' });
    await seenBy(kept);
    expect(reads).toBe(1);
    await world.start(4);
    await seenBy(kept);
    // The move and its index's table.
    expect(reads).toBe(3);
  });

  it('stand beside changes that come while they are read', async () => {
    for (let turn = 0; turn < 30; turn += 1) {
      await Promise.all([
        kept.unfinishedMoves(),
        world.writer.note(`p1-${turn % 6}`, { fields: { documents: turn } }),
        kept.moves(['p1-0', 'p1-1', `p1-${turn % 6}`]),
        kept.unfinishedMoves(),
      ]);
      expect(await kept.unfinishedMoves()).toEqual(await world.records.unfinishedMoves());
    }
  });

  it('are forgotten when Redis has lost what they were', async () => {
    await seenBy(kept);
    await world.connection.set(keys.moveChanges, '0');
    await world.connection.del(keys.movesChanged);
    await world.connection.hset(keys.move('p1-3'), 'documents', '78');
    expect(await seenBy(kept)).toEqual(await seenBy(world.records));
  });
});
