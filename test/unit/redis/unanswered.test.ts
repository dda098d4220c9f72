// What routers' calls do when Redis does not answer. What Redis does with it is in test/integration/redis/.
import { expect, it } from 'vitest';
import { RedisUnreachableError } from '../../../src/errors.ts';
import { createJournal } from '../../../src/redis/journal.ts';
import type { Scripts } from '../../../src/redis/scripts.ts';
import { createTurns } from '../../../src/redis/turns.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** Scripts that note what was asked for and answer only while `answers` is set. */
function silent() {
  const clock = new VirtualClock();
  const sent: string[] = [];
  const redis = { answers: false };
  const scripts: Scripts = {
    try: () => Promise.reject(new Error('not used')),
    run(name) {
      sent.push(name);
      if (!redis.answers) return Promise.reject(new RedisUnreachableError('cut'));
      return Promise.resolve([name === 'turn-take' ? 'taken' : 'ok', '7']);
    },
  };
  const options = { scripts, clock, entryMs: 10_000 };
  return { clock, sent, redis, journal: createJournal({ ...options, maxIds: 10 }), turns: createTurns(options) };
}
const ref = { index: 'books', shard: 0, move: 'm' };
const request = { index: 'books', shard: 0, registration: 'r1', ids: ['a'], owners: ['n1', 'n2'] };

it.each([
  ['a mark', 'journal-mark', ({ journal }: ReturnType<typeof silent>) => journal.mark(ref, 'r1', 1)],
  ['a mark of a count', 'journal-raised', ({ journal }: ReturnType<typeof silent>) => journal.markRaised(ref, 'r1', 1)],
  ['the end of a turn', 'turn-end', ({ turns }: ReturnType<typeof silent>) => turns.end(request, '7:r1', ['n2'])],
  ['the leaving of a place', 'turn-leave', ({ turns }: ReturnType<typeof silent>) => turns.leave(request, '7:r1')],
])('%s that was not answered is sent again until it is', async (_name, script, call) => {
  const at = silent();
  await expect(call(at)).rejects.toBeInstanceOf(RedisUnreachableError);
  await at.clock.pass(300);
  expect(at.sent).toEqual([script, script]);
  at.redis.answers = true;
  await at.clock.pass(2_000);
  expect(at.sent).toEqual([script, script, script]);
});

it('a place whose ask was not answered is not asked for again: it is being left', async () => {
  const { clock, sent, redis, turns } = silent();
  await expect(turns.take(request, '7:r1')).rejects.toBeInstanceOf(RedisUnreachableError);
  redis.answers = true;
  expect(await turns.take(request, '7:r1')).toEqual({ taken: '7:r1' });
  await clock.pass(300);
  expect(sent).toEqual(['turn-ask', 'turn-take', 'turn-leave']);
});
