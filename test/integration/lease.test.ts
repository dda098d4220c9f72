// The lease between processes, on a real Redis. Each participant has connections of its own, as a process has; the one
// that is to be cut off reaches Redis through a proxy.
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { leaseTimings } from '../../src/core/timing.ts';
import { StaleFenceError, messageOf } from '../../src/errors.ts';
import type { Lease, Leases } from '../../src/ports.ts';
import { connect, untilReady } from '../../src/redis/connection.ts';
import { PLANNER_SCOPE, dutyScope, keys, rebalanceScope } from '../../src/redis/keys.ts';
import { type LeaseWatch, watchLeases } from '../../src/redis/lease-watch.ts';
import { createLeases } from '../../src/redis/lease.ts';
import { type Scripts, createScripts } from '../../src/redis/scripts.ts';
import { runAt } from '../support/lua-at.ts';
import { observed, said } from '../support/observed.ts';
import { type TcpProxy, startProxy } from '../support/proxy.ts';
import { withRedis } from '../support/redis.ts';
import { untilTrue } from '../support/until.ts';

const TTL_MS = 1_000;
const TIMINGS = leaseTimings(TTL_MS, 200);
/** Timers and sockets of a busy machine; far below the 0.5 TTL between a holder's end and its successor's start. */
const LATE_MS = 150;
/** How late a busy machine may be; what must come before what is asserted beside it. */
const BUSY_MS = 2_000;

const redis = withRedis({ aof: 'always' });

interface Participant {
  readonly leases: Leases;
  readonly watch: LeaseWatch;
  readonly scripts: Scripts;
  readonly redis: Redis;
  readonly told: string[];
}

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function participant(holder: string, port = redis.port): Promise<Participant> {
  const { logger } = said();
  const url = `redis://127.0.0.1:${port}`;
  const connection = connect({ url, kind: 'commands', commandMs: TIMINGS.attemptMs, logger });
  await untilReady(connection, url, 5_000);
  const { observer, told } = observed();
  const scripts = createScripts(connection, { hit: () => Promise.resolve() }, (reason) => observer.refused(reason));
  const watch = watchLeases({ scripts, clock: systemClock, everyMs: TIMINGS.watchMs, logger });
  cleanUps.push(() => {
    watch.stop();
    connection.disconnect();
  });
  const waits = (scope: string): boolean => scope !== PLANNER_SCOPE;
  const leases = createLeases({
    scripts,
    clock: systemClock,
    timings: TIMINGS,
    holder,
    watch,
    logger,
    observer,
    waits,
  });
  return { leases, watch, scripts, redis: connection, told };
}

async function proxied(holder: string): Promise<Participant & { readonly proxy: TcpProxy }> {
  const proxy = await startProxy(redis.port);
  cleanUps.push(() => proxy.stop());
  return { ...(await participant(holder, proxy.port)), proxy };
}

let indexes = 0;
const newScope = (): string => rebalanceScope(`index${(indexes += 1)}`);

async function grant({ leases }: Participant, scope: string): Promise<Lease> {
  const answer = await leases.acquire(scope);
  if (!('lease' in answer)) throw new Error(`held by ${answer.busy.holder}`);
  cleanUps.push(() => answer.lease.release(true).catch(() => undefined)); // Redis may be gone by then
  return answer.lease;
}

/** Tries until it is granted, as a claim does. */
async function grantSoon(who: Participant, scope: string): Promise<Lease> {
  let lease: Lease | undefined;
  await untilTrue(
    async () => {
      const answer = await who.leases.acquire(scope);
      if ('lease' in answer) lease = answer.lease;
      return lease !== undefined;
    },
    5 * TTL_MS,
    () => `${scope} was never granted`,
  );
  if (lease === undefined) throw new Error('not granted');
  const granted = lease;
  cleanUps.push(() => granted.release(true).catch(() => undefined)); // Redis may be gone by then
  return lease;
}

const abortedAt = (lease: Lease): Promise<number> =>
  new Promise((resolve) => {
    lease.signal.addEventListener('abort', () => resolve(performance.now()), { once: true });
  });

