// The driver against a development node: every call of the port, with an API key, under an open permit.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { NodeRefusedError, NodeUnreachableError } from '../../src/errors.ts';
import { startDevNode } from '../../src/fleet/nodes.ts';
import type { DevNodeProcess } from '../../src/fleet/nodes.ts';
import { createNodes } from '../../src/nodes/index.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import type { NodeClient, Nodes, NodeTask } from '../../src/ports.ts';
import { withMiroirSettings } from '../../src/routing/fields.ts';

const MASTER_KEY = 'a-master-key-of-sixteen-or-more';
const PERMIT = openPermit(4_000);
const FILTER = '_miroir_shard = 1 AND _miroir_slot 0 TO 65535';

let node: DevNodeProcess;
let nodes: Nodes;
let client: NodeClient;

const clientWith = (apiKeyRef?: string): NodeClient =>
  nodes.client(
    { id: 'n1', group: 0, url: node.url, state: 'active', ...(apiKeyRef === undefined ? {} : { apiKeyRef }) },
    PERMIT,
  );

beforeAll(async () => {
  node = await startDevNode({ id: 'n1', masterKey: MASTER_KEY, batchMs: 0, docsPerS: 0 });
  const nodeKeys = new Map([
    ['MASTER', MASTER_KEY],
    ['WRONG', 'not-a-key'],
  ]);
  const config = { nodeOrigins: ['http://127.0.0.1:*'], keysDir: '', nodeKeys, nodeKeyOrigins: new Map() };
  nodes = createNodes({ config, clock: systemClock });
  client = clientWith('master');
});
afterAll(async () => {
  await nodes.close();
  await node.stop();
});

async function ended(uid: number): Promise<NodeTask> {
  for (let tries = 0; tries < 300; tries += 1) {
    const [task] = await client.tasks({ uids: [uid], limit: 1 });
    if (task !== undefined && task.status !== 'enqueued' && task.status !== 'processing') return task;
    await systemClock.sleep(10);
  }
  throw new Error(`task ${uid} did not end in 3 s`);
}

const documentText = (id: number): string =>
  `{"id":${id},"big":18446744073709551615,"one":1.0,"text":"é🏙","_miroir_shard":${id % 2},"_miroir_slot":${id}}`;

