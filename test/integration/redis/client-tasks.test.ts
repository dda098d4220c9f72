// Clients' tasks on a real Redis: numbered without gaps, bounded by number and age, final once.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordTooNewError } from '../../../src/errors.ts';
import type { ClientTaskOutcome, ClientTasks } from '../../../src/ports.ts';
import { createClientTasks } from '../../../src/redis/client-tasks.ts';
import { keys } from '../../../src/redis/keys.ts';
import { type World, makeWorld } from '../../support/records-world.ts';
import { withRedis } from '../../support/redis.ts';
import { untilTrue } from '../../support/until.ts';

const redis = withRedis();
let world: World;

const tasksOf = (maxTasks: number, ttlSecs = 3_600): ClientTasks =>
  createClientTasks({ redis: world.connection, scripts: world.scripts, maxTasks, ttlSecs });
const task = (indexUid: string) => ({
  indexUid,
  type: 'documentAdditionOrUpdate',
  details: { receivedDocuments: 2 },
  enqueuedAt: '2026-01-01T00:00:00Z',
  customMetadata: null,
  parts: [{ node: 'n1', taskUid: 7, shards: [0, 3] }],
  degradedGroups: [],
});
const outcome = (status: ClientTaskOutcome['status']): ClientTaskOutcome => ({
  status,
  error: null,
  details: {},
  startedAt: null,
  finishedAt: '2026-01-01T00:00:01Z',
});
const uidsOf = async (tasks: ClientTasks, query: Parameters<ClientTasks['list']>[0]): Promise<number[]> =>
  (await tasks.list(query)).map(({ uid }) => uid);

beforeEach(async () => {
  world = await makeWorld(redis.url);
});
afterEach(() => world.stop());

describe('a client’s task', () => {
  it('gets the next uid, from 0, and is given back as it was stored', async () => {
    const tasks = tasksOf(100);
    const uids = await Promise.all([tasks.add(task('books')), tasks.add(task('books')), tasks.add(task('other'))]);
    expect(uids).toEqual([0, 1, 2]);
    expect(await tasks.get(2)).toEqual({ v: 1, uid: 2, outcome: null, ...task('other') });
    expect(await tasks.get(3)).toBeNull();
  });

  it('has one final state: the first', async () => {
    const tasks = tasksOf(100);
    await tasks.add(task('books'));
    await tasks.finish(0, outcome('failed'));
    await tasks.finish(0, outcome('succeeded'));
    expect((await tasks.get(0))?.outcome).toEqual(outcome('failed'));
    await tasks.finish(9, outcome('failed'));
    expect(await world.connection.exists(keys.clientTask(9))).toBe(0);
  });

  it('of a newer version is left alone, and said', async () => {
    const tasks = tasksOf(100);
    await tasks.add(task('books'));
    await world.connection.hset(keys.clientTask(0), 'task', '{"v":2}');
    await expect(tasks.get(0)).rejects.toBeInstanceOf(RecordTooNewError);
  });
});

