// Holds and cancels of plans on a real Redis: what they keep from beginning and from switching, in the same script.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { held, settling } from '../../../src/phases/routes.ts';
import type { MoveReply, PlanHolds } from '../../../src/ports.ts';
import { keys } from '../../../src/redis/keys.ts';
import { createPlanHolds } from '../../../src/redis/plan-holds.ts';
import { type World, makeWorld } from '../../support/records-world.ts';
import { withRedis } from '../../support/redis.ts';

const redis = withRedis();
let world: World;
let holds: PlanHolds;

beforeEach(async () => {
  world = await makeWorld(redis.url);
  holds = createPlanHolds({ redis: world.connection, scripts: world.scripts });
});
afterEach(() => world.stop());

/** The word the call is refused with; every record is as it was. */
async function refusalOf(call: () => Promise<MoveReply>): Promise<string> {
  const before = await world.everything();
  const reply = await call();
  expect(await world.everything()).toEqual(before);
  return 'refused' in reply ? reply.refused : 'nothing';
}

const end = (): Promise<unknown> => world.connection.hset(keys.plan('p1'), 'state', 'done');

/** A move that is about to be switched. */
async function beforeHold(shard: number): Promise<void> {
  await world.start(shard);
  for (const to of ['DualWriteStarted', 'MigrationInProgress', 'MigrationComplete'] as const)
    await world.writer.advance(await world.move(shard), { to, what: to });
}

const holdWrites = async (shard: number): Promise<MoveReply> => {
  const [move, read] = await Promise.all([world.move(shard), world.route(shard)]);
  return world.writer.advance(move, { route: held(read, move, 2_000), unlessHeld: true, what: 'held' });
};

const switchOwners = async (shard: number): Promise<MoveReply> => {
  const [move, read] = await Promise.all([world.move(shard), world.route(shard)]);
  const route = settling(read, move);
  return world.writer.advance(move, { route, unlessHeld: true, fields: { switchedAt: '$now' }, what: 'settling' });
};

describe('a held plan', () => {
  it.each(['operator', 'approval'] as const)('begins no move, and goes on when released (%s)', async (by) => {
    const before = await holds.orders('p1');
    expect(before).toEqual({ held: null, cancelled: false });
    const hold = await holds.hold('p1', by, 'cli:some one');
    expect(hold).toEqual({ by, sinceMs: expect.any(Number), actor: 'cli:some one' });
    expect(Math.abs(hold.sinceMs - (await world.records.nowMs()))).toBeLessThan(1_000);
    expect(await world.records.plan('p1')).toMatchObject({ held: hold, cancelled: null });
    expect(await refusalOf(() => world.start(0))).toBe('held');
    expect(await holds.release('p1', by)).toBe(true);
    expect(await holds.release('p1', by)).toBe(false);
    expect(await holds.orders('p1')).toEqual(before);
    expect(await world.start(0)).toHaveProperty('route');
  });

  it('switches no move that has begun, and neither holds its writes', async () => {
    await beforeHold(0);
    await beforeHold(1);
    await holdWrites(1);
    await holds.hold('p1', 'operator', 'me');
    expect(await refusalOf(() => holdWrites(0))).toBe('held');
    expect(await refusalOf(() => switchOwners(1))).toBe('held');
    await holds.release('p1', 'operator');
    expect(await switchOwners(1)).toHaveProperty('route');
  });

  it('stays held by whom it was: who resumes it does not approve it', async () => {
    const first = await holds.hold('p1', 'approval', 'me');
    expect(await holds.hold('p1', 'operator', 'you')).toEqual(first);
    await expect(holds.release('p1', 'operator')).rejects.toMatchObject({ code: 'miroir_plan_state', field: 'plan' });
    expect((await holds.orders('p1')).held).toEqual(first);
  });

  it('is refused for one that is over, cancelled or unknown, and nothing is changed', async () => {
    await holds.cancel('p1', 'me');
    await expect(holds.hold('p1', 'operator', 'me')).rejects.toMatchObject({ code: 'miroir_plan_state' });
    await end();
    const before = await world.everything();
    for (const act of [
      () => holds.hold('p1', 'operator', 'me'),
      () => holds.release('p1', 'operator'),
      () => holds.cancel('p1', 'me'),
    ])
      await expect(act()).rejects.toMatchObject({ code: 'miroir_plan_state', message: 'plan p1 is done' });
    await expect(holds.hold('p9', 'operator', 'me')).rejects.toMatchObject({ code: 'miroir_plan_unknown' });
    await expect(holds.cancel('p9', 'me')).rejects.toMatchObject({ code: 'miroir_plan_unknown' });
    expect(await world.everything()).toEqual(before);
  });
});

describe('the hold of all plans', () => {
  it('keeps every plan, also one that is made later, and is of who set it first', async () => {
    const hold = await holds.holdAll('me');
    expect(await holds.holdAll('you')).toEqual(hold);
    expect(await holds.all()).toEqual(hold);
    expect(await holds.orders('p2')).toEqual({ held: hold, cancelled: false });
    expect(await refusalOf(() => world.start(0))).toBe('held');
    expect(await holds.releaseAll()).toBe(true);
    expect(await holds.releaseAll()).toBe(false);
    expect(await holds.all()).toBeNull();
    expect(await world.start(0)).toHaveProperty('route');
  });
});

describe('a cancelled plan', () => {
  it('begins and switches no move, before any wish is left in one, and is held no more', async () => {
    await beforeHold(0);
    await holds.hold('p1', 'approval', 'me');
    expect(await holds.cancel('p1', 'you')).toBe(true);
    expect(await holds.cancel('p1', 'me')).toBe(false);
    expect(await world.records.plan('p1')).toMatchObject({ held: null, cancelled: { actor: 'you' } });
    expect(await holds.orders('p1')).toEqual({ held: null, cancelled: true });
    expect(await refusalOf(() => world.start(1))).toBe('wish');
    expect(await refusalOf(() => holdWrites(0))).toBe('wish');
  });
});
