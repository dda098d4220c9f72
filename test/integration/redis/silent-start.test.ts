// What is made while Redis answers nothing works once it answers: a planner that starts beside a busy Redis must not stay
// without a queue for the rest of its life.
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type RedisProcess, startRedis } from '../../../src/fleet/redis.ts';
import { NO_FAILPOINT } from '../../../src/queue/add.ts';
import { createMoveQueue } from '../../../src/queue/flows.ts';
import { createProducer } from '../../../src/queue/producer.ts';
import { connect, untilReady } from '../../../src/redis/connection.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';

const COMMAND_MS = 100;
const logger = createLogger({ level: 'silent', role: 'test' });

let redis: RedisProcess;
beforeEach(async () => {
  redis = await startRedis({ aof: 'off' });
});
const cleanUps: (() => void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
  await redis.stop();
});

/** As long as `make` takes, a Redis that it is connected to already answers nothing. */
async function whileSilent<T>(make: (connection: Redis) => Promise<T>): Promise<T> {
  const connection = connect({ url: redis.url, kind: 'commands', commandMs: COMMAND_MS, logger });
  cleanUps.push(() => connection.disconnect());
  await untilReady(connection, redis.url, 5_000);
  redis.kill('SIGSTOP');
  const made = await make(connection);
  redis.kill('SIGCONT');
  return made;
}

it('a claim is added although Redis was silent when the queue was made', async () => {
  const queue = await whileSilent(async (connection) => {
    const made = createMoveQueue({ connection, failpoint: NO_FAILPOINT, logger });
    await expect(made.claim('books')).rejects.toThrow('Command timed out');
    return made;
  });
  await queue.claim('books');
  await queue.close();
});

it('an event is sent although Redis was silent when the producer was made', async () => {
  const producer = await whileSilent(async (connection) => {
    const made = createProducer({ redis: connection });
    await expect(made.nodeDraining({ nodeId: 'n1' })).rejects.toThrow('Command timed out');
    return made;
  });
  expect((await producer.nodeDraining({ nodeId: 'n1' })).jobId).not.toBe('');
  await producer.close();
});
