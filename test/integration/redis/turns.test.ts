// Turns and repair lists on a real Redis (R9): one write after the other in order of arrival, and nothing missed that is
// not listed.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { RedisUnreachableError } from '../../../src/errors.ts';
import type { RepairLists, TurnIds, TurnRequest, TurnToken, Turns } from '../../../src/ports.ts';
import { connect, untilReady } from '../../../src/redis/connection.ts';
import { keys } from '../../../src/redis/keys.ts';
import { createRepairLists } from '../../../src/redis/repairs.ts';
import { createScripts } from '../../../src/redis/scripts.ts';
import { createTombstones } from '../../../src/redis/tombstones.ts';
import { createTurns } from '../../../src/redis/turns.ts';
import { said } from '../../support/observed.ts';
import { startProxy } from '../../support/proxy.ts';
import { type World, makeWorld } from '../../support/records-world.ts';
import { withRedis } from '../../support/redis.ts';
import { ENTRY_MS, lapse, registryOf } from '../../support/shards.ts';
import { untilTrue } from '../../support/until.ts';

const redis = withRedis();
let world: World;
let turns: Turns;
let repairs: RepairLists;

const request = (registration: string, ids: TurnIds, owners = ['n1', 'n2'], shard = 0): TurnRequest => ({
  index: 'books',
  shard,
  registration,
  ids,
  owners,
});
const word = (answer: Awaited<ReturnType<Turns['take']>>): string =>
  answer === 'refused' ? answer : 'taken' in answer ? 'taken' : 'waiting';
const tokenOf = (answer: Awaited<ReturnType<Turns['take']>>): TurnToken => {
  if (answer === 'refused') throw new Error('refused');
  return 'taken' in answer ? answer.taken : answer.waiting;
};
/** Asks for a turn: what was said, its token, and how to ask again or end it. */
async function ask(registration: string, ids: TurnIds, owners?: string[]) {
  const wanted = request(registration, ids, owners);
  const first = await turns.take(wanted, null);
  let token = first === 'refused' ? '' : tokenOf(first);
  return {
    said: word(first),
    token: () => token,
    async again(): Promise<string> {
      const answer = await turns.take(wanted, token);
      if (answer !== 'refused') token = tokenOf(answer);
      return word(answer);
    },
    end: (missed: string[] = []) => turns.end(wanted, token, missed),
    leave: () => turns.leave(wanted, token),
  };
}
const listed = (owner: string): Promise<readonly string[]> => repairs.list('books', 0, owner, 1_000);
const NAMES = [
  keys.turnClaims('books', 0),
  keys.turnOrder('books', 0),
  keys.turnsWaiting('books', 0),
  keys.turns('books', 0),
] as const;
/** What the turns of the shard left in Redis, but for the number of the last. */
async function remains(): Promise<string[]> {
  const [claims, order, waiting, records] = NAMES;
  const fields = (await world.connection.hkeys(records)).filter((field) => field !== 'next');
  return [
    ...(await world.connection.hkeys(claims)),
    ...(await world.connection.zrange(order, '0', '-1')),
    ...(await world.connection.zrange(waiting, '0', '-1')),
    ...fields,
  ];
}
/** As if the one that waits had not asked for longer than it may. */
const silence = (token: TurnToken): Promise<unknown> =>
  world.connection.zadd(keys.turnsWaiting('books', 0), 'XX', Date.now() - 6_000, token.split(':')[0] ?? '');

beforeEach(async () => {
  world = await makeWorld(redis.url);
  turns = createTurns({ scripts: world.scripts, clock: systemClock, entryMs: ENTRY_MS, maxWaiting: 3 });
  repairs = createRepairLists({
    redis: world.connection,
    scripts: world.scripts,
    clock: systemClock,
    entryMs: ENTRY_MS,
  });
  for (const id of ['r1', 'r2', 'r:3']) await registryOf(world).register(id, id);
});
afterEach(() => world.stop());

