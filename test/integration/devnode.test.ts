import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

import { startDevNode, type DevNode, type DevNodeOptions } from '../../src/devnode/index.ts';

interface TaskView {
  uid: number;
  batchUid: number | null;
  status: string;
  details: Record<string, unknown>;
  error: { code: string } | null;
  customMetadata?: string;
}
interface Page {
  results: Record<string, unknown>[];
  total: number;
}

interface Answer<T> {
  status: number;
  body: T;
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: DevNodeOptions = {}): Promise<DevNode> {
  const node = await startDevNode({ batchMs: 0, docsPerS: 0, switches: true, ...options });
  cleanups.push(() => node.close());
  return node;
}

async function newDir(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'devnode-'));
  cleanups.push(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function call<T>(url: string, method: string, route: string, body?: unknown): Promise<Answer<T>> {
  const response = await fetch(url + route, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T };
}

async function enqueue(url: string, method: string, route: string, body?: unknown): Promise<number> {
  const { status, body: receipt } = await call<{ taskUid: number }>(url, method, route, body);
  expect(status).toBe(202);
  return receipt.taskUid;
}

async function finished(url: string, uid: number): Promise<TaskView> {
  for (;;) {
    const { body } = await call<TaskView>(url, 'GET', `/tasks/${uid}`);
    if (!['enqueued', 'processing'].includes(body.status)) return body;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function run(url: string, method: string, route: string, body?: unknown): Promise<TaskView> {
  return finished(url, await enqueue(url, method, route, body));
}

const rule = (name: string) => ({
  attributePatterns: [name],
  features: { facetSearch: false, filter: { equality: true, comparison: true } },
});

async function createIndex(url: string): Promise<void> {
  await run(url, 'POST', '/indexes', { uid: 'ix', primaryKey: 'id' });
  await run(url, 'PATCH', '/indexes/ix/settings', {
    filterableAttributes: [rule('_miroir_shard'), rule('_miroir_slot')],
    searchableAttributes: ['title'],
  });
}

const documents = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({
    id: from + i,
    title: `title ${from + i}`,
    _miroir_shard: (from + i) % 4,
    _miroir_slot: ((from + i) * 7919) % 65536,
  }));

describe('documents', () => {
  it('are found by windows of a shard, without gaps or repeats', async () => {
    const { url } = await start();
    await createIndex(url);
    await run(url, 'POST', '/indexes/ix/documents', documents(0, 2000));
    const seen: unknown[] = [];
    for (let low = 0; low < 65536; low += 8192) {
      const filter = `_miroir_shard = 3 AND _miroir_slot ${low} TO ${low + 8191}`;
      const { body } = await call<Page>(url, 'POST', '/indexes/ix/documents/fetch', { filter, limit: 1000 });
      expect(body.total).toBe(body.results.length);
      seen.push(...body.results.map((document) => document['id']));
    }
    expect(seen.map(Number).sort((a, b) => a - b)).toEqual(
      documents(0, 2000)
        .map((d) => d.id)
        .filter((id) => id % 4 === 3),
    );
    const count = await call<Page>(url, 'POST', '/indexes/ix/documents/fetch', {
      filter: '_miroir_shard = 3',
      limit: 0,
    });
    expect(count.body).toMatchObject({ results: [], total: 500 });
  });

  it('echo customMetadata in the receipt and in the task', async () => {
    const { url } = await start();
    const { body } = await call<TaskView & { taskUid: number }>(
      url,
      'POST',
      '/indexes/ix/documents?customMetadata=m%201',
      [{ id: 1 }],
    );
    expect(body.customMetadata).toBe('m 1');
    expect((await finished(url, body.taskUid)).customMetadata).toBe('m 1');
    const marker = await run(url, 'POST', '/indexes/ix/documents/delete-batch?customMetadata=m2', []);
    expect(marker).toMatchObject({ status: 'succeeded', customMetadata: 'm2' });
  });

  it('are searched by words and prefixes, also after they changed', async () => {
    const { url } = await start();
    await createIndex(url);
    await run(url, 'POST', '/indexes/ix/documents', [
      { id: 1, title: 'Blue river' },
      { id: 2, title: 'Red river' },
    ]);
    const search = async (q: string) =>
      (await call<{ hits: { id: number }[] }>(url, 'POST', '/indexes/ix/search', { q })).body.hits.map(({ id }) => id);
    expect(await search('riv')).toEqual([1, 2]);
    await run(url, 'POST', '/indexes/ix/documents', [
      { id: 1, title: 'Blue hills' },
      { id: 3, title: 'River' },
    ]);
    expect(await search('riv')).toEqual([3, 2]);
  });
});

describe('batches', () => {
  it('take what waits for one index together, and cost by batch and document', async () => {
    const { url, pause, resume } = await start({ batchMs: 60, docsPerS: 10_000 });
    await createIndex(url);
    pause();
    const uids = [
      await enqueue(url, 'POST', '/indexes/ix/documents', documents(0, 1000)),
      await enqueue(url, 'PUT', '/indexes/ix/documents', documents(1000, 2000)),
      await enqueue(url, 'POST', '/indexes/other/documents', [{ id: 1 }]),
      await enqueue(url, 'POST', '/indexes/ix/documents/delete-batch', []),
    ];
    const started = performance.now();
    resume();
    const [first, second, other, marker] = await Promise.all(uids.map((uid) => finished(url, uid)));
    const took = performance.now() - started;
    expect(first?.batchUid).toBe(second?.batchUid);
    expect(first?.batchUid).toBe(marker?.batchUid);
    expect(other?.batchUid).not.toBe(first?.batchUid);
    // 60 ms + 200 ms for the first batch and 60 ms for the second; only the order of magnitude is promised.
    expect(took).toBeGreaterThan(200);
    const { body } = await call<{ stats: { totalNbTasks: number }; duration: string }>(
      url,
      'GET',
      `/batches/${first?.batchUid}`,
    );
    expect(body.stats.totalNbTasks).toBe(3);
    expect(Number(body.duration.slice(2, -1))).toBeGreaterThan(0.15);
  });

  it('that change nothing cost nothing', async () => {
    const { url } = await start({ batchMs: 5000 });
    await createIndex(url);
    const started = performance.now();
    await run(url, 'POST', '/indexes/ix/documents/delete-batch', []);
    expect(performance.now() - started).toBeLessThan(2500);
  });

  it('fail as a whole when a value cannot be stored', async () => {
    const { url, pause, resume } = await start();
    await createIndex(url);
    pause();
    const good = await enqueue(url, 'POST', '/indexes/ix/documents', [{ id: 1 }]);
    const bad = await fetch(`${url}/indexes/ix/documents`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '[{"id":2,"v":1e400}]',
    });
    expect(bad.status).toBe(202);
    resume();
    expect(await finished(url, good)).toMatchObject({ status: 'failed', error: { code: 'internal' } });
    expect((await call<Page>(url, 'GET', '/indexes/ix/documents')).body.total).toBe(0);
  });

  it('are given up when a task in them is canceled', async () => {
    const { url } = await start({ batchMs: 3000 });
    await createIndex(url);
    const doomed = await enqueue(url, 'POST', '/indexes/ix/documents', [{ id: 1 }]);
    while ((await call<TaskView>(url, 'GET', `/tasks/${doomed}`)).body.status !== 'processing');
    await call(url, 'POST', `/tasks/cancel?uids=${doomed}`);
    expect(await finished(url, doomed)).toMatchObject({ status: 'canceled' });
    expect((await call<Page>(url, 'GET', '/indexes/ix/documents')).body.total).toBe(0);
  });
});

describe('restart', () => {
  async function spawnNode(dir: string, ...extra: string[]): Promise<{ child: ChildProcess; url: string }> {
    const main = path.join(import.meta.dirname, '../../src/devnode/main.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', main, '--dir', dir, ...extra], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    cleanups.push(async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    });
    const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    return { child, url: (JSON.parse(line.toString()) as { url: string }).url };
  }

  it('after a kill keeps every acknowledged write, in the queue, in a batch and applied', async () => {
    const dir = await newDir();
    const first = await spawnNode(dir, '--batch-ms', '0', '--docs-per-s', '0');
    await createIndex(first.url);
    await run(first.url, 'POST', '/indexes/ix/documents', documents(0, 300));
    await run(first.url, 'POST', '/indexes/ix/documents/delete-batch', [1, 3]);
    await run(first.url, 'PUT', '/indexes/ix/documents', [{ id: 'new', small: 8.518333012119956e-10 }]);
    const createdAt = (await call<{ createdAt: string }>(first.url, 'GET', '/indexes/ix')).body.createdAt;
    const before = (await call<Page>(first.url, 'GET', '/indexes/ix/documents?limit=1000')).body;
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');

    // This batch would take an hour: it is in the middle when the process is killed.
    const second = await spawnNode(dir, '--batch-ms', '3600000');
    expect((await call<Page>(second.url, 'GET', '/indexes/ix/documents?limit=1000')).body).toEqual(before);
    const running = await enqueue(second.url, 'POST', '/indexes/ix/documents?customMetadata=kept', documents(300, 400));
    second.child.kill('SIGKILL');
    await once(second.child, 'exit');

    const third = await start({ dir });
    expect(await finished(third.url, running)).toMatchObject({ status: 'succeeded', customMetadata: 'kept' });
    expect((await call<Page>(third.url, 'GET', '/indexes/ix/documents?limit=0')).body.total).toBe(399);
    expect((await call<{ createdAt: string }>(third.url, 'GET', '/indexes/ix')).body.createdAt).toBe(createdAt);
    expect(await enqueue(third.url, 'POST', '/indexes/ix/documents', [{ id: 1 }])).toBe(running + 1);
  });

  it('forgets a record that was cut off, and nothing before it', async () => {
    const dir = await newDir();
    const { appendFile } = await import('node:fs/promises');
    const first = await startDevNode({ dir, batchMs: 0, docsPerS: 0 });
    await run(first.url, 'POST', '/indexes/ix/documents', [{ id: 1 }]);
    await first.close();
    await appendFile(path.join(dir, 'log-1'), Buffer.from([200, 0, 0, 0, 10, 0, 0, 0, 123, 34]));
    const second = await startDevNode({ dir, batchMs: 0, docsPerS: 0 });
    await run(second.url, 'POST', '/indexes/ix/documents', [{ id: 2 }]);
    await second.close();
    const third = await start({ dir });
    expect((await call<Page>(third.url, 'GET', '/indexes/ix/documents')).body.results).toEqual([{ id: 1 }, { id: 2 }]);
  });
});

