/** Routers that are alive: their registrations, what they acknowledged, and the nudge that a table changed (R1, R2). */
import type { Redis } from 'ioredis';
import { messageOf } from '../errors.ts';
import type { Acknowledged, Confirmation, Logger, Registry, RouterEntry } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import { parseJson } from './route-text.ts';
import type { Scripts } from './scripts.ts';
import { redisNowMs } from './time.ts';

export interface RegistryOptions {
  readonly redis: Redis;
  readonly scripts: Scripts;
  /** How long an entry counts after its last confirmation (ms). */
  readonly entryMs: number;
  /** Opens the connection for nudges: one that subscribes can do nothing else. Opened by the first who listens. */
  readonly openNudges: () => Redis;
  readonly logger: Logger;
}

function toConfirmation([, run = '', now = '', ...rest]: readonly string[]): Confirmation {
  const epochs = new Map<string, number>();
  for (let at = 0; at + 1 < rest.length; at += 2) epochs.set(rest[at] ?? '', Number(rest[at + 1]));
  return { run, nowMs: Number(now) / 1_000, epochs };
}

export function createRegistry({ redis, scripts, entryMs, openNudges, logger }: RegistryOptions): Registry {
  const listeners = new Set<(index: string) => void>();
  let nudges: Redis | null = null;

  const open = (): Redis => {
    const subscriber = openNudges();
    subscriber.on('message', (_channel: string, index: string) => {
      for (const listen of listeners) listen(index);
    });
    // Resubscribed by itself after a cut; what is published meanwhile is found by the next confirmation.
    subscriber.subscribe(keys.nudge).catch((error: unknown) => {
      logger.debug({ problem: messageOf(error) }, 'not told of changed tables, asking every second only');
    });
    return subscriber;
  };

  return {
    async register(id, name) {
      return toConfirmation(
        await scripts.run('router-register', [keys.routers, keys.indexes], [id, entryMs, keys.routingPrefix, name]),
      );
    },
    async confirm(id, acks: Readonly<Record<string, Acknowledged>>) {
      const values = await scripts.run(
        'router-confirm',
        [keys.routers, keys.indexes],
        [id, entryMs, keys.routingPrefix, JSON.stringify(acks)],
      );
      return values[0] === 'gone' ? null : toConfirmation(values);
    },
    async handIn({ index, epoch, shards }) {
      const text = JSON.stringify({ epoch, shards: shards.map(({ owners }) => ({ owners })) });
      await scripts.run('table-hand-in', [keys.routing(index), keys.handed, keys.run], [index, epoch, text]);
    },
    async leave(id) {
      await scripts.run('router-leave', [keys.routers], [id]);
    },
    async live() {
      return reading('routers', async () => {
        const nowMs = await redisNowMs(redis);
        const entries = Object.entries(await redis.hgetall(keys.routers));
        return entries
          .map(([id, text]) => ({ ...(parseJson(text, `router ${id}`) as Omit<RouterEntry, 'id'>), id }))
          .filter(({ untilMs }) => untilMs > nowMs)
          .map(({ id, name, untilMs, acks, confirmedMs }) => ({
            id,
            name,
            untilMs,
            acks,
            ...(confirmedMs === undefined ? {} : { confirmedMs }),
          }));
      });
    },
    onNudge(listen) {
      nudges ??= open();
      // One entry for each call, so that the same function may listen twice.
      const entry = (index: string): void => listen(index);
      listeners.add(entry);
      return () => {
        listeners.delete(entry);
        if (listeners.size > 0) return;
        nudges?.disconnect();
        nudges = null;
      };
    },
  };
}