describe('a turn', () => {
  it('is taken for all ids or for none', async () => {
    const first = await ask('r1', ['a', 'b']);
    expect(first.said).toBe('taken');
    const second = await ask('r2', ['b', 'c']);
    expect(second.said).toBe('waiting');
    // The second has nothing while it waits, but its place: what was asked for before it is free.
    expect((await ask('r1', ['d'])).said).toBe('taken');
    expect(await second.again()).toBe('waiting');
    expect(await first.end()).toBe(true);
    expect(await second.again()).toBe('taken');
    expect(await second.end()).toBe(true);
  });

  it('comes in order of arrival: a third that overlaps only with one that waits, waits too', async () => {
    const first = await ask('r1', ['a']);
    const second = await ask('r2', ['a', 'b']);
    const third = await ask('r:3', ['b', 'c']);
    expect([first.said, second.said, third.said]).toEqual(['taken', 'waiting', 'waiting']);
    await first.end();
    expect(await third.again()).toBe('waiting');
    expect(await second.again()).toBe('taken');
    expect(await third.again()).toBe('waiting');
    await second.end();
    expect(await third.again()).toBe('taken');
    await third.end();
    expect(await remains()).toEqual([]);
  });

  it('of another shard or of other ids is nobody’s business', async () => {
    await ask('r1', ['a']);
    expect((await ask('r2', ['b'])).said).toBe('taken');
    expect(word(await turns.take(request('r2', ['a'], ['n1'], 1), null))).toBe('taken');
  });

  it('is not taken twice by one router either', async () => {
    const first = await ask('r1', ['a', 'a']);
    const second = await ask('r1', ['a']);
    expect([first.said, second.said]).toEqual(['taken', 'waiting']);
    await first.end();
    expect(await second.again()).toBe('taken');
  });

  it('of the whole shard waits for all turns before it, and all after it wait for it', async () => {
    const first = await ask('r1', ['a']);
    const second = await ask('r2', ['b']);
    const whole = await ask('r1', 'shard');
    const later = await ask('r:3', ['z']);
    expect([whole.said, later.said]).toEqual(['waiting', 'waiting']);
    await first.end();
    expect(await whole.again()).toBe('waiting');
    await second.end();
    expect(await later.again()).toBe('waiting');
    expect(await whole.again()).toBe('taken');
    expect(await later.again()).toBe('waiting');
    const next = await ask('r2', 'shard');
    expect(next.said).toBe('waiting');
    await whole.end();
    expect(await next.again()).toBe('waiting');
    expect(await later.again()).toBe('taken');
    await later.end();
    expect(await next.again()).toBe('taken');
    await next.end();
    expect(await remains()).toEqual([]);
  });

  it('of 10,000 ids is taken, waited for and ended as one', async () => {
    const ids = Array.from({ length: 10_000 }, (_, n) => `id-${n}`);
    const first = await ask('r1', ids);
    const second = await ask('r2', [...ids].reverse());
    expect([first.said, second.said]).toEqual(['taken', 'waiting']);
    expect(await first.end(['n2'])).toBe(true);
    expect(await repairs.size('books', 0, 'n2')).toBe(10_000);
    expect(await second.again()).toBe('taken');
    await second.end();
    expect(await remains()).toEqual([]);
  });

  it('that is given up makes way, and nothing is listed', async () => {
    const first = await ask('r1', ['a']);
    const second = await ask('r2', ['a', 'b']);
    const third = await ask('r:3', ['b']);
    await second.leave();
    expect(await third.again()).toBe('taken');
    await first.end();
    await third.end();
    expect(await remains()).toEqual([]);
    expect(await repairs.sizes('books')).toEqual([]);
  });

  it('is ended only once, and only by its holder', async () => {
    const first = await ask('r1', ['a']);
    expect(await turns.end(request('r2', ['a']), first.token().replace('r1', 'r2'), [])).toBe(false);
    const second = await ask('r2', ['a']);
    expect(await second.end()).toBe(false);
    expect(await first.end()).toBe(true);
    expect(await first.end()).toBe(false);
    expect(await second.again()).toBe('taken');
  });
});

