import { afterEach, describe, expect, it } from 'vitest';
import { RedisUnreachableError } from '../../../src/errors.ts';
import { type LeaseWatch, watchLeases } from '../../../src/redis/lease-watch.ts';
import type { Scripts } from '../../../src/redis/scripts.ts';
import { said } from '../../support/observed.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

let watch: LeaseWatch | undefined;
afterEach(() => watch?.stop());

/** A watch that looks every 500 ms at what `seen` says; an answer takes `answerMs`. */
function start(answerMs = 0) {
  const clock = new VirtualClock();
  const seen: { leases: string[]; fails: boolean } = { leases: [], fails: false };
  const scripts: Scripts = {
    try: () => Promise.reject(new Error('not used')),
    async run() {
      const values = [...seen.leases];
      if (seen.fails) throw new RedisUnreachableError('gone');
      if (answerMs > 0) await clock.sleep(answerMs);
      return values;
    },
  };
  watch = watchLeases({ scripts, clock, everyMs: 500, logger: said().logger });
  return { clock, seen, watch };
}
const lease = (scope: string, fence: string, seq: string): string[] => [scope, fence, seq, 'host/2', 'held'];

describe('the watch of all leases', () => {
  it('says since when a lease has not changed, and nothing about a version that it did not see', async () => {
    const { clock, seen, watch: at } = start();
    seen.leases = [...lease('rebalance:a', '40', '7'), ...lease('rebalance:b', '9', '0')];
    await clock.pass(500);
    await clock.pass(2_000);
    expect(at.sinceMs('rebalance:a', '40', '7')).toBe(2_000);
    expect(at.sinceMs('rebalance:a', '40', '8')).toBeNull();
    expect(at.sinceMs('rebalance:a', '41', '7')).toBeNull();
    expect(at.sinceMs('rebalance:c', '40', '7')).toBeNull();
  });

  it('begins anew with every renewal', async () => {
    const { clock, seen, watch: at } = start();
    seen.leases = lease('rebalance:a', '40', '7');
    await clock.pass(3_000);
    seen.leases = lease('rebalance:a', '40', '8');
    await clock.pass(500);
    expect(at.sinceMs('rebalance:a', '40', '8')).toBe(0);
  });

  it('still knows the renewal before, when it sees our own grant before we do', async () => {
    const { clock, seen, watch: at } = start();
    seen.leases = lease('rebalance:a', '40', '7');
    await clock.pass(3_000);
    seen.leases = lease('rebalance:a', '41', '0');
    await clock.pass(500);
    expect(at.sinceMs('rebalance:a', '40', '7')).toBe(3_000);
    expect(at.sinceMs('rebalance:a', '41', '0')).toBe(0);
    seen.leases = lease('rebalance:a', '41', '1');
    await clock.pass(500);
    expect(at.sinceMs('rebalance:a', '40', '7')).toBeNull();
  });

  it('counts from the arrival of the answer, never from before the change', async () => {
    const { clock, seen, watch: at } = start(300);
    await clock.pass(300);
    seen.leases = lease('rebalance:a', '40', '7');
    await clock.pass(800);
    expect(at.sinceMs('rebalance:a', '40', '7')).toBe(0);
  });

  it('keeps what it saw while Redis does not answer, and looks again', async () => {
    const { clock, seen, watch: at } = start();
    seen.leases = lease('rebalance:a', '40', '7');
    await clock.pass(500);
    seen.fails = true;
    await clock.pass(2_500);
    expect(at.sinceMs('rebalance:a', '40', '7')).toBe(2_500);
    seen.fails = false;
    seen.leases = lease('rebalance:a', '40', '8');
    await clock.pass(500);
    expect(at.sinceMs('rebalance:a', '40', '8')).toBe(0);
  });
});
