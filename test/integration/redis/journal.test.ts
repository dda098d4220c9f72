// The journal of a moving shard on a real Redis (R3, R4, R6): what a router may note, what the mover may take, and that
// nothing noted is ever lost.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { ConflictError, RedisUnreachableError, StaleFenceError } from '../../../src/errors.ts';
import { settling, stable } from '../../../src/phases/routes.ts';
import type { Attempt, Journal, JournalEntry, JournalId, JournalRef, JournalWriter } from '../../../src/ports.ts';
import { connect, untilReady } from '../../../src/redis/connection.ts';
import { createJournalWriter } from '../../../src/redis/journal-writer.ts';
import { createJournal } from '../../../src/redis/journal.ts';
import { keys, rebalanceScope } from '../../../src/redis/keys.ts';
import { createScripts } from '../../../src/redis/scripts.ts';
import { said } from '../../support/observed.ts';
import { startProxy } from '../../support/proxy.ts';
import { type World, makeWorld } from '../../support/records-world.ts';
import { withRedis } from '../../support/redis.ts';
import { ENTRY_MS, hold, journalRef, lapse, registryOf, settle } from '../../support/shards.ts';
import { untilTrue } from '../../support/until.ts';

const redis = withRedis();
const MAX_IDS = 5;
let world: World;
let journal: Journal;
let mover: JournalWriter;
const ref = journalRef(0);

const journalOf = (maxIds: number, scripts = world.scripts): Journal =>
  createJournal({ scripts, clock: systemClock, maxIds, entryMs: ENTRY_MS });
const named = (...ids: string[]): JournalId[] => ids.map((id, position) => ({ id, slot: position * 256 }));
const idsOf = (entries: readonly JournalEntry[]): string[] =>
  entries.map((entry) => (entry.kind === 'id' ? entry.id : entry.kind === 'slots' ? `~${entry.bucket}` : '*'));

async function append(registration: string, ...ids: string[]): Promise<Attempt> {
  const answer = await journal.append(ref, registration, named(...ids));
  if (answer === 'refused') throw new Error('append was refused');
  return answer.attempt;
}
async function raise(registration: string, waitedMs = 0): Promise<Attempt> {
  const answer = await journal.raise(ref, registration, waitedMs);
  if (typeof answer === 'string') throw new Error(`raise was answered ${answer}`);
  return answer.attempt;
}
/** What the mover may take now, as names. */
const taken = async (all = false): Promise<string[]> => idsOf(await mover.take(ref, 1_000, all));

beforeEach(async () => {
  world = await makeWorld(redis.url);
  journal = journalOf(MAX_IDS);
  mover = createJournalWriter({ scripts: world.scripts, lease: world.lease });
  for (const id of ['r1', 'r2']) await registryOf(world).register(id, id);
  await world.start(0);
});
afterEach(() => world.stop());

describe('an append', () => {
  it('is refused in every state but tracking, and notes nothing', async () => {
    const refused = async (): Promise<void> => {
      expect(await journal.append(ref, 'r1', named('a'))).toBe('refused');
      expect(await mover.state(ref)).toMatchObject({ size: 0, open: 0 });
    };
    await hold(world, 0);
    await refused();
    await settle(world, 0);
    await refused();
    const move = await world.move(0);
    await world.writer.advance(move, { route: stable(await world.route(0)), what: 'stable' });
    await refused();
    expect(await journal.append(journalRef(1), 'r1', named('a'))).toBe('refused');
    expect(await journal.append({ ...ref, shard: 99 }, 'r1', named('a'))).toBe('refused');
  });

  it('is refused for another move of the shard', async () => {
    const other: JournalRef = { ...ref, move: 'p0-0' };
    expect(await journal.append(other, 'r1', named('a'))).toBe('refused');
    expect(await world.connection.exists(keys.journal('p0-0'), keys.move('p0-0'))).toBe(0);
  });

  it('is refused for a registration that is gone or over', async () => {
    await lapse(world, 'r1');
    expect(await journal.append(ref, 'r1', named('a'))).toBe('refused');
    expect(await journal.append(ref, 'never', named('a'))).toBe('refused');
    expect(await mover.state(ref)).toMatchObject({ size: 0, open: 0 });
  });

  it('notes 10,000 ids in one call, and gives them all back', async () => {
    journal = journalOf(100_000);
    const ids = Array.from({ length: 10_000 }, (_, n) => `id-${n}`);
    const attempt = await append('r1', ...ids);
    await journal.mark(ref, 'r1', attempt);
    const entries = await mover.take(ref, 20_000, false);
    expect(new Set(idsOf(entries))).toEqual(new Set(ids));
    expect(await mover.clear(ref, entries)).toBe(10_000);
    expect(await mover.state(ref)).toMatchObject({ size: 0 });
  });
});