describe('who waits', () => {
  it('and does not ask for 5 s loses its place to those behind it', async () => {
    const first = await ask('r1', ['a']);
    const second = await ask('r2', ['a', 'b']);
    const third = await ask('r:3', ['b']);
    expect(await third.again()).toBe('waiting');
    await silence(second.token());
    expect(await third.again()).toBe('taken');
    // It comes back: it is the last now, and gets a place of its own.
    const old = second.token();
    expect(await second.again()).toBe('waiting');
    expect(second.token()).not.toBe(old);
    await first.end();
    expect(await second.again()).toBe('waiting');
    await third.end();
    expect(await second.again()).toBe('taken');
    expect(await repairs.sizes('books')).toEqual([]);
  });

  it('is refused beyond a number, unless others gave up', async () => {
    await ask('r1', ['a']);
    const waiting = await Promise.all(['r1', 'r2', 'r:3'].map((id) => ask(id, ['a'])));
    expect(waiting.map((turn) => turn.said)).toEqual(['waiting', 'waiting', 'waiting']);
    const before = await world.everything();
    expect((await ask('r2', ['a'])).said).toBe('refused');
    const after = await world.everything();
    // A number is gone, nothing else.
    for (const all of [before, after]) delete (all[keys.turns('books', 0)] as Record<string, string>)['next'];
    expect(after).toEqual(before);
    expect((await ask('r2', ['b'])).said).toBe('taken');
    await silence(waiting[1]?.token() ?? '');
    expect((await ask('r2', ['a'])).said).toBe('waiting');
  });

  it('or asks for the first time is refused when its registration is gone', async () => {
    await ask('r1', ['a']);
    const second = await ask('r2', ['a']);
    await lapse(world, 'r2');
    expect(await second.again()).toBe('refused');
    expect((await ask('r2', ['z'])).said).toBe('refused');
    expect((await ask('never', ['z'])).said).toBe('refused');
  });
});

