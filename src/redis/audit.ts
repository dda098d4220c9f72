/** The audit stream in Redis. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { messageOf } from '../errors.ts';
import type { AuditEntry, AuditTrail, Logger } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';

export interface AuditOptions {
  readonly redis: Redis;
  readonly maxEntries: number;
  /** A connection for whoever follows, since it waits inside Redis; disconnected at the end. */
  readonly openFollower: () => Redis;
  readonly logger: Logger;
}

type Raw = readonly [id: string, values: readonly string[]];

/** One wait in Redis: a connection that is dead is noticed after it. */
const BLOCK_MS = 5_000;
const BATCH = 200;
const AGAIN_MS = 1_000;

function entryOf([id, values]: Raw): AuditEntry {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < values.length; at += 2) fields[values[at] ?? ''] = values[at + 1] ?? '';
  return { id, fields };
}

export function createAudit({ redis, maxEntries, openFollower, logger }: AuditOptions): AuditTrail {
  return {
    async note(fields) {
      const args = Object.entries(fields).flat();
      await reading('audit', () => redis.xadd(keys.audit, 'MAXLEN', '~', maxEntries, '*', ...args));
    },
    async after(id, limit) {
      const found = await reading('audit', () => redis.xrange(keys.audit, `(${id}`, '+', 'COUNT', limit));
      return found.map(entryOf);
    },
    async newest() {
      const [last] = await reading('audit', () => redis.xrevrange(keys.audit, '+', '-', 'COUNT', 1));
      return last?.[0] ?? '0-0';
    },
    async *follow(id, signal) {
      const follower = openFollower();
      const onAbort = (): void => follower.disconnect();
      signal.addEventListener('abort', onAbort, { once: true });
      let last = id;
      try {
        while (!signal.aborted) {
          const entries = await next(follower, last, signal, logger);
          last = entries.at(-1)?.id ?? last;
          if (entries.length > 0) yield entries;
        }
      } finally {
        signal.removeEventListener('abort', onAbort);
        follower.disconnect();
      }
    },
  };
}

/** None after a wait for nothing, and after trouble. */
async function next(follower: Redis, last: string, signal: AbortSignal, logger: Logger): Promise<AuditEntry[]> {
  try {
    const found = await follower.xread('COUNT', BATCH, 'BLOCK', BLOCK_MS, 'STREAMS', keys.audit, last);
    return (found?.[0]?.[1] ?? []).map(entryOf);
  } catch (error) {
    if (signal.aborted) return [];
    logger.warn({ problem: messageOf(error) }, 'the audit stream cannot be followed, trying again');
    await Promise.race([sleep(AGAIN_MS), new Promise((resolve) => signal.addEventListener('abort', resolve))]);
    return [];
  }
}