describe('the driver and a development node', () => {
  it('finds no index before there is one, then creates it with settings', async () => {
    expect(await client.index('cities')).toBeNull();
    expect(await ended(await client.createIndex('cities', 'id'))).toMatchObject({ status: 'succeeded', error: null });
    const index = await client.index('cities');
    expect(index).toMatchObject({ uid: 'cities', primaryKey: 'id' });
    expect(Date.parse(index?.createdAt ?? '')).not.toBeNaN();
    const wanted = withMiroirSettings({}, { searchableAttributes: ['text'] });
    expect(await ended(await client.updateSettings('cities', wanted))).toMatchObject({ status: 'succeeded' });
    expect(await client.settings('cities')).toMatchObject(wanted);
  });

  it('writes tagged documents, counts them and reads a window byte for byte', async () => {
    const body = `[${Array.from({ length: 100 }, (_, id) => documentText(id)).join(',')}]`;
    const task = await ended(await client.putDocuments('cities', 'id', body, 'move=m1 fence=7'));
    expect(task).toMatchObject({
      indexUid: 'cities',
      status: 'succeeded',
      type: 'documentAdditionOrUpdate',
      details: { receivedDocuments: 100, indexedDocuments: 100 },
      customMetadata: 'move=m1 fence=7',
    });
    expect(await client.count('cities')).toBe(100);
    expect(await client.count('cities', FILTER)).toBe(50);
    const page = await client.page('cities', { filter: FILTER, limit: 3, maxBytes: 100_000 });
    expect(page.total).toBe(50);
    expect(page.documents.toString()).toBe(`[${[1, 3, 5].map(documentText).join(',')}]`);
    const ids = await client.page('cities', { ids: ['7', '8'], fields: ['id'], limit: 10, maxBytes: 1_000 });
    expect(ids.documents.toString()).toBe('[{"id":7},{"id":8}]');
    const none = await client.page('cities', { filter: '_miroir_shard = 9', limit: 10, maxBytes: 1_000 });
    expect(none).toEqual({ total: 0, documents: Buffer.from('[]') });
  });

  it('passes a page on to a node as it is', async () => {
    const page = await client.page('cities', { filter: FILTER, limit: 100, maxBytes: 100_000 });
    await ended(await client.createIndex('copy', 'id'));
    expect(await ended(await client.putDocuments('copy', 'id', page.documents, 't'))).toMatchObject({
      status: 'succeeded',
    });
    const copy = await client.page('copy', { limit: 100, maxBytes: 100_000 });
    expect(copy.documents.equals(page.documents)).toBe(true);
  });

  it('deletes by explicit ids, numbers and texts alike', async () => {
    const task = await ended(await client.deleteDocuments('cities', ['1', '"3"', '99999'], 'clean'));
    expect(task).toMatchObject({ status: 'succeeded', type: 'documentDeletion', customMetadata: 'clean' });
    expect(await client.count('cities', FILTER)).toBe(48);
  });

  it('sees failed tasks with the node’s own words', async () => {
    const task = await ended(await client.putDocuments('cities', 'id', '[{"id":"a b"}]', 'bad'));
    expect(task).toMatchObject({ status: 'failed', error: { code: 'invalid_document_id' } });
  });

  it('lists tasks by index, status and uid, upward and downward', async () => {
    const all = await client.tasks({ index: 'cities', limit: 100 });
    expect(all.length).toBeGreaterThanOrEqual(5);
    expect(all.map(({ uid }) => uid)).toEqual(all.map(({ uid }) => uid).sort((a, b) => b - a));
    expect(await client.tasks({ index: 'cities', statuses: ['failed'], limit: 100 })).toHaveLength(1);
    const [oldest] = await client.tasks({ index: 'cities', limit: 1, reverse: true });
    expect(oldest?.uid).toBe(all.at(-1)?.uid);
    expect(await client.tasks({ statuses: ['enqueued', 'processing'], limit: 1 })).toEqual([]);
  });

  it('tells versions, sizes and batches', async () => {
    expect(await client.version()).toMatch(/^\d+\.\d+\.\d+/);
    expect(await client.indexStats('cities')).toMatchObject({ documents: 98, embeddings: 0 });
    const { databaseBytes, usedBytes } = await client.nodeStats();
    expect(databaseBytes).toBeGreaterThanOrEqual(usedBytes);
    const batches = await client.batches(50);
    expect(batches.map(({ uid }) => uid)).toEqual(batches.map(({ uid }) => uid).sort((a, b) => b - a));
    expect(batches.find(({ documents }) => documents === 100)).toMatchObject({ tasks: 1, indexes: ['cities'] });
    expect(batches.every(({ durationMs }) => durationMs !== null)).toBe(true);
  });

  it('names the node and the remedy when the key is missing or wrong', async () => {
    for (const ref of [undefined, 'wrong']) {
      await expect(clientWith(ref).count('cities')).rejects.toBeInstanceOf(NodeRefusedError);
      await expect(clientWith(ref).count('cities')).rejects.toMatchObject({
        message: expect.stringContaining('node n1') as string,
        remedy: expect.stringContaining('key') as string,
      });
    }
    expect(await clientWith('wrong').version()).toBeNull();
  });

  it('refuses what the node refuses: an index that is not there, a broken filter', async () => {
    await expect(client.count('no-such')).rejects.toMatchObject({ details: { nodeCode: 'index_not_found' } });
    await expect(client.count('cities', '_miroir_shard =')).rejects.toMatchObject({
      details: { nodeCode: 'invalid_document_filter', status: 400 },
    });
  });

  it('meets a node that was killed, and goes on when it is back', async () => {
    node.kill('SIGKILL');
    await node.exited;
    const error: unknown = await client
      .putDocuments('cities', 'id', '[{"id":1}]', 't')
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NodeUnreachableError);
    await node.restart();
    expect(await client.count('cities')).toBe(98);
  });
});
