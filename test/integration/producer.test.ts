import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InvalidInputError, QueueFullError, RedisUnreachableError, TimeoutError } from '../../src/errors.ts';
import { freePort } from '../../src/fleet/port.ts';
import { startRedis } from '../../src/fleet/redis.ts';
import { EVENTS_QUEUE, QUEUE_PREFIX } from '../../src/queue/names.ts';
import { createProducer, type Producer } from '../../src/queue/producer.ts';
import { withRedis } from '../support/redis.ts';

const redis = withRedis();
let queue: Queue;
let producer: Producer;

beforeAll(() => {
  queue = new Queue(EVENTS_QUEUE, { prefix: QUEUE_PREFIX, connection: { url: redis.url } });
  producer = createProducer({ redis: redis.url, capacity: 100 });
});
beforeEach(async () => {
  await queue.obliterate({ force: true });
});
afterAll(async () => {
  await producer.close();
  await queue.close();
});

describe('createProducer', () => {
  it('sends each event with its name and flat fields', async () => {
    await producer.nodeAdded({
      nodeId: 'n4',
      replicaGroup: 1,
      url: 'http://127.0.0.1:1',
      apiKeyRef: 'eu',
      indexUid: 'books',
    });
    await producer.nodeDraining({ nodeId: 'n1' });
    await producer.nodeFailed({ nodeId: 'n2' });
    await producer.nodeRecovered({ nodeId: 'n2' });
    await producer.removeNode('n1');
    const jobs = (await queue.getWaiting()).map(({ name, data }) => [name, data as unknown] as const);
    expect(new Map(jobs)).toEqual(
      new Map<string, unknown>([
        [
          'NodeAdded',
          { v: 1, node_id: 'n4', replica_group: 1, index_uid: 'books', url: 'http://127.0.0.1:1', api_key_ref: 'eu' },
        ],
        ['NodeDraining', { v: 1, node_id: 'n1' }],
        ['NodeFailed', { v: 1, node_id: 'n2' }],
        ['NodeRecovered', { v: 1, node_id: 'n2' }],
        ['NodeRemoved', { v: 1, node_id: 'n1' }],
      ]),
    );
  });

  it('refuses a wrong event before it is sent', async () => {
    await expect(producer.nodeAdded({ nodeId: 'a:b' })).rejects.toThrow(InvalidInputError);
    await expect(producer.sendRaw('NodeVanished', { node_id: 'n1' })).rejects.toMatchObject({
      code: 'miroir_unknown_event',
    });
    expect(await queue.getWaitingCount()).toBe(0);
  });

  it('refuses the 101st waiting event with a time to retry, also in a burst, and takes it when there is room', async () => {
    const sent = await Promise.allSettled(Array.from({ length: 103 }, () => producer.nodeDraining({ nodeId: 'n1' })));
    const refused = sent.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    expect(refused).toHaveLength(3);
    expect(refused[0]).toBeInstanceOf(QueueFullError);
    expect(refused[0]).toMatchObject({ details: { waiting: 100, capacity: 100, retryAfterMs: 1_000 } });
    expect(await queue.getWaitingCount()).toBe(100);
    await queue.drain();
    await expect(producer.nodeDraining({ nodeId: 'n1' })).resolves.toHaveProperty('jobId');
  });

  it('fails at once when Redis is gone, at the start and later', async () => {
    const nowhere = createProducer({ redis: `redis://127.0.0.1:${await freePort()}`, connectMs: 300 });
    const before = performance.now();
    await expect(nowhere.nodeDraining({ nodeId: 'n1' })).rejects.toThrow(RedisUnreachableError);
    expect(performance.now() - before).toBeLessThan(2_000);
    await nowhere.close();
    const other = await startRedis({ aof: 'off' });
    const known = createProducer({ redis: other.url, connectMs: 300 });
    await known.nodeDraining({ nodeId: 'n1' });
    await other.stop();
    await expect(known.nodeDraining({ nodeId: 'n1' })).rejects.toThrow(RedisUnreachableError);
    await known.close();
  });

  it('uses a connection that it is given, and leaves it open', async () => {
    const connection = new Redis(redis.url, { enableOfflineQueue: true, maxRetriesPerRequest: 1 });
    const mine = createProducer({ redis: connection });
    await mine.nodeDraining({ nodeId: 'n1' });
    await mine.close();
    expect(await connection.ping()).toBe('PONG');
    connection.disconnect();
  });

  it('tells what was planned, why it was refused, and that nobody took it', async () => {
    const { jobId } = await producer.nodeDraining({ nodeId: 'n1' });
    await expect(producer.result(jobId, { timeoutMs: 200 })).rejects.toThrow(TimeoutError);
    await expect(producer.result(jobId, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    const outcome = { change: 'changed', plan: 'p1', moves: 2, blocked: 0 };
    const worker = new Worker(
      EVENTS_QUEUE,
      async (job) => {
        if (job.name === 'NodeFailed')
          throw new Error('miroir_node_unknown: no such node [field: node_id] add it first');
        return Promise.resolve(outcome);
      },
      { prefix: QUEUE_PREFIX, connection: { url: redis.url } },
    );
    try {
      expect(await producer.result(jobId)).toEqual(outcome);
      const refused = await producer.nodeFailed({ nodeId: 'n9' });
      await expect(producer.result(refused.jobId)).rejects.toMatchObject({
        code: 'miroir_node_unknown',
        message: 'no such node',
        field: 'node_id',
        remedy: 'add it first',
      });
    } finally {
      await worker.close();
    }
  });
});
