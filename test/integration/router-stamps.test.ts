// When documents were written and deleted, as routers tell it: Redis time, in the order of the writes.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisUnreachableError } from '../../src/errors.ts';
import { createFleetWriter } from '../../src/redis/plan-writer.ts';
import type { Scripts } from '../../src/redis/scripts.ts';
import { createTombstones } from '../../src/redis/tombstones.ts';
import { createTurns } from '../../src/redis/turns.ts';
import type { Base } from '../../src/service.ts';
import { startTestFleet } from '../support/fleet.ts';
import type { TestFleet } from '../support/fleet.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { switchesOf } from '../support/switches.ts';
import type { NodeSwitches } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const CONFIG = { lease_ttl_secs: 10, lease_renewal_interval_ms: 2_000 };

describe('stamps and tombstones', () => {
  let fleet: TestFleet;
  let calls: RouterCalls;
  let indexes = 0;
  const opened: RouterCalls[] = [];

  beforeAll(async () => {
    fleet = await startTestFleet({ nodes: 2, config: CONFIG });
    calls = await open({});
  });

  afterAll(async () => {
    await Promise.all(opened.map((one) => one.close()));
    await fleet.stop();
  });

  async function open(parts: Partial<Base>): Promise<RouterCalls> {
    const base = { ...fleet.base, ...parts };
    const turns = parts.turns ?? createTurns({ ...base, entryMs: base.timings.routerEntryMs });
    const one = await RouterCalls.open({ ...base, turns });
    opened.push(one);
    return one;
  }
  /** Scripts before which something is done. */
  const scriptsWith = (before: (name: string) => Promise<void>): Scripts => ({
    ...fleet.base.scripts,
    async run(name, keys, args) {
      await before(name);
      return fleet.base.scripts.run(name, keys, args);
    },
  });
  const node = (id: string): NodeSwitches => switchesOf(fleet.nodes.find((one) => one.id === id) ?? { url: '' });
  const redisMs = async (): Promise<number> => {
    const [seconds, micros] = await fleet.base.redis.time();
    return Number(seconds) * 1_000 + Number(micros) / 1_000;
  };
  const tombstones = () => createTombstones(fleet.base);

  async function stage({ copies = 2, shards = 1 }: { readonly copies?: number; readonly shards?: number } = {}) {
    const index = `stamps${(indexes += 1)}`;
    await fleet.createIndex({ uid: index, shards, replicationFactor: copies, documents: [] });
    for (const one of opened) await untilTrue(async () => (await one.search(index)).status === 200);
    return index;
  }
  async function stampOn(id: string, index: string, key: string): Promise<number> {
    const text = (await node(id).texts(index)).get(key) ?? '{}';
    return (JSON.parse(text) as Record<string, number>)['_miroir_updated_at'] ?? NaN;
  }

  it('are Redis’ time, whatever the clock of the process says, and the same on every owner', async () => {
    const clock = { ...fleet.base.clock, now: () => fleet.base.clock.now() - 3_600_000 };
    const slow = await open({ clock });
    const index = await stage();
    const fromMs = Math.floor(await redisMs());
    await slow.ended(await slow.put(index, [{ id: 1 }]));
    const stamp = await stampOn('n1', index, '1');
    expect(stamp).toBeGreaterThanOrEqual(fromMs);
    expect(stamp).toBeLessThanOrEqual(await redisMs());
    expect(await stampOn('n2', index, '1')).toBe(stamp);
  });

  it('are later for the later of two writes, also where a router knows Redis’ time badly', async () => {
    const far = await open({
      scripts: scriptsWith(async (name) => {
        if (/^router-(?:register|confirm)$/.test(name)) await sleep(150);
      }),
    });
    const index = await stage();
    await far.put(index, [{ id: 'a' }]);
    await calls.ended(await calls.put(index, [{ id: 'b' }]));
    const [a, b] = [await stampOn('n1', index, '"a"'), await stampOn('n1', index, '"b"')];
    expect(b).toBeGreaterThan(a);
  });

  it('are told when a write has its turn, not when it came', async () => {
    const index = await stage();
    await node('n2').fault({ match: { path: `^/indexes/${index}/documents` }, do: 'delay', ms: 400, times: 1 });
    const first = calls.put(index, [{ id: 'hot', at: 1 }]);
    await untilTrue(async () => (await node('n2').asked(`^/indexes/${index}/documents\\?`)).length === 1);
    const cameMs = await redisMs();
    const second = await calls.put(index, [{ id: 'hot', at: 2 }]);
    await first;
    await calls.ended(second);
    expect(await stampOn('n1', index, '"hot"')).toBeGreaterThan(cameMs + 200);
  });

  it('a delete leaves its ids and its time, without a call of its own, and what is written next is later', async () => {
    const asked: string[] = [];
    const counted = await open({
      scripts: scriptsWith(async (name) => {
        if (!name.startsWith('router-') && !name.startsWith('observations-')) asked.push(name);
        await Promise.resolve();
      }),
    });
    const index = await stage({ shards: 4 });
    const ids = Array.from({ length: 50 }, (_, id) => id);
    await counted.put(index, [{ id: 'kept' }]);
    const fromMs = Math.floor(await redisMs());
    asked.length = 0;
    await counted.remove(index, ids);
    const each = (name: string): string[] => Array.from({ length: 4 }, () => name);
    expect(asked.filter((name) => name.startsWith('turn-')).toSorted()).toEqual([
      ...each('turn-end'),
      ...each('turn-take'),
    ]);
    expect(asked.filter((name) => !/^turn-|^task-/.test(name))).toEqual([]);
    await counted.ended(await counted.put(index, [{ id: 7 }]));
    const known = await Promise.all(
      Array.from({ length: 4 }, (_, shard) => tombstones().known(index, shard, [...ids.map(String), 'kept'])),
    );
    const times = new Map(known.flatMap(({ atMs }) => [...atMs]));
    expect([...times.keys()].sort()).toEqual(ids.map(String).sort());
    expect(known.map(({ doubtMs }) => doubtMs)).toEqual([-1, -1, -1, -1]);
    expect(times.get('7')).toBeGreaterThanOrEqual(fromMs);
    expect(await stampOn('n1', index, '7')).toBeGreaterThan(times.get('7') ?? Infinity);
  });

  it('a delete by filter leaves its shards in doubt, and a document with one owner leaves nothing', async () => {
    const index = await stage();
    await calls.put(index, [{ id: 1 }]);
    const fromMs = Math.floor(await redisMs());
    await calls.removeByFilter(index, null);
    const { doubtMs } = await tombstones().known(index, 0, []);
    expect(doubtMs).toBeGreaterThanOrEqual(fromMs);
    const single = await stage({ copies: 1 });
    await calls.remove(single, [1, 2]);
    await calls.removeByFilter(single, null);
    expect(await tombstones().known(single, 0, ['1', '2'])).toEqual({ atMs: new Map(), doubtMs: -1, lostMs: -1 });
  });

  it('a delete that no owner took leaves nothing, and one whose end is not known is sent again', async () => {
    const index = await stage();
    for (const id of ['n1', 'n2'])
      await node(id).fault({ match: { path: `^/indexes/${index}/documents/delete-batch` }, do: 'status', status: 503 });
    expect((await calls.remove(index, ['kept'])).status).toBe(503);
    for (const id of ['n1', 'n2']) await node(id).clearFaults();
    expect((await tombstones().known(index, 0, ['kept'])).atMs.size).toBe(0);
    let failures = 1;
    const failing = await open({
      scripts: scriptsWith(async (name) => {
        if (name === 'turn-end' && failures-- > 0) throw new RedisUnreachableError('cut off for the test');
        await Promise.resolve();
      }),
    });
    await untilTrue(async () => (await failing.search(index)).status === 200);
    const before = (await node('n1').asked(`^/indexes/${index}/documents/delete-batch`)).length;
    expect((await failing.remove(index, ['gone'])).status).toBe(202);
    expect((await node('n1').asked(`^/indexes/${index}/documents/delete-batch`)).length - before).toBe(2);
    expect((await tombstones().known(index, 0, ['gone'])).atMs.has('gone')).toBe(true);
  });

  it('beyond the bound the oldest go, and up to their time all is in doubt', async () => {
    const { scripts, clock, timings } = fleet.base;
    const entryMs = timings.routerEntryMs;
    const few = await open({ turns: createTurns({ scripts, clock, entryMs, maxTombstones: 3 }) });
    const index = await stage();
    for (const ids of [['a', 'b'], ['c', 'd'], ['e']]) await few.remove(index, ids);
    const known = await tombstones().known(index, 0, ['a', 'b', 'c', 'd', 'e']);
    expect([...known.atMs.keys()]).toEqual(['c', 'd', 'e']);
    const [c = NaN, e = NaN] = ['c', 'e'].map((id) => known.atMs.get(id));
    expect(known.doubtMs).toBeLessThan(c);
    expect(known.doubtMs).toBeGreaterThan(Date.now() - 60_000);
    // Found equal since: what was deleted before is gone everywhere.
    await tombstones().settle(index, 0, known.doubtMs + 1, c);
    expect(await tombstones().known(index, 0, ['c'])).toEqual({
      atMs: new Map([['c', c]]),
      doubtMs: -1,
      lostMs: -1,
    });
    await tombstones().settle(index, 0, e + 1, e);
    expect((await tombstones().known(index, 0, ['c', 'e'])).atMs).toEqual(new Map([['e', e]]));
    // What falls out now was deleted before that, too.
    await few.remove(index, ['f', 'g', 'h']);
    expect(await tombstones().known(index, 0, ['e'])).toEqual({ atMs: new Map(), doubtMs: -1, lostMs: -1 });
  });

  it('an index from before there were tombstones is in doubt, and a deleted one leaves nothing', async () => {
    const index = await stage();
    await fleet.base.redis.del(`{miroir}:doubt:${index}`);
    expect((await tombstones().known(index, 0, [])).doubtMs).toBe(Infinity);
    await calls.remove(index, [1]);
    await createFleetWriter(fleet.base.scripts, 1_000).deleteIndex(index, 1_000);
    expect(await fleet.base.redis.keys(`{miroir}:tombstones:${index}:*`)).toEqual([]);
    expect(await fleet.base.redis.exists(`{miroir}:doubt:${index}`)).toBe(0);
  });
});