describe('a turn whose registration is gone', () => {
  it('is ended by who waits for it; its ids are listed for every owner, and its holder is told', async () => {
    const first = await ask('r1', ['a', 'b'], ['n1', 'n2']);
    const second = await ask('r2', ['b'], ['n1', 'n2']);
    expect(second.said).toBe('waiting');
    await lapse(world, 'r1');
    expect(await second.again()).toBe('taken');
    expect([await listed('n1'), await listed('n2')]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    expect(await first.end(['n1'])).toBe(false);
    expect(await repairs.size('books', 0, 'n1')).toBe(2);
  });

  it('and that nobody has waited for is listed for every owner by its late holder, too', async () => {
    const late = await ask('r1', ['a'], ['n1', 'n2']);
    await lapse(world, 'r1');
    // Every owner took it; but they may be others by now, and nobody would know what is on which.
    expect(await late.end([])).toBe(false);
    expect([await listed('n1'), await listed('n2')]).toEqual([['a'], ['a']]);
    expect(await remains()).toEqual([]);
  });

  it('is ended by who comes after it as well', async () => {
    await ask('r1', ['a'], ['n2']);
    await lapse(world, 'r1');
    expect((await ask('r2', ['a'])).said).toBe('taken');
    expect(await repairs.sizes('books')).toEqual([{ shard: 0, owner: 'n2', ids: 1, isWhole: false }]);
  });

  it('is ended by the planner, and counted; who only waited has missed nothing', async () => {
    await ask('r1', ['a'], ['n1']);
    await ask('r1', 'shard', ['n2']);
    await ask('r2', ['b']);
    await lapse(world, 'r1');
    expect(await turns.endDead('books', 0)).toBe(1);
    expect(await turns.endDead('books', 0)).toBe(0);
    expect(await repairs.sizes('books')).toEqual([{ shard: 0, owner: 'n1', ids: 1, isWhole: false }]);
    expect(await turns.endDead('books', 1)).toBe(0);
  });

  it('of the whole shard is listed as the whole shard', async () => {
    await ask('r1', 'shard', ['n1']);
    await lapse(world, 'r1');
    expect((await ask('r2', ['x'])).said).toBe('taken');
    expect(await listed('n1')).toEqual(['*']);
  });

  it('is ended even when a hundred of them are in the way', async () => {
    for (let n = 0; n < 150; n += 1) await ask('r1', [`id-${n}`], ['n1']);
    await lapse(world, 'r1');
    const whole = await ask('r2', 'shard');
    expect(whole.said).toBe('waiting');
    expect(await whole.again()).toBe('taken');
    expect(await repairs.size('books', 0, 'n1')).toBe(150);
  });
});

it('a router that got no answer keeps nobody waiting', async () => {
  const proxy = await startProxy(redis.port);
  const url = `redis://127.0.0.1:${proxy.port}`;
  const connection = connect({ url, kind: 'commands', commandMs: 1_000, logger: said().logger });
  await untilReady(connection, url, 5_000);
  const scripts = createScripts(connection, { hit: () => Promise.resolve() });
  const cut = createTurns({ scripts, clock: systemClock, entryMs: ENTRY_MS });
  try {
    const own = await cut.take(request('r2', ['own']), null);
    const blocking = await ask('r1', ['b']);
    const waiting = await cut.take(request('r2', ['b']), null);
    expect([word(own), word(waiting)]).toEqual(['taken', 'waiting']);
    await blocking.end();
    proxy.cut('answers');
    const calls = [
      cut.take(request('r2', ['a']), null),
      cut.take(request('r2', ['b']), tokenOf(waiting)),
      cut.end(request('r2', ['own']), tokenOf(own), ['n1']),
    ];
    const answers = Promise.allSettled(calls);
    // All three were carried out, the last one too. From now on nothing passes.
    await untilTrue(async () => (await listed('n1')).length === 1);
    proxy.cut('everything');
    for (const answer of await answers) {
      expect(answer).toMatchObject({ status: 'rejected', reason: expect.any(RedisUnreachableError) as unknown });
    }
    const [a, b] = [await ask('r1', ['a']), await ask('r1', ['b'])];
    expect([a.said, b.said]).toEqual(['waiting', 'waiting']);
    proxy.heal();
    await untilTrue(async () => (await a.again()) === 'taken');
    await untilTrue(async () => (await b.again()) === 'taken');
    // Its place is given up, whoever it was told of: asking again is asking anew.
    expect(word(await cut.take(request('r2', ['b']), tokenOf(waiting)))).toBe('waiting');
    expect(await listed('n1')).toEqual(['own']);
  } finally {
    connection.disconnect();
    await proxy.stop();
  }
});

describe('a repair list', () => {
  it('keeps what each owner missed, oldest first, and its size by shard and owner', async () => {
    await repairs.add('books', 0, ['a', 'b'], ['n1', 'n2']);
    await repairs.add('books', 0, ['c', 'a'], ['n1']);
    await repairs.add('books', 3, ['x'], ['n:2']);
    expect(await listed('n1')).toEqual(['b', 'a', 'c']);
    expect(await repairs.list('books', 0, 'n1', 1)).toEqual(['b']);
    expect(await repairs.list('books', 0, 'n1', 0)).toEqual([]);
    expect(await repairs.sizes('books')).toEqual([
      { shard: 0, owner: 'n1', ids: 3, isWhole: false },
      { shard: 0, owner: 'n2', ids: 2, isWhole: false },
      { shard: 3, owner: 'n:2', ids: 1, isWhole: false },
    ]);
    expect(await repairs.sizes('other')).toEqual([]);
  });

  it('gets what Redis did not take the first time, and is not waited for', async () => {
    let failures = 2;
    const scripts: World['scripts'] = {
      ...world.scripts,
      run: async (...args) => {
        if (failures-- > 0) throw new RedisUnreachableError('cut off for the test');
        return world.scripts.run(...args);
      },
    };
    const cut = createRepairLists({ redis: world.connection, scripts, clock: systemClock, entryMs: ENTRY_MS });
    await expect(cut.add('books', 0, ['given up'], ['n1'], 'unknown')).rejects.toThrow(RedisUnreachableError);
    expect(await listed('n1')).toEqual([]);
    await untilTrue(async () => (await listed('n1')).length === 1);
  });

  it('becomes the whole shard over its bound, and stays it', async () => {
    const many = Array.from({ length: 100_000 }, (_, n) => `id-${n}`);
    await repairs.add('books', 0, many, ['n1']);
    expect(await repairs.size('books', 0, 'n1')).toBe(100_000);
    await repairs.add('books', 0, ['one more'], ['n1']);
    expect(await listed('n1')).toEqual(['*']);
    const at = await world.connection.zscore(keys.repair('books', 0, 'n1'), '*');
    await repairs.add('books', 0, ['another'], ['n1']);
    expect(await listed('n1')).toEqual(['*']);
    // A miss after somebody read the list is not to be taken for one before.
    expect(Number(await world.connection.zscore(keys.repair('books', 0, 'n1'), '*'))).toBeGreaterThan(Number(at));
  });

  it('of the source becomes the target’s at the switch, in the same step, whatever an older copy there missed', async () => {
    await repairs.add('books', 0, ['a', 'b'], ['n1']);
    await repairs.add('books', 0, ['z'], ['n2']);
    await world.start(0);
    const move = await world.move(0);
    const before = await world.everything();
    expect(
      await world.writer.advance(move, {
        to: 'Idle',
        holdUntilMs: 1,
        copyRepairs: { from: 'n1', to: 'n2' },
        what: 'x',
      }),
    ).toEqual({ refused: 'hold_over' });
    expect(await world.everything()).toEqual(before);
    await world.writer.advance(move, { copyRepairs: { from: 'n1', to: 'n2' }, what: 'x' });
    expect(new Set(await listed('n2'))).toEqual(new Set(['a', 'b']));
    expect(await listed('n1')).toEqual(['a', 'b']);
    expect(await repairs.sizes('books')).toHaveLength(2);
  });

  it('that stands for the whole shard is copied as that; an empty one empties the other', async () => {
    await repairs.add('books', 0, 'shard', ['n1']);
    await repairs.add('books', 0, ['z'], ['n2']);
    await world.start(0);
    await world.writer.advance(await world.move(0), { copyRepairs: { from: 'n1', to: 'n2' }, what: 'x' });
    expect(await listed('n2')).toEqual(['*']);
    await world.writer.advance(await world.move(0), { copyRepairs: { from: 'n9', to: 'n2' }, what: 'x' });
    expect(await repairs.sizes('books')).toEqual([{ shard: 0, owner: 'n1', ids: 1, isWhole: true }]);
  });

  it('of the retiring owner ends with a move that is done, and with no other', async () => {
    for (const [shard, outcome] of [
      [0, 'cancelled'],
      [1, 'done'],
    ] as const) {
      await repairs.add('books', shard, ['a'], ['n1', 'n2']);
      await world.start(shard);
      await world.writer.end(await world.move(shard), outcome, {});
    }
    expect(await repairs.sizes('books')).toEqual([
      { shard: 0, owner: 'n1', ids: 1, isWhole: false },
      { shard: 0, owner: 'n2', ids: 1, isWhole: false },
      { shard: 1, owner: 'n2', ids: 1, isWhole: false },
    ]);
    expect(await repairs.size('books', 1, 'n1')).toBe(0);
  });

  it('tells the last miss of what was acknowledged from a write that nobody was told is written', async () => {
    const scoreOf = async (owner: string, id: string): Promise<number> =>
      Number((await repairs.scores('books', 0, [owner], [id])).get(owner)?.ids.get(id));
    await repairs.add('books', 0, ['a'], ['n1']);
    const first = await scoreOf('n1', 'a');
    await repairs.add('books', 0, ['a', 'b'], ['n1', 'n2'], 'unknown');
    // Both lists have changed, and their order has not: n2 still has what n1 missed.
    expect(await scoreOf('n1', 'a')).toBe(first + 1);
    expect(await scoreOf('n2', 'a')).toBeLessThan(first);
    await repairs.add('books', 0, ['a'], ['n2']);
    expect(await scoreOf('n2', 'a')).toBeGreaterThan(first + 1);
    const { ids, whole } = (await repairs.scores('books', 0, ['n1'], ['a', 'b', 'c'])).get('n1')!;
    expect([[...ids.keys()], whole]).toEqual([['a', 'b'], null]);
    await repairs.add('books', 0, 'shard', ['n1'], 'unknown');
    // Of a shard it is the latest of all that was on the list.
    expect(Number((await repairs.scores('books', 0, ['n1'], [])).get('n1')?.whole)).toBe(first + 1);
  });

  it('leaves in doubt what a delete by filter took that was under way while its shard was settled', async () => {
    const tombstones = createTombstones(world);
    const stampMs = Date.now() - 1_000;
    const wanted = request('r1', 'shard');
    const token = tokenOf(await turns.take(wanted, null));
    await tombstones.settle('books', 0, stampMs + 100, 0);
    await turns.end(wanted, token, [], { removedAtMs: stampMs });
    // Also for who began to compare after it was sent and settles only now.
    await tombstones.settle('books', 0, stampMs + 200, 0);
    expect((await tombstones.known('books', 0, [])).doubtMs).toBeGreaterThan(stampMs + 200);
  });

  it('leaves nothing in doubt that fell out of the tombstones and is older than the last settling', async () => {
    const tombstones = createTombstones(world);
    const { scripts } = world;
    const few = createTurns({ scripts, clock: systemClock, entryMs: ENTRY_MS, maxTombstones: 1 });
    const fromMs = Date.now();
    const remove = async (id: string, afterMs: number): Promise<void> => {
      const wanted = request('r1', [id]);
      await few.end(wanted, tokenOf(await few.take(wanted, null)), [], { removedAtMs: fromMs + afterMs });
    };
    const settle = (untilMs: number, keepMs = 0): Promise<void> =>
      tombstones.settle('books', 0, fromMs + untilMs, fromMs + keepMs);
    const known = (id: string) => tombstones.known('books', 0, [id]);
    await remove('first', 1_000);
    await settle(2_000);
    await remove('second', 3_000);
    expect(await known('second')).toMatchObject({ atMs: new Map([['second', fromMs + 3_000]]), doubtMs: -1 });
    // The second one was deleted after that: a copy of it may be left.
    await remove('third', 4_000);
    expect(await known('second')).toMatchObject({ atMs: new Map(), doubtMs: fromMs + 3_000 });
    // Nor is that settled by who began before.
    await settle(2_500);
    expect(await known('second')).toMatchObject({ doubtMs: fromMs + 3_000 });
    await settle(5_000, 4_000);
    expect(await known('third')).toMatchObject({ atMs: new Map([['third', fromMs + 4_000]]), doubtMs: -1 });
    // Who settles late takes nothing back.
    await settle(2_500);
    await remove('fourth', 6_000);
    expect(await known('fourth')).toMatchObject({ doubtMs: -1 });
    await settle(7_000, 6_001);
    expect((await known('fourth')).atMs).toEqual(new Map());
  });

  it('puts a miss that was seen late before those that came after it, and never below one that is there', async () => {
    const scoreOf = async (owner: string): Promise<number> =>
      Number((await repairs.scores('books', 0, [owner], ['a'])).get(owner)?.ids.get('a'));
    const stampMs = Date.now() - 5_000;
    await repairs.add('books', 0, ['a'], ['n1']);
    await repairs.add('books', 0, ['a'], ['n2'], { stampMs });
    expect(await scoreOf('n2')).toBe((stampMs + 1) * 1_000);
    expect(await scoreOf('n2')).toBeLessThan(await scoreOf('n1'));
    const before = await scoreOf('n1');
    await repairs.add('books', 0, ['a'], ['n1'], { stampMs });
    expect(await scoreOf('n1')).toBe(before + 1);
  });

  it('takes a turn that died for a write that nobody was told is written, and one that no owner answered', async () => {
    await repairs.add('books', 0, ['a'], ['n2']);
    const turn = await ask('r1', ['a', 'b'], ['n1', 'n2']);
    await turn.end(['n1', 'n2']);
    await ask('r1', ['c'], ['n1', 'n2']);
    await lapse(world, 'r1');
    expect(await turns.endDead('books', 0)).toBe(1);
    const scores = await repairs.scores('books', 0, ['n1', 'n2'], ['a', 'b', 'c']);
    const below = ['n1', 'n2'].map((owner) =>
      [...scores.get(owner)!.ids.values()].map((score) => Number(score) < 1e15),
    );
    expect(below).toEqual([
      [true, true, true],
      [false, true, true],
    ]);
    const next = await ask('r2', ['d'], ['n1', 'n2']);
    await next.end(['n2']);
    expect(Number((await repairs.scores('books', 0, ['n2'], ['d'])).get('n2')?.ids.get('d'))).toBeGreaterThan(1e15);
  });

  it('gives up entries only as they were read, and its name with the last one', async () => {
    await repairs.add('books', 0, ['a', 'b'], ['n1']);
    const { ids } = (await repairs.scores('books', 0, ['n1'], ['a', 'b'])).get('n1')!;
    await repairs.add('books', 0, ['a'], ['n1']);
    expect(await repairs.clear('books', 0, 'n1', ids)).toBe(1);
    expect(await listed('n1')).toEqual(['a']);
    expect(await repairs.clear('books', 0, 'n1', ids)).toBe(0);
    expect(await repairs.clear('books', 0, 'n1', new Map())).toBe(0);
    const again = (await repairs.scores('books', 0, ['n1'], ['a'])).get('n1')!;
    expect(await repairs.clear('books', 0, 'n1', again.ids)).toBe(1);
    expect(await world.everything()).not.toHaveProperty([keys.repairs('books')]);
  });
});
