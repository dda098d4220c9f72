// States of a shard, brought about through the writer without a phase's work; routers that are registered or gone.
import { held, settling } from '../../src/phases/routes.ts';
import type { JournalRef, Registry } from '../../src/ports.ts';
import { keys } from '../../src/redis/keys.ts';
import { createRegistry } from '../../src/redis/registry.ts';
import { said } from './observed.ts';
import type { World } from './records-world.ts';

/** Longer than any test: a registration ends only where a test ends it. */
export const ENTRY_MS = 60_000;

export const journalRef = (shard: number): JournalRef => ({ index: 'books', shard, move: `p1-${shard}` });

/** Has the shard held, as of a hold that is over at once or not at all in a test. */
export async function hold(world: World, shard: number, holdMs = 60_000): Promise<void> {
  const move = await world.move(shard);
  await world.writer.advance(move, { route: held(await world.route(shard), move, holdMs), what: 'held' });
}

export async function settle(world: World, shard: number): Promise<void> {
  const move = await world.move(shard);
  await world.writer.advance(move, { route: settling(await world.route(shard), move), what: 'settling' });
}

export const registryOf = (world: World): Registry =>
  createRegistry({
    redis: world.connection,
    scripts: world.scripts,
    entryMs: ENTRY_MS,
    openNudges: () => {
      throw new Error('nobody listens here');
    },
    logger: said().logger,
  });

/** A registration as if it had not been confirmed for longer than its entry lives; its entry is still there. */
export const lapse = (world: World, id: string): Promise<number> =>
  world.connection.hset(keys.routers, id, JSON.stringify({ untilMs: Date.now() - 1, name: id, acks: {} }));
