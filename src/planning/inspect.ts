/**
 * Looks at documents before shards of them move: a document without our coordinates would be left behind by the copy
 * and lost with its old node, so the event that would move it is refused instead.
 */
import pLimit from 'p-limit';
import { locateKey } from '../core/hashing.ts';
import type { IndexEntry } from '../core/routing.ts';
import type { TopologyNode } from '../core/topology.ts';
import { IndexConflictError, IndexUnsplitError, NodeRefusedError, NodeRegressedError } from '../errors.ts';
import type { NodeClient } from '../ports.ts';
import type { PlanningParts } from './parts.ts';

/** Nodes asked at a time. */
const AT_A_TIME = 8;
/** Documents whose coordinates are recomputed: had they been split by another count, half of them would differ. */
const SAMPLE = 20;
const SAMPLE_BYTES = 1_000_000;
/** Clients write between two counts, so a difference counts only when it stays. */
const TRIES = 3;
const BETWEEN_TRIES_MS = 200;

export interface Source {
  readonly entry: IndexEntry;
  readonly node: TopologyNode;
}

/**
 * Throws `IndexUnsplitError` (with the number), `IndexConflictError` (field `shards`), `NodeRegressedError` for a node
 * that lacks the index, `NodeUnreachableError` and the like for one that does not answer.
 */
export async function inspectSources(parts: PlanningParts, sources: readonly Source[]): Promise<void> {
  const limit = pLimit(AT_A_TIME);
  await Promise.all(sources.map((source) => limit(() => inspectSource(parts, source))));
}

async function inspectSource(parts: PlanningParts, { entry, node }: Source): Promise<void> {
  const client = parts.nodes.client(node, parts.permit);
  if ((await client.index(entry.uid)) === null) {
    throw new NodeRegressedError(`node ${node.id} owns shards of index ${entry.uid} and has no such index`, {
      field: 'index_uid',
      remedy: 'look at the node: it has lost its data; send NodeFailed so that its copies are restored from others',
      details: { node: node.id, index: entry.uid },
    });
  }
  await assertSplit(parts, client, entry);
  await assertCoordinates(client, entry);
}

async function assertSplit({ clock, permit }: PlanningParts, client: NodeClient, entry: IndexEntry): Promise<void> {
  const { id } = client.node;
  for (let attempt = 1; ; attempt += 1) {
    // The total first: what is written meanwhile only makes the second count larger.
    const { documents } = await client.indexStats(entry.uid);
    if (documents === 0) return;
    const placed = await countSplit(client, entry, ` AND _miroir_shard < ${entry.shards}`);
    if (placed >= documents) return;
    if (attempt < TRIES) {
      await clock.sleep(BETWEEN_TRIES_MS, permit.signal);
      continue;
    }
    const split = await countSplit(client, entry, ' AND _miroir_shard EXISTS');
    if (split > placed)
      throw shardsDiffer(entry, id, `${split - placed} documents lie in shards from ${entry.shards} on`);
    throw unsplit(entry, id, documents - placed, documents);
  }
}

/** A node that does not know the fields as filters has no document of ours either. */
async function countSplit(client: NodeClient, entry: IndexEntry, more: string): Promise<number> {
  try {
    return await client.count(entry.uid, `_miroir_slot EXISTS${more}`);
  } catch (error) {
    if (error instanceof NodeRefusedError && error.details['nodeCode'] === 'invalid_document_filter') return 0;
    throw error;
  }
}

async function assertCoordinates(client: NodeClient, entry: IndexEntry): Promise<void> {
  const { primaryKey, uid, shards } = entry;
  const fields = [primaryKey, '_miroir_shard', '_miroir_slot'];
  const { documents } = await client.page(uid, { fields, limit: SAMPLE, maxBytes: SAMPLE_BYTES });
  const sample = JSON.parse(documents.toString('utf8')) as Record<string, unknown>[];
  for (const document of sample) {
    const key = document[primaryKey];
    // A whole number beyond 2^53 was rounded by the parser; the other documents of the sample tell.
    if (typeof key !== 'string' && !Number.isSafeInteger(key)) continue;
    const { shard, slot } = locateKey(String(key), shards);
    if (document['_miroir_slot'] !== slot) throw unsplit(entry, client.node.id, 1, sample.length);
    if (document['_miroir_shard'] !== shard) {
      const found = `document ${JSON.stringify(key)} is in shard ${String(document['_miroir_shard'])}, not in ${shard}`;
      throw shardsDiffer(entry, client.node.id, found);
    }
  }
}

function unsplit({ uid }: IndexEntry, node: string, missing: number, documents: number): IndexUnsplitError {
  return new IndexUnsplitError(
    `${missing} of ${documents} documents of index ${uid} on node ${node} carry no right _miroir_slot and _miroir_shard`,
    {
      field: 'index_uid',
      remedy: 'load these documents through the router library (or with both fields set), then send the event again',
      details: { index: uid, node, missing, documents },
    },
  );
}

function shardsDiffer({ uid, shards }: IndexEntry, node: string, found: string): IndexConflictError {
  return new IndexConflictError(`index ${uid} has ${shards} shards, but on node ${node} ${found}`, {
    field: 'shards',
    remedy: 'its documents were split for another shard count: register the index with that count, or load them again',
    details: { index: uid, node, shards },
  });
}