describe('what is over the bound', () => {
  it('goes in as ranges of slots, then as the whole shard; what is known stays an id', async () => {
    await append('r1', 'a', 'b', 'c', 'd', 'e');
    const first = await journal.append(ref, 'r1', [
      { id: 'x', slot: 255 },
      { id: 'y', slot: 256 },
      { id: 'a', slot: 9_999 },
    ]);
    expect(first).toMatchObject({ attempt: 2 });
    expect(await mover.state(ref)).toMatchObject({ size: 7, ranges: 2 });
    expect(await taken(true)).toEqual(['b', 'c', 'd', 'e', 'a', '~0', '~1']);

    // 128 ranges, and the next one makes them all one.
    await journal.append(
      ref,
      'r1',
      Array.from({ length: 128 }, (_, bucket) => ({ id: `r${bucket}`, slot: bucket * 256 })),
    );
    expect(await mover.state(ref)).toMatchObject({ ranges: 128 });
    await journal.append(ref, 'r1', [{ id: 'again', slot: 300 }]);
    expect(await mover.state(ref)).toMatchObject({ ranges: 128 });
    await journal.append(ref, 'r1', [{ id: 'z', slot: 128 * 256 }]);
    expect(await mover.state(ref)).toMatchObject({ size: 6, ranges: 1 });
    expect((await mover.take(ref, 10, true)).at(-1)).toEqual({ kind: 'shard', attempt: 5 });
    await journal.append(ref, 'r1', [{ id: 'more', slot: 0 }]);
    expect((await mover.take(ref, 10, true)).at(-1)).toEqual({ kind: 'shard', attempt: 6 });
  });

  it('goes in as ids again when there is room, and new ids fill the room that is left', async () => {
    await append('r1', 'a', 'b', 'c');
    await journal.append(ref, 'r1', [
      { id: 'd', slot: 0 },
      { id: 'b', slot: 0 },
      { id: 'e', slot: 0 },
      { id: 'f', slot: 65_535 },
    ]);
    expect(await taken(true)).toEqual(['a', 'c', 'b', 'd', 'e', '~255']);
  });

  it('is found by the mover’s question, whether it stands as id, range or whole shard', async () => {
    const asked = [
      { id: 'a', slot: 0 },
      { id: 'x', slot: 300 },
      { id: 'other', slot: 65_535 },
    ];
    await append('r1', 'a', 'b', 'c', 'd', 'e');
    expect(await mover.among(ref, asked)).toEqual({ ids: ['a'], reverify: false });
    await journal.append(ref, 'r1', [{ id: 'n', slot: 511 }]);
    expect(await mover.among(ref, asked)).toEqual({ ids: ['a', 'x'], reverify: false });
    await raise('r1');
    await world.connection.zadd(keys.ranges(ref.move), 3, '*');
    expect(await mover.among(ref, asked)).toEqual({ ids: ['a', 'x', 'other'], reverify: true });
  });
});

