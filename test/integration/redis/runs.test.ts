// Taking up a new run of Redis, script by script: which settling shards are frozen, and what comes in between two steps.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { thawShards } from '../../../src/control/shard-thaw.ts';
import { settling } from '../../../src/phases/routes.ts';
import type { Registry, Runs } from '../../../src/ports.ts';
import { keys } from '../../../src/redis/keys.ts';
import { createRegistry } from '../../../src/redis/registry.ts';
import { createRuns } from '../../../src/redis/runs.ts';
import { createTombstones } from '../../../src/redis/tombstones.ts';
import { said } from '../../support/observed.ts';
import { AUDIT_MAX, ENTRY, RUN_CHANGE_MS, type World, makeWorld } from '../../support/records-world.ts';
import { withRedis } from '../../support/redis.ts';

const redis = withRedis();

let world: World;
let runs: Runs;
let registry: Pick<Registry, 'handIn'>;

beforeEach(async () => {
  world = await makeWorld(redis.url);
  const { scripts, planner, connection } = world;
  runs = createRuns({ scripts, lease: planner, runChangeMs: RUN_CHANGE_MS, auditMaxEntries: AUDIT_MAX });
  registry = createRegistry({
    scripts,
    redis: connection,
    entryMs: 1_000,
    openNudges: () => connection,
    logger: said().logger,
  });
  const owners = ['n1'];
  await world.fleet.createIndex(1, { ...ENTRY, uid: 'films', shards: 1 }, [
    { shard: 0, state: 'stable', owners, readers: owners, epoch: 1 },
  ]);
});
afterEach(() => world.stop());

/** Brings a shard of `books` to where its move carries over the last ids. */
async function settle(shard: number): Promise<void> {
  await world.start(shard);
  for (const phase of ['DualWriteStarted', 'MigrationInProgress', 'MigrationComplete'] as const)
    await world.writer.advance(await world.move(shard), { to: phase, what: phase });
  const move = await world.move(shard);
  const route = settling(await world.route(shard), move);
  await world.writer.advance(move, { route, fields: { switchedAt: '$now' }, what: 'settling' });
}

/** As after a restart: the planner has taken up another run, long ago. */
const restarted = () => world.connection.hset(keys.run, { run: 'other', since: 0, accepted: 'other', acceptedAt: 1 });
/** What routers had to hand in by then is in. */
const waitedLongEnough = async () => {
  await runs.look();
  await world.connection.hset(keys.run, { since: 0 });
};
/** A router has served the index by the same owners, under a higher epoch. */
async function handIn(index: string): Promise<void> {
  const table = await world.records.table(index);
  if (table === null) throw new Error('no table');
  await registry.handIn({ ...table, epoch: table.epoch + 1 });
}
const frozen = async (shard: number) => (await world.route(shard)).route.frozen === true;

describe('a table that is handed in while the planner restores', () => {
  it('counts for every index: what was restored before it is restored again before the run is taken up', async () => {
    await settle(0);
    await restarted();
    await waitedLongEnough();
    expect(await runs.look()).toEqual({ state: 'due', lost: false });
    expect(await runs.restore('books')).toEqual([]);
    await handIn('films');
    expect(await runs.restore('films')).toEqual([]);
    expect(await runs.accept(false)).toBe(false);
    expect(await world.records.runAccepted()).toBe(false);
    expect(await runs.look()).toEqual({ state: 'due', lost: true });
    expect(await runs.restore('books')).toMatchObject([{ shard: 0, owners: ['n2'], others: 'n1', move: 'p1-0' }]);
    expect(await runs.accept(true)).toBe(true);
    expect(await runs.look()).toEqual({ state: 'known', lost: false });
  });

  it('counts for an index that is restored after it, though the planner has not looked again', async () => {
    await settle(0);
    await restarted();
    await waitedLongEnough();
    expect(await runs.look()).toEqual({ state: 'due', lost: false });
    await handIn('films');
    expect(await runs.restore('books')).toHaveLength(1);
    expect(await frozen(0)).toBe(true);
  });
});

it('a shard that is frozen is read from replica groups that are active, as before', async () => {
  await world.connection.hset(keys.topology, {
    'node:n2': JSON.stringify({ v: 1, id: 'n2', group: 1, url: 'http://n2:7700', state: 'active' }),
    'group:1': JSON.stringify({ v: 1, id: 1, state: 'syncing', sinceMs: 1, startedAtMs: 1 }),
  });
  const table = await world.records.table('films');
  if (table === null) throw new Error('no table');
  const shards = table.shards.map((route) => ({ ...route, owners: ['n1', 'n2'] }));
  await restarted();
  await waitedLongEnough();
  await registry.handIn({ ...table, epoch: table.epoch + 1, shards });
  expect(await runs.restore('films')).toHaveLength(1);
  expect((await world.records.table('films'))?.shards[0]).toMatchObject({ owners: ['n1', 'n2'], readers: ['n1'] });
});

