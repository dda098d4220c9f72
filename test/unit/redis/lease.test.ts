// The lease's own clock work, on a clock that the test moves. What Redis does is in test/integration/lease.test.ts.
import { describe, expect, it } from 'vitest';
import { leaseTimings } from '../../../src/core/timing.ts';
import { LeaseLostError, RedisUnreachableError } from '../../../src/errors.ts';
import type { Lease } from '../../../src/ports.ts';
import type { LeaseWatch } from '../../../src/redis/lease-watch.ts';
import { createLeases } from '../../../src/redis/lease.ts';
import type { Reply, Scripts } from '../../../src/redis/scripts.ts';
import { observed, said } from '../../support/observed.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const TIMINGS = leaseTimings(10_000, 2_000);
const SCOPE = 'rebalance:cities';
const OK: Reply = { values: ['ok'] };

interface Situation {
  /** How the lease before ended. */
  readonly how?: string;
  /** Ms since this process saw the last renewal of the lease before; null: never. */
  readonly seenMs?: number | null;
  readonly waits?: (scope: string) => boolean;
}

/** A lease on a virtual clock; `renew` is what Redis answers to a renewal. */
async function hold({ how = 'clean', seenMs = null, waits }: Situation = {}) {
  const clock = new VirtualClock();
  const sent: string[] = [];
  const { observer, told } = observed();
  const redis = {
    renew: (): Promise<Reply> => Promise.resolve(OK),
    release: (): Promise<Reply> => Promise.resolve(OK),
  };
  const scripts: Scripts = {
    try(name, _keys, args) {
      sent.push(`${name} ${args.join(' ')}`);
      return name === 'lease-renew' ? redis.renew() : redis.release();
    },
    run: () => Promise.resolve(['granted', '41', how, '40', '7']),
  };
  const asked: string[] = [];
  const watch: LeaseWatch = {
    sinceMs(scope, fence, seq) {
      asked.push(`${scope} ${fence}/${seq}`);
      return seenMs;
    },
    stop: () => undefined,
  };
  const leases = createLeases({
    scripts,
    clock,
    timings: TIMINGS,
    holder: 'host/1',
    watch,
    logger: said().logger,
    observer,
    ...(waits === undefined ? {} : { waits }),
  });
  const answer = await leases.acquire(SCOPE);
  if (!('lease' in answer)) throw new Error('not granted');
  return { clock, lease: answer.lease, redis, sent, told, asked };
}

const never = (): Promise<Reply> => new Promise(() => undefined);

function lossOf(lease: Lease): string {
  try {
    lease.budgetMs();
  } catch (error) {
    if (error instanceof LeaseLostError) return error.message;
    throw error;
  }
  return '';
}

describe('a holder stops by its own clock', () => {
  it('0.6 TTL after the send time of its last good renewal, whatever hangs in between', async () => {
    const { clock, lease, redis } = await hold();
    await clock.pass(2_000);
    redis.renew = never;
    await clock.pass(5_999);
    expect(lease.signal.aborted).toBe(false);
    await clock.pass(1);
    expect(lease.signal.aborted).toBe(true);
    expect(lossOf(lease)).toContain('was not renewed in time');
  });

  it('counts from when a renewal was sent, not from when its answer came', async () => {
    const { clock, lease, redis } = await hold();
    redis.renew = async () => {
      await clock.sleep(900);
      return OK;
    };
    await clock.pass(2_900);
    redis.renew = never;
    await clock.pass(5_099);
    expect(lease.signal.aborted).toBe(false);
    await clock.pass(1);
    expect(lease.signal.aborted).toBe(true);
  });

  it('an answer that comes after the end does not revive it', async () => {
    const { clock, lease, redis, told } = await hold();
    redis.renew = async () => {
      await clock.sleep(7_000);
      return OK;
    };
    await clock.pass(20_000);
    expect(lease.signal.aborted).toBe(true);
    expect(told.filter((what) => what.startsWith('lease lost'))).toHaveLength(1);
    expect(told).not.toContain(`lease renewed ${SCOPE}`);
  });

  it.each(['fence', 'server', 'expired'])('at once when a renewal is refused: %s', async (refused) => {
    const { clock, lease, redis } = await hold();
    redis.renew = () => Promise.resolve({ refused, detail: '42' });
    await clock.pass(2_000);
    expect(lease.signal.aborted).toBe(true);
    expect(lossOf(lease)).toContain(`was taken: ${refused}`);
  });

  it('a failed renewal is tried again soon, and goes on from there', async () => {
    const { clock, lease, redis, sent } = await hold();
    redis.renew = () => Promise.reject(new RedisUnreachableError('gone'));
    await clock.pass(5_000);
    expect(sent.length).toBeGreaterThan(3);
    redis.renew = () => Promise.resolve(OK);
    await clock.pass(60_000);
    expect(lease.signal.aborted).toBe(false);
    expect(sent.at(-1)).toBe('lease-renew 41 10000');
  });
});