describe('switches', () => {
  it('are not there unless asked for', async () => {
    const node = await start({ switches: false });
    expect((await call(node.url, 'POST', '/_dev/pause')).status).toBe(404);
    expect(() => node.pause()).toThrow('switches');
  });

  it('answer with a status without doing anything, as often as asked', async () => {
    const { url } = await start();
    const fault = { match: { method: 'POST', path: '/documents' }, times: 1, do: 'status', status: 503, retryAfter: 3 };
    expect((await call(url, 'POST', '/_dev/fault', fault)).status).toBe(204);
    const refused = await fetch(`${url}/indexes/ix/documents`, { method: 'POST', body: '[]' });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('3');
    expect((await call<Page>(url, 'GET', '/tasks')).body.total).toBe(0);
    expect(await run(url, 'POST', '/indexes/ix/documents', [{ id: 1 }])).toMatchObject({ uid: 0, status: 'succeeded' });
  });

  it('lose the answer but not the write, or both', async () => {
    const { url, addFault } = await start();
    addFault({ times: 1, do: 'drop-after' });
    await expect(call(url, 'POST', '/indexes/ix/documents', [{ id: 1 }])).rejects.toThrow('fetch failed');
    addFault({ times: 1, do: 'drop-before' });
    await expect(call(url, 'POST', '/indexes/ix/documents', [{ id: 2 }])).rejects.toThrow('fetch failed');
    await finished(url, 0);
    expect((await call<Page>(url, 'GET', '/indexes/ix/documents')).body.results).toEqual([{ id: 1 }]);
    expect((await call<Page>(url, 'GET', '/tasks')).body.total).toBe(1);
  });

  it('fail a task with the error that was asked for', async () => {
    const { url, addFault, clearFaults } = await start();
    addFault({ match: { method: 'POST' }, do: 'fail-task', code: 'no_space_left_on_device', message: 'disk full' });
    const task = await run(url, 'POST', '/indexes/ix/documents', [{ id: 1 }]);
    expect(task).toMatchObject({ status: 'failed', error: { code: 'no_space_left_on_device', message: 'disk full' } });
    clearFaults();
    expect(await run(url, 'POST', '/indexes/ix/documents', [{ id: 1 }])).toMatchObject({ status: 'succeeded' });
  });

  it('change documents without a task, also over a restart', async () => {
    const dir = await newDir();
    const first = await start({ dir });
    await createIndex(first.url);
    await run(first.url, 'POST', '/indexes/ix/documents', documents(0, 8));
    const tasks = (await call<Page>(first.url, 'GET', '/tasks')).body.total;
    await first.mutate({ index: 'ix', document: { id: 5, _miroir_shard: 3 } });
    expect((await call(first.url, 'POST', '/_dev/mutate', { index: 'ix', op: 'delete', id: 3 })).status).toBe(204);
    await first.close();
    const { url } = await start({ dir });
    const { body } = await call<Page>(url, 'POST', '/indexes/ix/documents/fetch', { filter: '_miroir_shard = 3' });
    expect(body.results.map((document) => document['id'])).toEqual([5, 7]);
    expect((await call<Page>(url, 'GET', '/tasks')).body.total).toBe(tasks);
  });

  it('wipe everything; uids begin again', async () => {
    const { url, wipe } = await start();
    await run(url, 'POST', '/indexes/ix/documents', [{ id: 1 }]);
    await wipe();
    expect((await call(url, 'GET', '/indexes/ix')).status).toBe(404);
    expect(await enqueue(url, 'POST', '/indexes/ix/documents', [{ id: 1 }])).toBe(0);
  });

  it('tell who wrote what', async () => {
    const { url, requests } = await start();
    await run(url, 'POST', '/indexes/ix/documents?customMetadata=move-1', [{ id: 1 }]);
    expect(requests('/documents')).toMatchObject([{ method: 'POST', status: 202, customMetadata: 'move-1' }]);
    const { body } = await call<{ counters: Record<string, number> }>(url, 'GET', '/_dev/log?path=/documents');
    expect(body.counters).toEqual({ 'POST /indexes/ix/documents': 1 });
  });
});
