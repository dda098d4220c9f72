/** Anti-entropy's own records: the pass that goes on, those that are over, and places for reading nodes. */
import type { Redis } from 'ioredis';
import type { Clock, Pass, Passes, ReadingPlaces } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import { parseJson } from './route-text.ts';
import type { Scripts } from './scripts.ts';
import { redisNowMs } from './time.ts';

const PASS_KEYS = [keys.pass, keys.passLeft, keys.passLooked, keys.passes];

export function createPasses({ redis, scripts }: { readonly redis: Redis; readonly scripts: Scripts }): Passes {
  const flag = (is: boolean): number => (is ? 1 : 0);
  return {
    async due(all, intervalMs, shardsMax) {
      const [, ...tasks] = await scripts.run('pass-due', PASS_KEYS, [intervalMs, shardsMax, ...all]);
      return tasks;
    },
    async wish() {
      await scripts.run('pass-wish', [keys.pass], []);
    },
    async has(task) {
      return reading('the pass', async () => (await redis.sismember(keys.passLeft, task)) === 1);
    },
    async note(task, { isScanned, hasDrift, repairs, left, isFailed }) {
      const args = [task, flag(isScanned), flag(hasDrift), repairs, left, flag(isFailed)];
      const [, answer] = await scripts.run('pass-note', PASS_KEYS, args);
      return answer === 'over' ? 'over' : 'on';
    },
    async list() {
      const [, ...passes] = await scripts.run('passes-list', PASS_KEYS, []);
      return passes.map((text) => parseJson(text, 'a pass') as Pass);
    },
    async nowMs() {
      return reading('the time', () => redisNowMs(redis));
    },
  };
}

export interface ReadingPlacesOptions {
  readonly scripts: Scripts;
  readonly clock: Clock;
  /** At one node, over all processes. */
  readonly most: number;
}

export function createReadingPlaces({ scripts, clock, most }: ReadingPlacesOptions): ReadingPlaces {
  const name = clock.random().toString(36).slice(2);
  let places = 0;
  return {
    async take(node, keepMs) {
      places += 1;
      const place = `${name}-${places}`;
      const [answer, waitMs] = await scripts.run('reading-place', [keys.readingPlaces(node)], [place, most, keepMs]);
      if (answer === 'taken') return { place };
      return { waitMs: answer === 'rests' ? Number(waitMs) : null };
    },
    async give(node, place, restMs) {
      await scripts.run('reading-place-end', [keys.readingPlaces(node)], [place, Math.ceil(restMs)]);
    },
  };
}