describe('budgetMs is asked right before each side effect', () => {
  it('bounds a request by 0.4 TTL and by what is left, and allows none at the very end', async () => {
    const { clock, lease, redis } = await hold();
    redis.renew = never;
    expect(lease.budgetMs()).toBe(4_000);
    await clock.pass(3_000);
    expect(lease.budgetMs()).toBe(3_000);
    await clock.pass(2_500);
    expect(lossOf(lease)).toContain('ends in 500 ms');
    expect(lease.signal.aborted).toBe(false);
  });

  it('a frozen and woken process is refused in the same turn, before any timer runs', async () => {
    const { clock, lease, told } = await hold();
    clock.jump(7_000);
    expect(lossOf(lease)).toContain('was not renewed in time');
    expect(lease.signal.aborted).toBe(true);
    expect(told).toContain('refused lease');
  });

  it('a suspended machine, whose monotonic clock stood still while the wall clock went on, stops', async () => {
    const { clock, lease } = await hold();
    clock.jump(0, 6_000);
    expect(lossOf(lease)).toContain('was not renewed in time');
    expect(lease.signal.aborted).toBe(true);
  });

  it('a wall clock set back does not prolong anything', async () => {
    const { clock, lease, redis } = await hold();
    redis.renew = never;
    clock.jump(0, -3_600_000);
    await clock.pass(5_999);
    expect(lease.signal.aborted).toBe(false);
    await clock.pass(1);
    expect(lease.signal.aborted).toBe(true);
  });

  it('a process that slept through its renewal does not send it any more', async () => {
    const { clock, lease, sent } = await hold();
    clock.jump(6_500);
    await clock.pass(0);
    expect(lease.signal.aborted).toBe(true);
    expect(sent).toEqual([]);
  });
});

describe('a new holder waits by how the lease before it ended', () => {
  const waitOf = async (situation: Situation): Promise<number> => {
    const { clock, lease } = await hold(situation);
    let ready = false;
    void lease.ready.then(() => (ready = true));
    await clock.pass(0);
    for (let waitedMs = 0; ; waitedMs += 100) {
      if (ready) {
        expect(lease.budgetMs()).toBeGreaterThan(0);
        return waitedMs;
      }
      expect(lossOf(lease)).toContain('a predecessor may still act');
      await clock.pass(100);
    }
  };

  it.each([
    ['clean: starts at once', { how: 'clean' }, 0],
    ['dirty: what the holder sent may take 0.5 TTL to end', { how: 'dirty' }, 5_000],
    ['expired, its last renewal not seen: 1.1 TTL from the grant', { how: 'expired' }, 11_000],
    ['expired, its last renewal seen 10.2 s ago: the rest of 1.1 TTL', { how: 'expired', seenMs: 10_200 }, 800],
    ['expired, last seen longer ago than that: starts at once', { how: 'expired', seenMs: 60_000 }, 0],
    ['Redis restarted: 1.1 TTL, whatever was seen', { how: 'unknown', seenMs: 10_900 }, 11_000],
    ['the planner writes to Redis only, so it does not wait', { how: 'expired', waits: () => false }, 0],
  ])('%s', async (_name, situation: Situation, waitMs) => {
    expect(await waitOf(situation)).toBe(waitMs);
  });

  it('asks for the very renewal that the script found last', async () => {
    const { asked } = await hold({ how: 'expired' });
    expect(asked).toEqual([`${SCOPE} 40/7`]);
  });

  it('a lease lost while it waits does not become ready', async () => {
    const { clock, lease, redis } = await hold({ how: 'expired' });
    redis.renew = () => Promise.resolve({ refused: 'fence', detail: '' });
    await clock.pass(2_000);
    await expect(lease.ready).rejects.toBeInstanceOf(LeaseLostError);
  });
});