describe('an attempt', () => {
  it('of a live router keeps its ids from being taken until it is marked', async () => {
    const first = await append('r1', 'a');
    const second = await append('r2', 'b');
    expect(await taken()).toEqual([]);
    await journal.mark(ref, 'r2', second);
    expect(await taken()).toEqual([]);
    await journal.mark(ref, 'r1', first);
    expect(await taken()).toEqual(['a', 'b']);
  });

  it('is one of several of an id: all of them have to be over', async () => {
    const first = await append('r1', 'a');
    await journal.mark(ref, 'r1', first);
    const second = await append('r2', 'a');
    expect(await taken()).toEqual([]);
    await journal.mark(ref, 'r2', second);
    const third = await append('r1', 'a');
    const fourth = await append('r2', 'a');
    await journal.mark(ref, 'r2', fourth);
    expect(await taken()).toEqual([]);
    await journal.mark(ref, 'r1', third);
    expect(await taken()).toEqual(['a']);
  });

  it('keeps ranges from being taken as well', async () => {
    await append('r1', 'a', 'b', 'c', 'd', 'e');
    expect(await append('r1', 'f')).toBe(2);
    await journal.mark(ref, 'r1', 1);
    expect(await taken()).toEqual(['a', 'b', 'c', 'd', 'e']);
    await journal.mark(ref, 'r1', 2);
    expect(await taken()).toEqual(['a', 'b', 'c', 'd', 'e', '~0']);
  });

  it('of a router that is gone is over', async () => {
    await append('r1', 'a');
    await append('r2', 'b');
    await lapse(world, 'r1');
    expect(await taken()).toEqual(['a']);
    expect(await mover.state(ref)).toMatchObject({ size: 2, open: 1 });
    await registryOf(world).leave('r2');
    expect(await mover.state(ref)).toMatchObject({ size: 2, open: 0 });
    expect(await taken()).toEqual(['a', 'b']);
  });

  it('is ended only by the registration that opened it, and marking creates nothing', async () => {
    const attempt = await append('r1', 'a');
    await journal.mark(ref, 'r2', attempt);
    expect(await taken()).toEqual([]);
    await journal.mark(ref, 'r1', attempt);
    const before = await world.everything();
    await journal.mark(ref, 'r1', attempt);
    await journal.mark(ref, 'r1', 77);
    await journal.markRaised(ref, 'r1', 77);
    expect(await world.everything()).toEqual(before);
  });

  it('does not stop the mover while settling: it takes all', async () => {
    await append('r1', 'a');
    await hold(world, 0);
    await settle(world, 0);
    expect(await taken()).toEqual([]);
    expect(await taken(true)).toEqual(['a']);
  });

  it('whose number its router never learned is ended, since nothing was sent for it', async () => {
    const proxy = await startProxy(redis.port);
    const url = `redis://127.0.0.1:${proxy.port}`;
    const { logger } = said();
    const connection = connect({ url, kind: 'commands', commandMs: 1_000, logger });
    await untilReady(connection, url, 5_000);
    const cut = journalOf(MAX_IDS, createScripts(connection, { hit: () => Promise.resolve() }));
    const marked = await append('r1', 'm');
    try {
      proxy.cut('answers');
      const calls = [cut.append(ref, 'r1', named('a')), cut.raise(ref, 'r1', 0), cut.mark(ref, 'r1', marked)];
      const answers = Promise.allSettled(calls);
      // All three were carried out, the last one too. From now on nothing passes.
      await untilTrue(async () => (await taken())[0] === 'm');
      proxy.cut('everything');
      for (const answer of await answers) {
        expect(answer).toMatchObject({ status: 'rejected', reason: expect.any(RedisUnreachableError) as unknown });
      }
      // All was carried out in Redis, and nobody there knows that the router has given up.
      expect(await mover.state(ref)).toMatchObject({ size: 2, open: 1, reverifyOpen: 1 });
      expect(await taken()).toEqual(['m']);
      proxy.heal();
      await untilTrue(async () => (await mover.state(ref)).open === 0);
      await untilTrue(async () => (await mover.state(ref)).reverifyOpen === 0);
      expect((await mover.state(ref)).reverify).toEqual([]);
      expect(await taken()).toEqual(['m', 'a']);
    } finally {
      connection.disconnect();
      await proxy.stop();
    }
  });
});