describe('A1: two workers, one lease per index', () => {
  it('the second is refused while the first renews, and told by whom and for how long', async () => {
    const [one, two] = [await participant('host/1'), await participant('host/2')];
    const scope = newScope();
    const lease = await grant(one, scope);
    let refusals = 0;
    const from = performance.now();
    await untilTrue(async () => {
      const answer = await two.leases.acquire(scope);
      if ('lease' in answer) throw new Error('two holders');
      expect(answer.busy.holder).toBe('host/1');
      expect(answer.busy.remainingMs).toBeLessThanOrEqual(TTL_MS);
      refusals += 1;
      return performance.now() - from > 1.2 * TTL_MS;
    });
    expect(refusals).toBeGreaterThan(10);
    expect(lease.signal.aborted).toBe(false);
    expect(one.told.filter((what) => what === `lease renewed ${scope}`).length).toBeGreaterThan(3);
  });

  it('of twenty that ask at once, exactly one gets it', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, (_, at) => participant(`host/${at}`)));
    const scope = newScope();
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => all.map(({ leases }) => leases.acquire(scope))).flat(),
    );
    const granted = answers.flatMap((answer) => ('lease' in answer ? [answer.lease] : []));
    expect(granted).toHaveLength(1);
    await granted[0]?.release(true);
  });

  it('scopes are apart from each other', async () => {
    const [one, two] = [await participant('host/1'), await participant('host/2')];
    const leases = [await grant(one, newScope()), await grant(two, newScope())];
    expect(leases.map((lease) => lease.signal.aborted)).toEqual([false, false]);
  });

  it('of a duty’s task ends with its index: a day after its last use nothing is left of it', async () => {
    const one = await participant('host/1');
    const DAY_MS = 86_400_000;
    const scope = dutyScope('anti-entropy', 'gone/0');
    const lease = await grant(one, scope);
    // Long before it is renewed.
    expect(await one.redis.pttl(keys.lease(scope))).toBeGreaterThan(DAY_MS - BUSY_MS);
    for (const forEver of [rebalanceScope('gone'), PLANNER_SCOPE]) {
      const held = await grant(one, forEver);
      expect(await one.redis.pttl(keys.lease(forEver))).toBe(-1);
      await held.release(true);
    }
    // As a lease has it whose task runs for long.
    await one.redis.persist(keys.lease(scope));
    await untilTrue(async () => (await one.redis.pttl(keys.lease(scope))) > DAY_MS - BUSY_MS);
    await lease.release(false);
    expect(await one.redis.pttl(keys.lease(scope))).toBeGreaterThan(DAY_MS - 2 * BUSY_MS);
    expect(await one.redis.sismember(keys.leases, scope)).toBe(1);
    await one.redis.pexpire(keys.lease(scope), 1);
    await untilTrue(async () => (await one.redis.sismember(keys.leases, scope)) === 0);
    expect(Number((await grant(one, scope)).fence)).toBeGreaterThan(Number(lease.fence));
  });

  it('at the very instant of its end a lease is still held; a millisecond later it is not', async () => {
    const { redis: connection } = await participant('host/1');
    const key = keys.lease(newScope());
    const at = Date.now();
    const acquire = (holder: string, atMs: number): Promise<string[]> =>
      runAt(connection, 'lease-acquire', atMs, [key, keys.leases], [holder, `${holder}/${atMs}`, TTL_MS, 'x']);
    const [, fence = ''] = await acquire('first', at);
    expect(await acquire('second', at + TTL_MS)).toEqual(['busy', 'first', '0', fence, expect.any(String)]);
    const renew = (atMs: number): Promise<string[]> => runAt(connection, 'lease-renew', atMs, [key], [fence, TTL_MS]);
    expect(await renew(at + TTL_MS)).toEqual(['ok']);
    expect(await renew(at + 2 * TTL_MS + 1)).toEqual(['refused', 'expired', fence]);
    expect(await acquire('second', at + 2 * TTL_MS)).toEqual(['busy', 'first', '0', fence, expect.any(String)]);
    expect(await acquire('second', at + 2 * TTL_MS + 1)).toMatchObject([
      'granted',
      expect.any(String),
      'expired',
      fence,
      '1',
    ]);
    expect(await renew(at + 2 * TTL_MS + 2)).toEqual(['refused', 'fence', expect.any(String)]);
    await connection.srem(keys.leases, 'x');
  });

  it('an acquire that is sent again with its nonce gets its first answer, and no new fence', async () => {
    // One that waits for its answer as long as it takes.
    const connection = new Redis(redis.url);
    cleanUps.push(() => connection.disconnect());
    const scope = newScope();
    const send = (nonce: string, atMs: number): Promise<string[]> =>
      runAt(connection, 'lease-acquire', atMs, [keys.lease(scope), keys.leases], ['host/1', nonce, TTL_MS, scope]);
    const at = Date.now();
    const [, firstFence = ''] = await send('n1', at);
    const [, fence = ''] = await send('n2', at + TTL_MS + 1);
    expect(await send('n2', at + TTL_MS + 100)).toEqual(['granted', fence, 'expired', firstFence, '']);
    expect(await send('n3', at + TTL_MS + 100)).toEqual(['busy', 'host/1', '901', fence, '0']);
    expect(BigInt(fence)).toBeGreaterThan(BigInt(firstFence));
  });
});