describe('release', () => {
  it('tells Redis whether something may still be on its way, and ends acting first', async () => {
    const { lease, redis, sent, clock } = await hold();
    let abortedBefore = false;
    redis.release = () => {
      abortedBefore = lease.signal.aborted;
      return Promise.resolve(OK);
    };
    await lease.release(false);
    expect(abortedBefore).toBe(true);
    expect(sent).toEqual([`lease-release 41 dirty ${SCOPE}`]);
    await lease.release(true);
    await clock.pass(30_000);
    expect(sent).toHaveLength(1);
  });

  it('of a lease that is lost says nothing: a successor may hold it', async () => {
    const { lease, clock, sent } = await hold();
    clock.jump(7_000);
    expect(lossOf(lease)).not.toBe('');
    await lease.release(true);
    expect(sent).toEqual([]);
  });
});

describe('acquire', () => {
  /** Leases whose first request gets no answer; returns the nonces sent. */
  function unanswered() {
    const clock = new VirtualClock();
    const nonces: string[] = [];
    const scripts: Scripts = {
      try: () => Promise.resolve(OK),
      run(_name, _keys, args) {
        nonces.push(String(args[1]));
        return nonces.length === 1
          ? Promise.reject(new RedisUnreachableError('no answer'))
          : Promise.resolve(['granted', '41', 'clean', '40', '']);
      },
    };
    const watch: LeaseWatch = { sinceMs: () => null, stop: () => undefined };
    const { observer } = observed();
    return {
      clock,
      nonces,
      leases: createLeases({ scripts, clock, timings: TIMINGS, holder: 'h', watch, logger: said().logger, observer }),
    };
  }

  it('without an answer is sent again as it was, and counts from the first sending', async () => {
    const { clock, nonces, leases } = unanswered();
    await expect(leases.acquire(SCOPE)).rejects.toBeInstanceOf(RedisUnreachableError);
    await clock.pass(1_000);
    const answer = await leases.acquire(SCOPE);
    if (!('lease' in answer)) throw new Error('not granted');
    expect(nonces[1]).toBe(nonces[0]);
    clock.jump(4_999);
    expect(answer.lease.signal.aborted).toBe(false);
    clock.jump(1);
    expect(lossOf(answer.lease)).toContain('was not renewed in time');
  });

  it('begins anew when that is long ago, for another scope, and for a second caller meanwhile', async () => {
    const { clock, nonces, leases } = unanswered();
    await expect(leases.acquire(SCOPE)).rejects.toBeInstanceOf(RedisUnreachableError);
    clock.jump(1);
    await Promise.all([leases.acquire('rebalance:other'), leases.acquire(SCOPE), leases.acquire(SCOPE)]);
    expect(nonces.filter((nonce) => nonce === nonces[0])).toHaveLength(2);
    const late = unanswered();
    await expect(late.leases.acquire(SCOPE)).rejects.toBeInstanceOf(RedisUnreachableError);
    late.clock.jump(2_000);
    await late.leases.acquire(SCOPE);
    expect(late.nonces[1]).not.toBe(late.nonces[0]);
  });
});

describe('a lease that is released while it still waits', () => {
  it.each(['unknown', 'expired', 'dirty'])(
    '%s: is left to run out, so that the next holder waits as well',
    async (how) => {
      const { clock, lease, sent } = await hold({ how });
      await clock.pass(1_000);
      await lease.release(true);
      expect(lease.signal.aborted).toBe(true);
      expect(sent.filter((what) => what.startsWith('lease-release'))).toEqual([]);
    },
  );
});
