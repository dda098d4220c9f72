import { expect, it } from 'vitest';
import { InvariantError, RedisUnreachableError } from '../../../src/errors.ts';
import { createInsist } from '../../../src/redis/insist.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const ENTRY_MS = 10_000;

/** Insists on a call whose answer never came; `outcome` is what the amends meet. */
async function insisted(outcome: () => Promise<void>, error: Error = new RedisUnreachableError('cut')) {
  const clock = new VirtualClock();
  let tries = 0;
  const call = createInsist({ clock, entryMs: ENTRY_MS }).run(
    () => Promise.reject(error),
    () => {
      tries += 1;
      return outcome();
    },
  );
  await expect(call).rejects.toBe(error);
  return { clock, tries: () => tries };
}

it('hands on what is answered, and makes no amends', async () => {
  const clock = new VirtualClock();
  let tries = 0;
  const count = (): Promise<number> => Promise.resolve((tries += 1));
  expect(await createInsist({ clock, entryMs: ENTRY_MS }).run(() => Promise.resolve('fine'), count)).toBe('fine');
  await clock.pass(ENTRY_MS);
  expect(tries).toBe(0);
});

it('makes amends until they are answered, once Redis did not answer', async () => {
  let cut = true;
  const { clock, tries } = await insisted(() =>
    cut ? Promise.reject(new RedisUnreachableError('cut')) : Promise.resolve(),
  );
  expect(tries()).toBe(0);
  await clock.pass(2_000);
  const before = tries();
  expect(before).toBeGreaterThan(3);
  cut = false;
  await clock.pass(2_000);
  expect(tries()).toBe(before + 1);
});

it('gives up when the registration has ended by itself', async () => {
  const { clock, tries } = await insisted(() => Promise.reject(new RedisUnreachableError('cut')));
  await clock.pass(ENTRY_MS + 1_000);
  const last = tries();
  await clock.pass(ENTRY_MS);
  expect(tries()).toBe(last);
});

it('makes no amends for what Redis has refused, nor goes on with amends that it refuses', async () => {
  const refused = await insisted(() => Promise.resolve(), new InvariantError('refused'));
  await refused.clock.pass(ENTRY_MS);
  expect(refused.tries()).toBe(0);
  const { clock, tries } = await insisted(() => Promise.reject(new InvariantError('refused')));
  await clock.pass(ENTRY_MS);
  expect(tries()).toBe(1);
});