describe('clearing', () => {
  it('leaves what was written again since it was taken', async () => {
    await journal.mark(ref, 'r1', await append('r1', 'hot', 'cold'));
    const entries = await mover.take(ref, 10, false);
    await journal.mark(ref, 'r1', await append('r1', 'hot'));
    expect(await mover.clear(ref, entries)).toBe(1);
    const left = await mover.take(ref, 10, false);
    expect(idsOf(left)).toEqual(['hot']);
    expect(await mover.clear(ref, entries)).toBe(0);
    expect(await mover.clear(ref, left)).toBe(1);
    expect(await mover.state(ref)).toEqual({ size: 0, ranges: 0, open: 0, reverifyOpen: 0, reverify: [] });
  });

  it('that comes late removes nothing: its entries were taken again and are on their way', async () => {
    await journal.mark(ref, 'r1', await append('r1', 'a', 'b'));
    const again = createJournalWriter({ scripts: world.scripts, lease: world.lease });
    const entries = await mover.take(ref, 10, false);
    const newer = await again.take(ref, 10, false);
    expect(newer).toEqual(entries);
    expect(await mover.clear(ref, entries)).toBe(0);
    expect(await again.clear(ref, newer)).toBe(2);
  });

  it('compares ranges in the same way', async () => {
    await append('r1', 'a', 'b', 'c', 'd', 'e');
    await append('r1', 'f');
    await journal.append(ref, 'r1', [{ id: 'g', slot: 256 }]);
    const entries = (await mover.take(ref, 10, true)).filter(({ kind }) => kind === 'slots');
    await append('r1', 'h');
    expect(await mover.clear(ref, entries)).toBe(1);
    expect((await mover.take(ref, 10, true)).filter(({ kind }) => kind === 'slots')).toMatchObject([{ bucket: 0 }]);
  });

  it('takes oldest first, up to a limit', async () => {
    for (const id of ['c', 'a', 'b']) await journal.mark(ref, 'r1', await append('r1', id));
    expect(idsOf(await mover.take(ref, 2, false))).toEqual(['c', 'a']);
  });
});

describe('a look-up', () => {
  it('tells which ids wait while the shard settles, and is refused in any other state or move', async () => {
    await append('r1', 'a', 'b');
    expect(await journal.lookUp(ref, named('a'))).toBe('refused');
    await hold(world, 0);
    expect(await journal.lookUp(ref, named('a'))).toBe('refused');
    await settle(world, 0);
    expect(await journal.lookUp({ ...ref, move: 'p0-0' }, named('a'))).toBe('refused');
    const many = Array.from({ length: 3_000 }, (_, n) => `none-${n}`);
    expect(await journal.lookUp(ref, named(...many, 'b', 'c', 'a'))).toEqual(['b', 'a']);
    await mover.clear(ref, await mover.take(ref, 10, true));
    expect(await journal.lookUp(ref, named('a', 'b'))).toEqual([]);
  });
});

describe('a raised count', () => {
  it('is refused as an append is', async () => {
    expect(await journal.raise({ ...ref, move: 'p0-0' }, 'r1', 0)).toBe('refused');
    expect(await journal.raise(ref, 'never', 0)).toBe('refused');
    await hold(world, 0);
    expect(await journal.raise(ref, 'r1', 0)).toBe('refused');
    await settle(world, 0);
    expect(await journal.raise(ref, 'r1', 0)).toBe('refused');
    expect(await mover.state(ref)).toMatchObject({ reverifyOpen: 0, reverify: [] });
  });

  it('waits at the mover’s gate for at most two seconds in all', async () => {
    await mover.setGate(ref, true);
    expect(await journal.raise(ref, 'r1', 0)).toBe('wait');
    expect(await journal.raise(ref, 'r1', 1_999)).toBe('wait');
    expect(await mover.state(ref)).toMatchObject({ reverifyOpen: 0 });
    expect(await raise('r1', 2_000)).toBe(1);
    await mover.setGate(ref, false);
    expect(await raise('r1')).toBe(2);
    expect(await mover.state(ref)).toMatchObject({ reverifyOpen: 2 });
  });

  it('is open until it is marked or its router is gone, then waits for a verify that began later', async () => {
    const first = await raise('r1');
    const second = await raise('r1');
    await raise('r2');
    await mover.closeReverify(ref, [first]);
    expect(await mover.state(ref)).toMatchObject({ reverifyOpen: 3, reverify: [] });
    await journal.markRaised(ref, 'r2', first);
    expect(await mover.state(ref)).toMatchObject({ reverifyOpen: 3 });
    await journal.markRaised(ref, 'r1', second);
    const before = (await mover.state(ref)).reverify;
    expect(before).toEqual([second]);
    // The first ends after a verify began that knows of the second only: that verify closes nothing.
    await journal.markRaised(ref, 'r1', first);
    await mover.closeReverify(ref, before);
    expect(await mover.state(ref)).toMatchObject({ reverifyOpen: 1, reverify: [first] });
    await lapse(world, 'r2');
    const last = await mover.state(ref);
    expect(last).toMatchObject({ reverifyOpen: 0 });
    expect(last.reverify).toHaveLength(1);
    await mover.closeReverify(ref, last.reverify);
    expect(await mover.state(ref)).toMatchObject({ reverifyOpen: 0, reverify: [] });
  });
});

