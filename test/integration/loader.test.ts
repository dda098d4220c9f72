// Loading into development nodes: every document on exactly the owners that placement names, equal to what was given.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { shardForKey, slotForKey } from '../../src/core/hashing.ts';
import { initialRoutes } from '../../src/core/placement.ts';
import type { IndexEntry, RoutingTable } from '../../src/core/routing.ts';
import type { TopologyNode } from '../../src/core/topology.ts';
import { ConflictError, InvalidInputError, NodeTaskFailedError } from '../../src/errors.ts';
import { startDevNodes } from '../../src/fleet/nodes.ts';
import type { DevNodeProcess } from '../../src/fleet/nodes.ts';
import { createNodes } from '../../src/nodes/index.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import type { NodeClient, Nodes } from '../../src/ports.ts';
import { loadDocuments } from '../../src/routing/load.ts';
import type { LoadProgress } from '../../src/routing/load.ts';

interface Stamped {
  readonly id: number;
  readonly name: string;
  readonly _miroir_shard: number;
  readonly _miroir_slot: number;
  readonly _miroir_updated_at: number;
}

let processes: DevNodeProcess[];
let nodes: Nodes;
let topology: { version: number; nodes: TopologyNode[] };

beforeAll(async () => {
  processes = await startDevNodes(3, { batchMs: 0, docsPerS: 0 });
  const config = {
    nodeOrigins: ['http://127.0.0.1:*'],
    keysDir: '',
    nodeKeys: new Map<string, string>(),
    nodeKeyOrigins: new Map(),
  };
  nodes = createNodes({ config, clock: systemClock });
  topology = { version: 1, nodes: processes.map(({ id, url }) => ({ id, url, group: 0, state: 'active' })) };
});
afterAll(async () => {
  await nodes.close();
  await Promise.all(processes.map((process) => process.stop()));
});

const clientOf = (id: string): NodeClient => {
  const node = topology.nodes.find((candidate) => candidate.id === id);
  if (node === undefined) throw new Error(`no node ${id}`);
  return nodes.client(node, openPermit(4_000));
};

const entryOf = (uid: string, replicationFactor: number): IndexEntry => ({
  uid,
  primaryKey: 'id',
  shards: 16,
  replicationFactor,
  groups: [0],
});
const tableOf = (entry: IndexEntry): RoutingTable => ({
  index: entry.uid,
  epoch: 1,
  shards: initialRoutes(entry, topology),
});

function* chunksOf(count: number, size: number): Generator<string> {
  for (let from = 0; from < count; from += size) {
    const ids = Array.from({ length: Math.min(size, count - from) }, (_, index) => from + index);
    yield JSON.stringify(ids.map((id) => ({ id, name: `city ${id}` })));
  }
}

async function everyDocument(node: string, uid: string): Promise<Stamped[]> {
  const page = await clientOf(node).page(uid, { limit: 100_000, maxBytes: 8_000_000 });
  return JSON.parse(page.documents.toString()) as Stamped[];
}

describe('loadDocuments', () => {
  it.each([1, 2])('puts each document on its %i owners, stamped and otherwise unchanged', async (replicationFactor) => {
    const entry = entryOf(`cities-${replicationFactor}`, replicationFactor);
    const table = tableOf(entry);
    const told: LoadProgress[] = [];
    const result = await loadDocuments({
      clientOf,
      entry,
      table,
      clock: systemClock,
      documents: chunksOf(3_500, 400),
      batchDocs: 150,
      inFlight: 3,
      onProgress: (progress) => void told.push(progress),
    });
    const copies = 3_500 * replicationFactor;
    expect(result).toMatchObject({ documents: 3_500, copiesSent: copies, copiesApplied: copies });
    expect(told.at(-1)).toMatchObject({ documents: 3_500, copiesApplied: copies });
    expect(Math.max(...told.map((p) => p.copiesSent - p.copiesApplied))).toBeLessThanOrEqual(3 * 3 * 150);
    let found = 0;
    for (const { id: node } of topology.nodes) {
      const documents = await everyDocument(node, entry.uid);
      expect(result.byNode.get(node)).toBe(documents.length);
      found += documents.length;
      for (const document of documents) {
        const shard = shardForKey(String(document.id), entry.shards);
        expect(table.shards[shard]?.owners).toContain(node);
        expect(document).toMatchObject({
          name: `city ${document.id}`,
          _miroir_shard: shard,
          _miroir_slot: slotForKey(String(document.id)),
        });
      }
    }
    expect(found).toBe(copies);
  });

  it('keeps the later of two versions on every owner', async () => {
    const entry = entryOf('versions', 2);
    async function* versions(): AsyncGenerator<string> {
      for (let version = 0; version < 20; version += 1) {
        await Promise.resolve();
        yield JSON.stringify([{ id: 1, name: `version ${version}` }]);
      }
    }
    const table = tableOf(entry);
    await loadDocuments({ clientOf, entry, table, clock: systemClock, documents: versions(), batchDocs: 1 });
    for (const owner of table.shards[shardForKey('1', 16)]?.owners ?? []) {
      expect(await everyDocument(owner, 'versions')).toMatchObject([{ id: 1, name: 'version 19' }]);
    }
  });

  it('fails with the node’s own words when a task fails', async () => {
    const entry = entryOf('other-key', 1);
    const load = (primaryKey: string): Promise<unknown> =>
      loadDocuments({
        clientOf,
        entry: { ...entry, primaryKey },
        table: tableOf(entry),
        clock: systemClock,
        documents: chunksOf(100, 100),
      });
    await load('id');
    const error: unknown = await load('name').catch((thrown: unknown) => thrown);
    // A name with a blank is no id, which is seen before anything is sent …
    expect(error).toBeInstanceOf(InvalidInputError);
    const documents = ['[{"id":1,"key":"a"}]'];
    const failure: unknown = await loadDocuments({
      clientOf,
      entry: { ...entry, primaryKey: 'key' },
      table: tableOf(entry),
      clock: systemClock,
      documents,
    }).catch((thrown: unknown) => thrown);
    // … and another primary key than the index has is seen by the node.
    expect(failure).toBeInstanceOf(NodeTaskFailedError);
    expect(failure).toMatchObject({
      message: expect.stringContaining('already has a primary key') as string,
      details: { taskCode: 'index_primary_key_already_exists' },
    });
  });

  it('refuses an index with a shard in motion, and stops when it is called off', async () => {
    const entry = entryOf('moving', 1);
    const table = tableOf(entry);
    const shards = table.shards.map((shard) => (shard.shard === 3 ? { ...shard, state: 'tracking' as const } : shard));
    const common = { clientOf, entry, clock: systemClock };
    await expect(
      loadDocuments({ ...common, table: { ...table, shards }, documents: chunksOf(10, 10) }),
    ).rejects.toBeInstanceOf(ConflictError);
    const stop = new AbortController();
    async function* endless(): AsyncGenerator<string> {
      for (;;) {
        yield* chunksOf(100, 100);
        await systemClock.sleep(1);
        stop.abort(new Error('enough'));
      }
    }
    await expect(loadDocuments({ ...common, table, documents: endless(), signal: stop.signal })).rejects.toThrow(
      'enough',
    );
  });
});
