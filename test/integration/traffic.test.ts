// Clients' traffic against a development node.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { startDevNode } from '../../src/fleet/nodes.ts';
import type { DevNodeProcess } from '../../src/fleet/nodes.ts';
import { createTraffic } from '../../src/nodes/index.ts';
import type { NodeTraffic, Traffic } from '../../src/ports.ts';
import { untilTrue } from '../support/until.ts';

const MASTER_KEY = 'a-master-key-of-sixteen-or-more';
const LIMITS = { deadlineMs: 4_000, signal: new AbortController().signal, maxBytes: 1_000_000 };

let node: DevNodeProcess;
let traffic: Traffic;
let client: NodeTraffic;

beforeAll(async () => {
  node = await startDevNode({ masterKey: MASTER_KEY, batchMs: 0, docsPerS: 0 });
  const nodeKeys = new Map([['MASTER', MASTER_KEY]]);
  const config = { nodeOrigins: ['http://127.0.0.1:*'], keysDir: '', nodeKeys, nodeKeyOrigins: new Map() };
  traffic = createTraffic({ config, clock: systemClock });
  client = traffic.of({ id: 'n1', group: 0, url: node.url, apiKeyRef: 'master', state: 'active' });
});
afterAll(async () => {
  await traffic.close();
  await node.stop();
});

const write = (documents: string, mode: 'replace' | 'update' = 'replace'): Promise<number> =>
  uidOf(
    client.writeDocuments('cities', { mode, primaryKey: 'id', tag: 'mine', documents: Buffer.from(documents) }, LIMITS),
  );

async function uidOf(call: ReturnType<NodeTraffic['stats']>): Promise<number> {
  const { status, body } = await call;
  expect(status).toBe(202);
  return (JSON.parse(body.toString()) as { taskUid: number }).taskUid;
}

async function applied(uid: number): Promise<void> {
  await untilTrue(async () => {
    const [task] = await client.tasks([uid], LIMITS);
    return task?.status === 'succeeded';
  });
}

const text = async (call: ReturnType<NodeTraffic['stats']>): Promise<string> => (await call).body.toString();

it('writes, updates, reads, searches, counts and deletes', async () => {
  const first = await write('[{"id":1,"name":"Lyon","big":18446744073709551615},{"id":2,"name":"Lille"}]');
  await applied(await write('[{"id":2,"area":34.8}]', 'update'));
  expect(await client.tasks([first], LIMITS)).toMatchObject([
    { uid: first, customMetadata: 'mine', status: 'succeeded' },
  ]);
  expect(await text(client.document('cities', '2', 'fields=name,area', LIMITS))).toBe('{"name":"Lille","area":34.8}');
  expect(await text(client.document('cities', '1', '', LIMITS))).toContain('18446744073709551615');
  expect(await text(client.search('cities', '{"q":"lyon"}', LIMITS))).toContain('"estimatedTotalHits":1');
  expect(await text(client.fetchDocuments('cities', '{"limit":0}', LIMITS))).toContain('"total":2');
  expect(await text(client.stats('cities', LIMITS))).toContain('"numberOfDocuments":2');
  await applied(await uidOf(client.deleteDocuments('cities', ['1'], 'mine', LIMITS)));
  expect((await client.document('cities', '1', '', LIMITS)).status).toBe(404);
});

it('hands on what the node refuses, in its own words', async () => {
  const { status, body } = await client.deleteByFilter('cities', '"name ="', 'mine', LIMITS);
  expect({ status, ...(JSON.parse(body.toString()) as object) }).toMatchObject({
    status: 400,
    code: 'invalid_document_filter',
    type: 'invalid_request',
  });
});