function refuses(act: () => unknown, words: string): boolean {
  try {
    act();
    return false;
  } catch (error) {
    return messageOf(error).includes(words);
  }
}

describe('a holder that is cut off', () => {
  it('stops before anyone else starts, and a successor that watched starts 1.1 TTL after the last renewal it saw', async () => {
    const one = await proxied('host/1');
    const two = await participant('host/2');
    const scope = newScope();
    const first = await grant(one, scope);
    await untilTrue(() => one.told.includes(`lease renewed ${scope}`));
    const stopped = abortedAt(first);
    const cutAt = performance.now();
    one.proxy.cut();
    const second = await grantSoon(two, scope);
    const grantedAt = performance.now();
    // Unless this process got its turn only when the wait was over.
    const isOver = performance.now() - cutAt >= TIMINGS.takeoverMs - TIMINGS.renewMs - LATE_MS;
    expect(isOver || refuses(() => second.budgetMs(), 'a predecessor may still act')).toBe(true);
    await second.ready;
    const startedAt = performance.now();
    const stoppedAt = await stopped;
    expect(stoppedAt - cutAt).toBeLessThan(TIMINGS.selfStopMs + BUSY_MS);
    // What the first had sent when it stopped has ended, too: a request takes at most 0.4 TTL.
    expect(startedAt - stoppedAt).toBeGreaterThan(TIMINGS.requestMs);
    expect(startedAt - cutAt).toBeGreaterThan(TIMINGS.takeoverMs - TIMINGS.renewMs - LATE_MS);
    expect(startedAt - cutAt).toBeLessThan(TIMINGS.takeoverMs + TIMINGS.watchMs + BUSY_MS);
    expect(startedAt - grantedAt).toBeLessThan(TIMINGS.takeoverMs / 2);
    expect(BigInt(second.fence)).toBeGreaterThan(BigInt(first.fence));
  });

  it('a successor that did not watch waits 1.1 TTL from its grant', async () => {
    const one = await proxied('host/1');
    const scope = newScope();
    await grant(one, scope);
    one.proxy.cut();
    // Began to look when the lease was over: the key alone says nothing of when it was last renewed.
    await untilTrue(async () => {
      const look = new Redis(redis.url);
      const until = Number(await look.hget(keys.lease(scope), 'until'));
      look.disconnect();
      return Date.now() > until;
    });
    const two = await participant('host/2');
    const second = await grantSoon(two, scope);
    const grantedAt = performance.now();
    await second.ready;
    expect(performance.now() - grantedAt).toBeGreaterThan(TIMINGS.takeoverMs - TIMINGS.watchMs - LATE_MS);
  });

  it('whose answers alone are lost stops as well, although its renewals arrive', async () => {
    const one = await proxied('host/1');
    const scope = newScope();
    const lease = await grant(one, scope);
    const stopped = abortedAt(lease);
    const cutAt = performance.now();
    one.proxy.cut('answers');
    expect((await stopped) - cutAt).toBeLessThan(TIMINGS.selfStopMs + BUSY_MS);
    expect(() => lease.budgetMs()).toThrow('was not renewed in time');
  });

  it('gets every script refused once another holds the lease, and its late renewal revives nothing', async () => {
    const one = await proxied('host/1');
    const two = await participant('host/2');
    const scope = newScope();
    const first = await grant(one, scope);
    one.proxy.cut();
    const second = await grantSoon(two, scope);
    one.proxy.heal();
    const note = (who: Participant, { fence }: Lease): Promise<readonly string[]> =>
      who.scripts.run('move-note', [keys.lease(scope), keys.move('none')], [fence, '-', 'field', 'value']);
    await untilTrue(() => one.redis.status === 'ready');
    await untilTrue(
      async () => {
        const error: unknown = await note(one, first).then(
          () => null,
          (reason: unknown) => reason,
        );
        return error instanceof StaleFenceError && error.details['reason'] === 'fence';
      },
      3_000,
      () => 'the old fence was not refused',
    );
    expect(one.told).toContain('refused fence');
    expect(await one.scripts.try('lease-renew', [keys.lease(scope)], [first.fence, TTL_MS])).toMatchObject({
      refused: 'fence',
    });
    expect(
      await one.scripts.try('lease-release', [keys.lease(scope), keys.leases], [first.fence, 'clean', scope]),
    ).toMatchObject({
      refused: 'fence',
    });
    expect(second.signal.aborted).toBe(false);
    expect(await note(two, second).catch((error: unknown) => String(error))).toContain('missing');
  });
});

