// What we rely on in BullMQ beyond its documentation. When an upgrade breaks one of these, src/queue/job-keys.ts and
// the workers' processors have to follow.
import { type Job, Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { jobKeys, nextDueMs } from '../../src/queue/job-keys.ts';
import { QUEUE_PREFIX } from '../../src/queue/names.ts';
import { withRedis } from '../support/redis.ts';
import { untilTrue } from '../support/until.ts';

const redis = withRedis();
const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

let queues = 0;
function open(processor: (job: Job, token?: string, signal?: AbortSignal) => Promise<unknown>) {
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const name = `rebalance.index${(queues += 1)}`;
  const queue = new Queue(name, { connection, prefix: QUEUE_PREFIX });
  const worker = new Worker(name, (job, token, signal) => processor(job, token, signal), {
    connection,
    prefix: QUEUE_PREFIX,
  });
  const failures: string[] = [];
  worker.on('error', (error) => failures.push(error.message));
  cleanUps.push(async () => {
    await worker.close();
    await queue.close();
    connection.disconnect();
    expect(failures).toEqual([]);
  });
  return { connection, queue, worker };
}

it('a job is a hash whose field `data` is its data, and beside it a lock that holds its worker’s token', async () => {
  const seen: unknown[] = [];
  const { connection, queue } = open(async (job, token) => {
    const keys = jobKeys(job);
    seen.push(
      keys.job,
      await connection.hget(keys.job, 'data'),
      (await connection.get(keys.lock)) === token,
      token?.length,
    );
    await connection.hset(keys.job, 'data', JSON.stringify({ docs_migrated: 7 }));
  });
  const { id = '' } = await queue.add('work', { docs_migrated: 0 });
  await untilTrue(async () => (await queue.getJobState(id)) === 'completed');
  expect(seen).toEqual([`{miroir}:${queue.name}:${id}`, '{"docs_migrated":0}', true, expect.any(Number)]);
  expect((await queue.getJob(id))?.data).toEqual({ docs_migrated: 7 });
});

it('a processor that declares three parameters gets a signal, raised when the job is cancelled', async () => {
  const reasons: unknown[] = [];
  const { queue, worker } = open(async (_job, _token, signal) => {
    await new Promise<void>((resolve) => {
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
    reasons.push(signal?.aborted);
  });
  const { id = '' } = await queue.add('work', {});
  // False until the worker itself knows that it runs the job.
  await untilTrue(() => worker.cancelJob(id, 'lock lost'));
  await untilTrue(() => reasons.length === 1);
  expect(reasons).toEqual([true]);
});

it('the next delayed job’s due time is what it was put off to, however old the job is', async () => {
  const { connection, queue } = open(() => Promise.resolve());
  expect(await nextDueMs(queue, connection)).toBeNull();
  const added = Date.now() - 60_000;
  const { id = '' } = await queue.add('old', {}, { timestamp: added, delay: 90_000 });
  expect(await nextDueMs(queue, connection)).toBe(added + 90_000);
  const job = await queue.getJob(id);
  const before = Date.now();
  await job?.changeDelay(50_000);
  const due = await nextDueMs(queue, connection);
  expect(due).toBeGreaterThanOrEqual(before + 50_000);
  expect(due).toBeLessThanOrEqual(Date.now() + 50_000);
  const earlier = before + 5_000;
  await queue.add('sooner', {}, { delay: 5_000 });
  expect(Math.abs(((await nextDueMs(queue, connection)) ?? 0) - earlier)).toBeLessThan(1_000);
});

it('adding an id that exists changes nothing, in any state: generations of a move’s jobs need ids of their own', async () => {
  const { queue } = open(() => Promise.resolve());
  await queue.add('work', { n: 1 }, { jobId: 'm1-f0-1' });
  await untilTrue(async () => (await queue.getJobState('m1-f0-1')) === 'completed');
  await queue.add('work', { n: 2 }, { jobId: 'm1-f0-1' });
  expect(await queue.getJobState('m1-f0-1')).toBe('completed');
  expect((await queue.getJob('m1-f0-1'))?.data).toEqual({ n: 1 });
});
