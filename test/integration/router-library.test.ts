// The library as an application uses it: the official package's shapes over a fleet.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AnswerError, TimeoutError } from '../../src/errors.ts';
import { createRouter } from '../../src/index.ts';
import type { Miroir } from '../../src/index.ts';
import { startTestFleet } from '../support/fleet.ts';
import type { TestFleet } from '../support/fleet.ts';
import { switchesOf } from '../support/switches.ts';

interface City {
  readonly id: number;
  readonly name: string;
  readonly people?: number;
}

describe('the library', () => {
  let fleet: TestFleet;
  let miroir: Miroir;

  beforeAll(async () => {
    fleet = await startTestFleet({ nodes: 2, config: { lease_ttl_secs: 10, lease_renewal_interval_ms: 2_000 } });
    const config = { allow_volatile_redis: true, new_index_shards: 4, log_level: 'silent' };
    miroir = createRouter({ redis: fleet.redis.url, config });
  });

  afterAll(async () => {
    await miroir.close();
    await fleet.stop();
  });

  it('writes, reads, searches and deletes, from an index that it creates on', async () => {
    expect((await miroir.createIndex('cities', { primaryKey: 'id' }).waitTask()).status).toBe('succeeded');
    const cities = miroir.index<City>('cities');
    await cities.updateSettings({ filterableAttributes: ['people'] }).waitTask();
    const added = await cities
      .addDocuments([
        { id: 1, name: 'Berlin', people: 3 },
        { id: 2, name: 'Bern', people: 1 },
        { id: 3, name: 'Wien', people: 2 },
      ])
      .waitTask();
    expect(added).toMatchObject({ status: 'succeeded', details: { indexedDocuments: 3 } });
    await cities.updateDocuments([{ id: 2, people: 9 }]).waitTask();
    expect(await cities.getDocument(2)).toEqual({ id: 2, name: 'Bern', people: 9 });
    expect(await cities.getDocument(2, { fields: ['name'] })).toEqual({ name: 'Bern' });
    expect((await cities.getDocuments({ limit: 2 })).total).toBe(3);
    expect((await cities.search('ber')).hits.map(({ name }) => name).sort()).toEqual(['Berlin', 'Bern']);
    const { results } = await miroir.multiSearch<City>({ queries: [{ indexUid: 'cities', q: 'wien' }] });
    expect(results.map(({ indexUid, hits }) => [indexUid, hits.length])).toEqual([['cities', 1]]);
    expect((await cities.getStats()).numberOfDocuments).toBe(3);
    await cities.deleteDocument(1).waitTask();
    await cities.deleteDocuments({ filter: 'people = 9' }).waitTask();
    expect((await cities.getDocuments()).results).toEqual([{ id: 3, name: 'Wien', people: 2 }]);
    await cities.deleteAllDocuments().waitTask();
    expect((await cities.getDocuments()).total).toBe(0);
    expect((await miroir.tasks.getTasks({ types: ['documentDeletion'] })).results).toHaveLength(3);
    expect((await miroir.getIndexes()).results.map(({ uid }) => uid)).toEqual(['cities']);
  });

  it('throws what the package would: the answer’s own words, with its status', async () => {
    const lost = miroir.index('lost').addDocuments([{ id: 1 }]);
    await expect(lost).rejects.toBeInstanceOf(AnswerError);
    await expect(lost).rejects.toMatchObject({
      details: { status: 404, code: 'index_not_found' },
      cause: { code: 'index_not_found', type: 'invalid_request' },
    });
  });

  it('ends a call with its signal’s reason, and a wait with its time', async () => {
    await miroir.createIndex('slow', { primaryKey: 'id' }).waitTask();
    const aborted = AbortSignal.abort(new Error('enough'));
    await expect(miroir.index('slow').addDocuments([{ id: 1 }], { signal: aborted })).rejects.toThrow('enough');
    const nodes = fleet.nodes.map((node) => switchesOf(node));
    await Promise.all(nodes.map((node) => node.pause()));
    const task = await miroir.index('slow').addDocuments([{ id: 1 }]);
    await expect(miroir.tasks.waitForTask(task, { timeout: 100, interval: 10 })).rejects.toBeInstanceOf(TimeoutError);
    await Promise.all(nodes.map((node) => node.resume()));
    expect((await miroir.tasks.waitForTask(task.taskUid)).status).toBe('succeeded');
  });
});