describe('the way a lease ends decides how the next begins', () => {
  it('clean: the next starts at once', async () => {
    const [one, two] = [await participant('host/1'), await participant('host/2')];
    const scope = newScope();
    await (await grant(one, scope)).release(true);
    const next = await grant(two, scope);
    await next.ready;
    expect(next.budgetMs()).toBeGreaterThan(TIMINGS.requestMs - LATE_MS);
    expect(await two.redis.sismember(keys.leases, scope)).toBe(1);
    await next.release(true);
    expect(await two.redis.sismember(keys.leases, scope)).toBe(0);
  });

  it('dirty: the next waits as long as what was sent may take', async () => {
    const [one, two] = [await participant('host/1'), await participant('host/2')];
    const scope = newScope();
    await (await grant(one, scope)).release(false);
    const from = performance.now();
    const next = await grant(two, scope);
    expect(() => next.budgetMs()).toThrow('a predecessor may still act');
    await next.ready;
    expect(performance.now() - from).toBeGreaterThan(TIMINGS.residueMs - 5);
    expect(performance.now() - from).toBeLessThan(TIMINGS.takeoverMs);
  });

  it('the planner’s scope does not wait: it writes to Redis only, where the fence stops a predecessor', async () => {
    const [one, two] = [await participant('host/1'), await participant('host/2')];
    await (await grant(one, PLANNER_SCOPE)).release(false);
    const next = await grant(two, PLANNER_SCOPE);
    await next.ready;
    expect(next.budgetMs()).toBeGreaterThan(0);
  });
});

describe('after Redis lost its data or restarted', () => {
  it('lost: the fence still grows, and the holder before is refused', async () => {
    const [one, two] = [await participant('host/1'), await participant('host/2')];
    const scope = newScope();
    const first = await grant(one, scope);
    await one.redis.flushall();
    const second = await grant(two, scope);
    expect(BigInt(second.fence)).toBeGreaterThan(BigInt(first.fence));
    await untilTrue(() => first.signal.aborted, TTL_MS);
    expect(await one.scripts.try('move-note', [keys.lease(scope), keys.move('x')], [first.fence, '-'])).toMatchObject({
      refused: 'fence',
    });
  });

  it('restarted with its file: the old fence is refused, and the next holder waits 1.1 TTL from its grant', async () => {
    const [one, two] = [await participant('host/1'), await participant('host/2')];
    const scope = newScope();
    const first = await grant(one, scope);
    redis.process.kill('SIGKILL');
    await redis.process.restart();
    await untilTrue(() => one.redis.status === 'ready' && two.redis.status === 'ready');
    expect(await one.scripts.try('move-note', [keys.lease(scope), keys.move('x')], [first.fence, '-'])).toMatchObject({
      refused: 'server',
    });
    expect(await one.scripts.try('lease-renew', [keys.lease(scope)], [first.fence, TTL_MS])).toMatchObject({
      refused: 'server',
    });
    await untilTrue(() => first.signal.aborted, TTL_MS);
    // Whoever holds it by the file does not hold it any more: nobody waits for its TTL first.
    const second = await grant(two, scope);
    const grantedAt = performance.now();
    expect(BigInt(second.fence)).toBeGreaterThan(BigInt(first.fence));
    await second.ready;
    expect(performance.now() - grantedAt).toBeGreaterThan(TIMINGS.takeoverMs - LATE_MS);
  });
});