describe('a table that is handed in late, when the run is taken up long since', () => {
  it('freezes no shard of another index that was switched in this run, and those that settle since before it', async () => {
    await settle(0);
    await restarted();
    await waitedLongEnough();
    expect(await runs.accept(false)).toBe(true);
    await settle(1);
    await handIn('films');
    expect(await runs.look()).toEqual({ state: 'due', lost: true });
    expect(await runs.restore('books')).toMatchObject([{ shard: 0 }]);
    expect(await frozen(1)).toBe(false);
    await runs.restore('films');
    expect(await runs.accept(true)).toBe(true);
  });

  it('freezes every shard of its own index that settles', async () => {
    await restarted();
    await waitedLongEnough();
    expect(await runs.accept(false)).toBe(true);
    await settle(1);
    await handIn('books');
    await runs.look();
    expect(await runs.restore('books')).toMatchObject([{ shard: 1 }]);
  });
});

describe('what was deleted in the seconds that a run of Redis may have lost', () => {
  const known = (shard: number) => createTombstones(world).known('books', shard, ['1']);

  it('is in doubt from the restart on, of every shard, until the shard is found equal', async () => {
    expect(await known(0)).toEqual({ atMs: new Map(), doubtMs: -1, lostMs: -1 });
    await restarted();
    // Nobody has looked yet.
    expect(await known(0)).toMatchObject({ doubtMs: Infinity, lostMs: Infinity });
    await waitedLongEnough();
    const beforeMs = Date.now();
    await runs.restore('books');
    await runs.accept(false);
    for (const shard of [0, 5]) {
      const { doubtMs, lostMs } = await known(shard);
      expect(doubtMs).toBeGreaterThanOrEqual(beforeMs - 1_000);
      expect(doubtMs).toBeLessThan(beforeMs + 10_000);
      expect(lostMs).toBe(-1);
    }
    // Restored once more nothing is new.
    const first = await known(0);
    await runs.restore('books');
    expect(await known(0)).toEqual(first);
    await createTombstones(world).settle('books', 0, Date.now() + 10_000, 0);
    expect(await known(0)).toMatchObject({ doubtMs: -1 });
  });

  it('makes lists doubtful, too, where Redis is known to have lost writes: of every index', async () => {
    await restarted();
    await waitedLongEnough();
    await handIn('films');
    await runs.look();
    await runs.restore('books');
    await runs.restore('films');
    expect(await runs.accept(true)).toBe(true);
    const { doubtMs, lostMs } = await known(3);
    expect(lostMs).toBe(doubtMs);
    expect(lostMs).toBeGreaterThan(0);
    await createTombstones(world).settle('books', 3, lostMs + 1, 0);
    expect(await known(3)).toMatchObject({ doubtMs: -1, lostMs: -1 });
  });

  it('comes to light late: of other indexes up to when the run was taken up, of its own up to now', async () => {
    await restarted();
    await waitedLongEnough();
    await runs.restore('books');
    expect(await runs.accept(false)).toBe(true);
    const acceptedMs = Number(await world.connection.hget(keys.run, 'acceptedAt'));
    await handIn('films');
    // Its own table is not restored yet.
    expect(await createTombstones(world).known('films', 0, [])).toMatchObject({ lostMs: Infinity });
    await runs.look();
    await runs.restore('books');
    await runs.restore('films');
    expect(await known(0)).toMatchObject({ lostMs: acceptedMs });
    expect((await createTombstones(world).known('films', 0, [])).lostMs).toBeGreaterThanOrEqual(acceptedMs);
  });
});

describe('shards that are frozen', () => {
  it('name the nodes that may hold more, are thawed all at once, and what was given up before stays in the record', async () => {
    await settle(0);
    await settle(1);
    await world.connection.hset(keys.move('p1-0'), { lost: 2, lostIds: '["given up","too"]' });
    await world.connection.zadd(keys.journal('p1-0'), 1, 'waited');
    await restarted();
    await waitedLongEnough();
    await handIn('films');
    const { lost } = await runs.look();
    expect(await runs.restore('books')).toHaveLength(2);
    await runs.restore('films');
    expect(await runs.accept(lost)).toBe(true);
    expect((await world.route(0)).route).toMatchObject({ owners: ['n2'], frozen: true, others: ['n1'] });
    expect(await world.move(0)).toMatchObject({ lost: 3, lostIds: ['given up', 'too', 'waited'] });
    const told = [0, 1].map((shard) => ({ index: 'books', shard, owners: ['n2'], others: ['n1'] }));
    expect(await thawShards(world, 'books', null, false)).toEqual(told.map((one) => ({ ...one, frozen: true })));
    expect(await frozen(1)).toBe(true);
    expect(await thawShards(world, 'books', null, true)).toEqual(told.map((one) => ({ ...one, frozen: false })));
    expect(await thawShards(world, 'books', null, true)).toEqual([]);
    expect((await world.route(1)).route).not.toHaveProperty('others');
  });
});
