// Whatever routers and mover do in whatever order: what was noted stays covered until it was carried over, and nothing is
// carried over while its write may still be on its way (R3).
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { afterAll, beforeAll, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import type { JournalEntry, JournalId } from '../../../src/ports.ts';
import { createJournalWriter } from '../../../src/redis/journal-writer.ts';
import { createJournal } from '../../../src/redis/journal.ts';
import { keys } from '../../../src/redis/keys.ts';
import { type World, makeWorld } from '../../support/records-world.ts';
import { withRedis } from '../../support/redis.ts';
import { ENTRY_MS, journalRef, lapse, registryOf } from '../../support/shards.ts';

const redis = withRedis();
const ROUTERS = ['r1', 'r2', 'r3'];
const IDS: readonly JournalId[] = Array.from({ length: 140 }, (_, n) => ({ id: `id-${n}`, slot: n * 256 }));
const ref = journalRef(0);
let world: World;

beforeAll(async () => {
  world = await makeWorld(redis.url);
  await world.start(0);
});
afterAll(() => world.stop());

type Step =
  | { readonly do: 'append'; readonly router: string; readonly ids: readonly JournalId[] }
  | { readonly do: 'mark'; readonly pick: number }
  | { readonly do: 'lapse'; readonly router: string }
  | { readonly do: 'take'; readonly limit: number }
  | { readonly do: 'clear' };

const few = fc.uniqueArray(fc.constantFrom(...IDS.slice(0, 12)), {
  minLength: 1,
  maxLength: 4,
  selector: ({ id }) => id,
});
const router = fc.constantFrom(...ROUTERS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('append' as const), router, ids: few }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('append' as const), router, ids: fc.constant(IDS) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('mark' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lapse' as const), router }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('take' as const), limit: fc.integer({ min: 1, max: 200 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
);

const covers = (entry: JournalEntry, { id, slot }: JournalId): boolean =>
  entry.kind === 'shard' || (entry.kind === 'id' ? entry.id === id : entry.bucket === Math.floor(slot / 256));

async function run(steps: readonly Step[], maxIds: number): Promise<void> {
  const names = [keys.journal, keys.ranges, keys.openAttempts, keys.reverify].map((key) => key(ref.move));
  await world.connection.del(...names, keys.routers);
  for (const id of ROUTERS) await registryOf(world).register(id, id);
  const journal = createJournal({ scripts: world.scripts, clock: systemClock, maxIds, entryMs: ENTRY_MS });
  const mover = createJournalWriter({ scripts: world.scripts, lease: world.lease });
  /** Attempts of each id that were not carried over. */
  const due = new Map<JournalId, Set<number>>(IDS.map((id) => [id, new Set<number>()]));
  const open = new Map<number, string>();
  const gone = new Set<string>();
  let taken: readonly JournalEntry[] = [];

  for (const now of steps) {
    if (now.do === 'append') {
      const answer = await journal.append(ref, now.router, now.ids);
      assert.equal(answer === 'refused', gone.has(now.router));
      if (answer !== 'refused') {
        open.set(answer.attempt, now.router);
        for (const id of now.ids) due.get(id)?.add(answer.attempt);
      }
    } else if (now.do === 'mark') {
      const [attempt, owner] = [...open][now.pick % Math.max(1, open.size)] ?? [0, 'r1'];
      await journal.mark(ref, owner, attempt);
      open.delete(attempt);
    } else if (now.do === 'lapse') {
      await lapse(world, now.router);
      gone.add(now.router);
      for (const [attempt, owner] of open) if (owner === now.router) open.delete(attempt);
    } else if (now.do === 'take') {
      taken = await mover.take(ref, now.limit, false);
      assert.ok(taken.length <= now.limit);
      for (const entry of taken) {
        for (const [id, attempts] of due) {
          const inFlight = [...attempts].filter((attempt) => open.has(attempt) && attempt <= entry.attempt);
          assert.ok(inFlight.length === 0 || !covers(entry, id), `${id.id} was taken while ${inFlight.join()} is open`);
        }
      }
    } else {
      for (const entry of taken) {
        if ((await mover.clear(ref, [entry])) === 0) continue;
        for (const [id, attempts] of due) {
          if (!covers(entry, id)) continue;
          for (const attempt of attempts) if (attempt <= entry.attempt) attempts.delete(attempt);
        }
      }
      taken = [];
    }
    const entries = await mover.take(ref, 1_000, true);
    for (const [id, attempts] of due) {
      const newest = Math.max(0, ...attempts);
      const covered = entries.some((entry) => covers(entry, id) && entry.attempt >= newest);
      assert.ok(newest === 0 || covered, `${id.id} of attempt ${newest} is lost`);
    }
    assert.equal((await mover.state(ref)).open, open.size);
  }
  // With every attempt over, the mover gets all that is left, and the journal ends empty.
  for (const [attempt, owner] of open) await journal.mark(ref, owner, attempt);
  const rest = await mover.take(ref, 1_000, false);
  assert.equal(await mover.clear(ref, rest), rest.length);
  assert.deepEqual(await mover.state(ref), { size: 0, ranges: 0, open: 0, reverifyOpen: 0, reverify: [] });
}

it('what is noted stays covered until it is carried over', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.constantFrom(2, 8, 1_000), run), {
    numRuns: 60,
  });
}, 60_000);
