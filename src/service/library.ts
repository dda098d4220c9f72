/** What applications get: the router and the producer of events. One call gives each, and it connects by itself. */
import { systemClock } from '../clock.ts';
import { type ConfigKey, loadConfig } from '../config.ts';
import { RouterUnconfirmedError } from '../errors.ts';
import {
  type ProducerOptions as QueueOptions,
  type Producer,
  createProducer as openProducer,
} from '../queue/producer.ts';
import { accessOf, driverOptions } from '../redis/access.ts';
import type { Router } from '../routing/api.ts';
import { Miroir } from '../routing/router/library.ts';
import { type Base, closeBase, openBase } from './base.ts';
import { openRouter } from './router.ts';

export interface CreateRouterOptions {
  /** Any form of `redis_url`: the Redis that the fleet's records are in. */
  readonly redis: string;
  /** Any other key of the configuration, as in its file; the environment counts for what is not here. */
  readonly config?: Partial<Record<ConfigKey, unknown>>;
  /** How long the first calls wait until the router is registered (ms). Default 10,000. */
  readonly startMs?: number;
}

/** `redis`: any form of `redis_url`, ioredis options, or a connection of yours, which is then left open by `close`. */
export interface ProducerOptions extends QueueOptions {
  /** With a URL: keys of the configuration about Redis, such as `redis_ca_file`. */
  readonly config?: Partial<Record<ConfigKey, unknown>>;
}

const START_MS = 10_000;
const LOOK_MS = 10;

/** Returns at once; the first calls wait until it serves. A wrong configuration throws here. */
export function createRouter({ redis, config = {}, startMs = START_MS }: CreateRouterOptions): Miroir {
  const loaded = loadConfig(process.env, { log_level: 'warn', ...config, redis_url: redis });
  const opened = openBase(loaded, 'library').then((base) => ({ base, router: openRouter(base, { role: 'library' }) }));
  const ready = opened.then(async ({ base, router }) => {
    await untilServing(base, router, startMs);
    return router;
  });
  // Told to every call; nobody may be waiting yet.
  ready.catch(() => undefined);
  return new Miroir(ready, systemClock, async () => {
    const { base, router } = await opened;
    await router.close();
    await closeBase(base);
  });
}

/** A producer with a connection of its own. Close it when the service ends. A wrong URL throws here. */
export function createProducer({ redis, config = {}, ...options }: ProducerOptions): Producer {
  if (typeof redis !== 'string') return openProducer({ ...options, redis });
  return openProducer({ ...options, redis: driverOptions(accessOf(loadConfig({}, { ...config, redis_url: redis }))) });
}

async function untilServing({ clock }: Base, router: Router, startMs: number): Promise<void> {
  const overMs = clock.monotonic() + startMs;
  for (;;) {
    const readiness = router.readiness();
    if (readiness === true) return;
    if (clock.monotonic() > overMs) {
      throw new RouterUnconfirmedError(`the router does not serve after ${startMs} ms: ${readiness}`, {
        remedy: 'look at Redis',
      });
    }
    await clock.sleep(LOOK_MS);
  }
}