describe('the list', () => {
  it('has the newest first, by index, uid and start', async () => {
    const tasks = tasksOf(100);
    for (const index of ['books', 'other', 'books', 'third', 'other', 'books']) await tasks.add(task(index));
    expect(await uidsOf(tasks, { limit: 10 })).toEqual([5, 4, 3, 2, 1, 0]);
    expect(await uidsOf(tasks, { limit: 2, from: 3 })).toEqual([3, 2]);
    expect(await uidsOf(tasks, { limit: 0 })).toEqual([]);
    expect(await uidsOf(tasks, { limit: 10, indexUids: ['books'] })).toEqual([5, 2, 0]);
    expect(await uidsOf(tasks, { limit: 3, indexUids: ['other', 'books', 'other'], from: 4 })).toEqual([4, 2, 1]);
    expect(await uidsOf(tasks, { limit: 10, uids: [0, 4, 4, 77] })).toEqual([4, 0]);
    expect(await uidsOf(tasks, { limit: 10, uids: [0, 4, 5], from: 4 })).toEqual([4, 0]);
    expect(await uidsOf(tasks, { limit: 10, uids: [0, 1, 2], indexUids: ['books'] })).toEqual([2, 0]);
    expect(await uidsOf(tasks, { limit: 10, indexUids: [] })).toEqual([]);
  });

  it('has the oldest first in reverse, past what has expired', async () => {
    const tasks = tasksOf(100);
    for (const index of ['books', 'other', 'books', 'third', 'other', 'books']) await tasks.add(task(index));
    const reverse = true;
    expect(await uidsOf(tasks, { limit: 10, reverse })).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await uidsOf(tasks, { limit: 2, from: 3, reverse })).toEqual([3, 4]);
    expect(await uidsOf(tasks, { limit: 3, indexUids: ['other', 'books'], from: 1, reverse })).toEqual([1, 2, 4]);
    expect(await uidsOf(tasks, { limit: 2, uids: [5, 0, 4], from: 1, reverse })).toEqual([4, 5]);
    for (const uid of [0, 1, 2]) await world.connection.del(keys.clientTask(uid));
    expect(await uidsOf(tasks, { limit: 2, reverse })).toEqual([3, 4]);
    expect(await uidsOf(tasks, { limit: 9, indexUids: ['books'], reverse })).toEqual([5]);
  });

  it('reads more than one round trip takes', async () => {
    const tasks = tasksOf(2_000);
    for (let n = 0; n < 1_200; n += 1) await tasks.add(task('books'));
    expect(await uidsOf(tasks, { limit: 1_100 })).toEqual(Array.from({ length: 1_100 }, (_, n) => 1_199 - n));
  });
});

describe('open tasks', () => {
  it('are given oldest first, from a uid on, until they are final', async () => {
    const tasks = tasksOf(4);
    for (let n = 0; n < 5; n += 1) await tasks.add(task('books'));
    const openFrom = async (from: number, limit = 10): Promise<number[]> =>
      (await tasks.open(from, limit)).map(({ uid }) => uid);
    expect(await openFrom(0)).toEqual([1, 2, 3, 4]);
    await tasks.finish(2, outcome('failed'));
    expect([await openFrom(0, 2), await openFrom(2)]).toEqual([
      [1, 3],
      [3, 4],
    ]);
    await world.connection.del(keys.clientTask(1));
    expect(await openFrom(0)).toEqual([3, 4]);
    expect(await world.connection.zcard(keys.openClientTasks)).toBe(2);
  });
});

describe('the bounds', () => {
  it('by number: the oldest go, from every list', async () => {
    const tasks = tasksOf(3);
    for (const index of ['books', 'other', 'books', 'books', 'books']) await tasks.add(task(index));
    expect(await tasks.count()).toBe(3);
    expect(await uidsOf(tasks, { limit: 10 })).toEqual([4, 3, 2]);
    expect(await uidsOf(tasks, { limit: 10, indexUids: ['books', 'other'] })).toEqual([4, 3, 2]);
    expect(await world.connection.zcard(keys.clientTasksOf('books'))).toBe(3);
    expect((await world.connection.keys(`${keys.clientTaskPrefix}*`)).length).toBe(3);
    await tasksOf(1).add(task('books'));
    expect(await uidsOf(tasks, { limit: 10 })).toEqual([5]);
  });

  it('by age: what has expired is gone, and makes way', async () => {
    const tasks = tasksOf(100, 1);
    for (let n = 0; n < 3; n += 1) await tasks.add(task('books'));
    await tasks.finish(0, outcome('succeeded'));
    await untilTrue(async () => (await tasks.get(2)) === null);
    expect(await uidsOf(tasks, { limit: 10 })).toEqual([]);
    expect(await tasks.count()).toBe(0);
    expect(await tasks.add(task('books'))).toBe(3);
    expect(await world.connection.zrange(keys.clientTasks, '0', '-1')).toEqual(['3']);
  });

  it('counts rightly when very many have expired', async () => {
    const members = Array.from({ length: 2_500 }, (_, uid) => [uid, String(uid)]).flat();
    await world.connection.zadd(keys.clientTasks, ...members);
    expect(await tasksOf(100).count()).toBe(0);
  });
});
