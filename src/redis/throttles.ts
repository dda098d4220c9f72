/** The throttle of copies: one hash, with what is used up of its rates. */
import type { Redis } from 'ioredis';
import { isUnlimited, NO_THROTTLE, parseThrottle, type Throttle } from '../core/throttle.ts';
import type { ThrottleRecord, Throttles } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import { parseJson } from './route-text.ts';
import type { Scripts } from './scripts.ts';

export const throttleOf = (text: string | null | undefined): Throttle =>
  text == null || text === '' ? NO_THROTTLE : parseThrottle(parseJson(text, 'the throttle'));

export function createThrottles({ redis, scripts }: { readonly redis: Redis; readonly scripts: Scripts }): Throttles {
  return {
    async read() {
      const [text, since, actor] = await reading('the throttle', () =>
        redis.hmget(keys.throttle, 'throttle', 'since', 'actor'),
      );
      return { throttle: throttleOf(text), sinceMs: since == null ? null : Number(since), actor: actor ?? null };
    },
    async set(throttle, actor, expected): Promise<ThrottleRecord> {
      const text = isUnlimited(throttle) ? '' : JSON.stringify(throttle);
      const before = expected === undefined ? '' : (expected.sinceMs ?? 0);
      const [, since] = await scripts.run('throttle-set', [keys.throttle], [text, actor, before]);
      return text === ''
        ? { throttle: NO_THROTTLE, sinceMs: null, actor: null }
        : { throttle, sinceMs: Number(since), actor };
    },
    async take(node, documents) {
      // Mostly there is none: then a window costs one small read.
      if ((await reading('the throttle', () => redis.exists(keys.throttle))) === 0)
        return { throttle: NO_THROTTLE, waitMs: 0, sinceMs: null };
      const [, waitMs, text, since] = await scripts.run('throttle-take', [keys.throttle], [node, documents]);
      return { throttle: throttleOf(text), waitMs: Number(waitMs), sinceMs: since === '0' ? null : Number(since) };
    },
  };
}