describe('the switch', () => {
  const flip = async () => {
    const move = await world.move(0);
    return world.writer.advance(move, {
      route: settling(await world.route(0), move),
      unlessCounted: true,
      what: 'settling',
    });
  };

  it('is refused while a count is open, and while one waits for its verify', async () => {
    const attempt = await raise('r1');
    await hold(world, 0);
    const before = await world.everything();
    expect(await flip()).toEqual({ refused: 'counted' });
    expect(await world.everything()).toEqual(before);
    await journal.markRaised(ref, 'r1', attempt);
    expect(await flip()).toEqual({ refused: 'counted' });
    await mover.closeReverify(ref, (await mover.state(ref)).reverify);
    expect(await flip()).not.toHaveProperty('refused');
  });

  it('is refused while the journal holds more than plain ids', async () => {
    await append('r1', 'a', 'b', 'c', 'd', 'e');
    await append('r1', 'f');
    await hold(world, 0);
    const before = await world.everything();
    expect(await flip()).toEqual({ refused: 'journal' });
    expect(await world.everything()).toEqual(before);
    await mover.clear(ref, (await mover.take(ref, 10, true)).slice(-1));
    expect(await flip()).not.toHaveProperty('refused');
    expect(await mover.state(ref)).toMatchObject({ size: 5 });
  });
});

describe('the journal’s keys', () => {
  const kept = (): Promise<number> =>
    world.connection.exists(
      keys.journal(ref.move),
      keys.ranges(ref.move),
      keys.openAttempts(ref.move),
      keys.reverify(ref.move),
    );
  const fill = async (): Promise<void> => {
    await append('r1', 'a', 'b', 'c', 'd', 'e');
    await append('r1', 'f');
    await raise('r1');
    await mover.setGate(ref, true);
    expect(await kept()).toBe(4);
  };

  it('end with the move, in the script that ends it', async () => {
    await fill();
    const move = await world.move(0);
    await world.writer.end(move, 'cancelled', { route: stable(await world.route(0)) });
    expect(await kept()).toBe(0);
    expect(await world.connection.hget(keys.move(ref.move), 'gate')).toBeNull();
  });

  it('are not dropped while the shard depends on them', async () => {
    await fill();
    await expect(mover.forget(ref)).rejects.toBeInstanceOf(ConflictError);
    await hold(world, 0);
    await expect(mover.forget(ref)).rejects.toBeInstanceOf(ConflictError);
    await settle(world, 0);
    await expect(mover.forget(ref)).rejects.toBeInstanceOf(ConflictError);
    expect(await kept()).toBe(4);
    const move = await world.move(0);
    await world.writer.advance(move, { route: stable(await world.route(0)), what: 'stable' });
    await mover.forget(ref);
    expect(await kept()).toBe(0);
  });
});

it('every call of the mover is refused to an old fence, and changes nothing', async () => {
  await journal.mark(ref, 'r1', await append('r1', 'a'));
  await journal.markRaised(ref, 'r1', await raise('r1'));
  await append('r2', 'b');
  await lapse(world, 'r2');
  const entries = await mover.take({ ...ref, move: 'p1-0' }, 10, true);
  await world.lease.release(true);
  const next = await world.grant(rebalanceScope('books'));
  const before = await world.everything();
  for (const call of [
    () => mover.state(ref),
    () => mover.take(ref, 10, false),
    () => mover.clear(ref, entries),
    () => mover.among(ref, named('a')),
    () => mover.closeReverify(ref, [2]),
    () => mover.setGate(ref, true),
    () => mover.forget(ref),
  ]) {
    await expect(call()).rejects.toBeInstanceOf(StaleFenceError);
  }
  expect(await world.everything()).toEqual(before);
  await next.release(true);
});
