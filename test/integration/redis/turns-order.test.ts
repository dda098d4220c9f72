// Turns taken, waited for, left and lost in random orders: two that overlap are never taken at once, who came first goes
// first, and what a router took with it when it died is listed (R9).
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { afterAll, beforeAll, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import type { TurnIds, TurnRequest, TurnToken } from '../../../src/ports.ts';
import { keys } from '../../../src/redis/keys.ts';
import { createRepairLists } from '../../../src/redis/repairs.ts';
import { createTurns } from '../../../src/redis/turns.ts';
import { type World, makeWorld } from '../../support/records-world.ts';
import { withRedis } from '../../support/redis.ts';
import { ENTRY_MS, lapse, registryOf } from '../../support/shards.ts';

const redis = withRedis();
const ROUTERS = ['r1', 'r2', 'r3'];
let world: World;

beforeAll(async () => {
  world = await makeWorld(redis.url);
});
afterAll(() => world.stop());

const router = fc.constantFrom(...ROUTERS);
const ids: fc.Arbitrary<TurnIds> = fc.oneof(
  { weight: 6, arbitrary: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constant('shard' as const) },
);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('take' as const), router, ids }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('ask' as const), pick: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('end' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lapse' as const), router }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A turn as the reference knows it; the list of them is in order of arrival. */
interface Known {
  readonly request: TurnRequest;
  readonly token: TurnToken;
  taken: boolean;
}

const overlap = (a: TurnIds, b: TurnIds): boolean => a === 'shard' || b === 'shard' || a.some((id) => b.includes(id));

async function run(steps: readonly Step[]): Promise<void> {
  await world.connection.flushall();
  for (const id of ROUTERS) await registryOf(world).register(id, id);
  const turns = createTurns({ scripts: world.scripts, clock: systemClock, entryMs: ENTRY_MS });
  const repairs = createRepairLists({
    redis: world.connection,
    scripts: world.scripts,
    clock: systemClock,
    entryMs: ENTRY_MS,
  });
  const gone = new Set<string>();
  const missed = new Set<string>();
  let known: Known[] = [];
  const isFree = (wanted: TurnIds, before: readonly Known[]): boolean =>
    before.every(({ request }) => gone.has(request.registration) || !overlap(request.ids, wanted));
  const pick = (list: readonly Known[], at: number): Known | undefined => list[at % Math.max(1, list.length)];
  const live = (): Known[] => known.filter(({ request }) => !gone.has(request.registration));

  const take = async (registration: string, wanted: TurnIds): Promise<void> => {
    const request = { index: 'books', shard: 0, registration, ids: wanted, owners: ['n1'] };
    const answer = await turns.take(request, null);
    if (answer === 'refused') {
      assert.ok(gone.has(registration));
      return;
    }
    const taken = 'taken' in answer;
    assert.equal(taken, isFree(wanted, known));
    known.push({ request, taken, token: 'taken' in answer ? answer.taken : answer.waiting });
  };
  const ask = async (turn: Known): Promise<void> => {
    const answer = await turns.take(turn.request, turn.token);
    assert.ok(answer !== 'refused');
    assert.equal('taken' in answer ? answer.taken : answer.waiting, turn.token);
    assert.equal('taken' in answer, isFree(turn.request.ids, known.slice(0, known.indexOf(turn))));
    turn.taken = 'taken' in answer;
  };

  for (const now of steps) {
    const chosen = 'pick' in now ? pick(live(), now.pick) : undefined;
    if (now.do === 'take') await take(now.router, now.ids);
    if (now.do === 'lapse') {
      await lapse(world, now.router);
      gone.add(now.router);
    }
    if (chosen === undefined) continue;
    if (now.do === 'ask') {
      await ask(chosen);
      continue;
    }
    if (now.do === 'end') assert.equal(await turns.end(chosen.request, chosen.token, []), chosen.taken);
    else await turns.leave(chosen.request, chosen.token);
    if (now.do === 'leave' || chosen.taken) known = known.filter((turn) => turn !== chosen);
  }
  for (const { request, taken } of known) {
    if (!gone.has(request.registration) || !taken) continue;
    for (const id of request.ids === 'shard' ? ['*'] : request.ids) missed.add(id);
  }
  await turns.endDead('books', 0);
  const listed = await repairs.list('books', 0, 'n1', 100);
  assert.deepEqual(new Set(listed), missed.has('*') ? new Set(['*']) : missed);
  for (const turn of live()) await turns.leave(turn.request, turn.token);
  assert.deepEqual(
    await world.connection.hkeys(keys.turns('books', 0)).then((all) => all.filter((f) => f !== 'next')),
    [],
  );
  assert.equal(await world.connection.exists(keys.turnClaims('books', 0), keys.turnOrder('books', 0)), 0);
}

it('two that overlap are never taken at once, and who came first goes first', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), run), { numRuns: 80 });
}, 60_000);
