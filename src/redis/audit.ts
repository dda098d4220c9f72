/** The audit stream in Redis. */
import type { Redis } from 'ioredis';
import type { AuditEntry, AuditTrail } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';

type Raw = readonly [id: string, values: readonly string[]];

function entryOf([id, values]: Raw): AuditEntry {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < values.length; at += 2) fields[values[at] ?? ''] = values[at + 1] ?? '';
  return { id, fields };
}

export function createAudit(redis: Redis, maxEntries: number): AuditTrail {
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
  };
}
