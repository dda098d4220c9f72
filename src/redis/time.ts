/** Redis' clock, which everything that several processes wait for goes by. */
import type { Redis } from 'ioredis';

/** In whole ms. */
export async function redisNowMs(redis: Redis): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}
