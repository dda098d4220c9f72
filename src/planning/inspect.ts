/**
 * Looks at documents before shards of them move: a document without our coordinates would be left behind by the copy
 * and lost with its old node, so the event that would move it is refused instead. One of a shard that its node does not
 * own is no part of any move, and nothing that could be done with the event would take it away: it is only told of.
 */
import pLimit from 'p-limit';
import { UNSPLIT_FILTER } from '../core/belonging.ts';
import { heldCopies, perShard, type HeldCopies } from '../core/held-copies.ts';
import { locateKey } from '../core/hashing.ts';
import { scalarText, splitKeyed } from '../core/json-text.ts';
import type { PlanMove, PlannerIndex } from '../core/planner.ts';
import type { IndexEntry, RoutingTable } from '../core/routing.ts';
import { findNode, type Topology, type TopologyNode } from '../core/topology.ts';
import { IndexConflictError, IndexUnsplitError, NodeRefusedError, NodeRegressedError } from '../errors.ts';
import type { NodeClient } from '../ports.ts';
import type { PlanningParts } from './parts.ts';

/** Nodes asked at a time. */
const AT_A_TIME = 8;
/** Documents whose coordinates are recomputed: had they been split by another count, half of them would differ. */
const SAMPLE = 20;
const SAMPLE_BYTES = 1_000_000;
/** Documents without our fields that are looked at one by one, in one page: beside it others may write and delete. */
const UNSPLIT_LOOKED_AT = 5_000;
/** An id is at most 511 bytes; the name of its field comes on top. */
const ID_BYTES = 600;
const SPLIT_FILTER = '_miroir_slot EXISTS AND _miroir_shard EXISTS';
const STRAY =
  'documents without our fields, of shards that the node does not own: nobody reads them, no move carries them';
/** Clients write between two counts, so a difference counts only when it stays. */
const TRIES = 3;
const BETWEEN_TRIES_MS = 200;

interface Source {
  readonly entry: IndexEntry;
  readonly table: RoutingTable;
  readonly node: TopologyNode;
  /** Undefined where it has nothing of the index. */
  readonly held: HeldCopies | undefined;
}

/** What moves carry, by the average of their index's shards on the nodes that are read. */
export interface Carried {
  readonly moves: number;
  readonly documents: number;
}

/**
 * Looks at the documents on the nodes that these moves would read. Throws `IndexUnsplitError` (with the number),
 * `IndexConflictError` (field `shards`), `NodeRegressedError` for a node that lacks the index, `NodeUnreachableError` and
 * the like for one that does not answer.
 */
export async function inspectMoves(
  parts: PlanningParts,
  indexes: readonly PlannerIndex[],
  after: Topology,
  moves: readonly PlanMove[],
): Promise<Carried> {
  const sources = new Map<string, Source>();
  const unfinished = await parts.records.unfinishedByIndex();
  const known = new Map(
    indexes.map((index) => {
      const { entry, table } = index;
      return [entry.uid, { ...index, held: heldCopies(table, unfinished.get(entry.uid) ?? []) }];
    }),
  );
  for (const { index, shard, source } of moves) {
    const of = known.get(index);
    const node = findNode(after, source);
    // One that a move before brings the shard to has nothing of it yet: what it will have is on the node that has it now.
    const isThere = of?.table.shards[shard]?.owners.includes(source) === true;
    if (of === undefined || node === undefined || !isThere) continue;
    sources.set(`${index} ${source}`, { ...of, node, held: of.held.get(source) });
  }
  const limit = pLimit(AT_A_TIME);
  const counted = await Promise.all(
    [...sources].map(([name, source]) => limit(async () => [name, await inspectSource(parts, source)] as const)),
  );
  const documentsOf = new Map(counted);
  const sizes = moves.flatMap(({ index, source }) => documentsOf.get(`${index} ${source}`) ?? []);
  const sum = sizes.reduce((total, size) => total + size, 0);
  // Those whose source has nothing of the shard yet count as the others do in the mean.
  const documents = sizes.length === 0 ? 0 : (sum / sizes.length) * moves.length;
  return { moves: moves.length, documents: Math.round(documents) };
}

/** Documents of one of its shards in the mean. */
async function inspectSource(parts: PlanningParts, source: Source): Promise<number> {
  const { entry, node, held } = source;
  const client = parts.nodes.client(node, parts.permit);
  if ((await client.index(entry.uid)) === null) {
    throw new NodeRegressedError(`node ${node.id} owns shards of index ${entry.uid} and has no such index`, {
      field: 'index_uid',
      remedy: 'look at the node: it has lost its data; send NodeFailed so that its copies are restored from others',
      details: { node: node.id, index: entry.uid },
    });
  }
  const documents = await assertSplit(parts, client, source);
  await assertCoordinates(client, entry);
  return perShard({ documents, bytes: 0 }, held).documents;
}

/** Returns how many there are. */
async function assertSplit(
  { clock, permit, logger }: PlanningParts,
  client: NodeClient,
  source: Source,
): Promise<number> {
  const { entry } = source;
  const { id } = client.node;
  for (let attempt = 1; ; attempt += 1) {
    // The total first: what is written meanwhile only makes the second count larger.
    const { documents } = await client.indexStats(entry.uid);
    if (documents === 0) return 0;
    const placed = await countSplit(client, entry, `_miroir_slot EXISTS AND _miroir_shard < ${entry.shards}`);
    if (placed >= documents) return documents;
    if (attempt < TRIES) {
      await clock.sleep(BETWEEN_TRIES_MS, permit.signal);
      continue;
    }
    const split = await countSplit(client, entry, SPLIT_FILTER);
    if (split > placed)
      throw shardsDiffer(entry, id, `${split - placed} documents lie in shards from ${entry.shards} on`);
    const { owned, others } = await unsplitOn(client, source, documents);
    if (owned > 0) throw unsplit(entry, id, owned, documents);
    if (others > 0) logger.warn({ index: entry.uid, node: id, documents: others }, STRAY);
    return documents;
  }
}

/** Documents without our fields, by whether the node owns their shards; all count as owned where they are too many. */
async function unsplitOn(
  client: NodeClient,
  { entry: { uid, primaryKey, shards }, table, node }: Source,
  documents: number,
): Promise<{ readonly owned: number; readonly others: number }> {
  const limit = UNSPLIT_LOOKED_AT;
  const maxBytes = limit * (ID_BYTES + Buffer.byteLength(JSON.stringify(primaryKey)));
  const page = await whereKnown(client.page(uid, { filter: UNSPLIT_FILTER, fields: [primaryKey], limit, maxBytes }));
  const total = page === null ? documents : page.total;
  if (page === null || total > limit) return { owned: total, others: 0 };
  const text = page.documents.toString('utf8');
  const owned = splitKeyed(text, primaryKey).filter(({ field }) => {
    if (field === undefined) return true;
    const { shard } = locateKey(scalarText(text, field.start, field.end), shards);
    return table.shards[shard]?.owners.includes(node.id) ?? true;
  });
  return { owned: owned.length, others: total - owned.length };
}

const countSplit = async (client: NodeClient, { uid }: IndexEntry, filter: string): Promise<number> =>
  (await whereKnown(client.count(uid, filter))) ?? 0;

/** Null from a node that does not know our fields as filters: it has no document of ours either. */
async function whereKnown<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof NodeRefusedError && error.details['nodeCode'] === 'invalid_document_filter') return null;
    throw error;
  }
}

async function assertCoordinates(client: NodeClient, entry: IndexEntry): Promise<void> {
  const { primaryKey, uid, shards } = entry;
  const fields = [primaryKey, '_miroir_shard', '_miroir_slot'];
  const asked = { filter: SPLIT_FILTER, fields, limit: SAMPLE, maxBytes: SAMPLE_BYTES };
  const page = await whereKnown(client.page(uid, asked));
  if (page === null) return;
  const sample = JSON.parse(page.documents.toString('utf8')) as Record<string, unknown>[];
  for (const document of sample) {
    const key = document[primaryKey];
    // A whole number beyond 2^53 was rounded by the parser; the other documents of the sample tell.
    if (typeof key !== 'string' && !Number.isSafeInteger(key)) continue;
    const { shard, slot } = locateKey(String(key), shards);
    if (document['_miroir_slot'] !== slot) throw misplaced(entry, client.node.id, key);
    if (document['_miroir_shard'] !== shard) {
      const found = `document ${JSON.stringify(key)} is in shard ${String(document['_miroir_shard'])}, not in ${shard}`;
      throw shardsDiffer(entry, client.node.id, found);
    }
  }
}

function unsplit({ uid }: IndexEntry, node: string, missing: number, documents: number): IndexUnsplitError {
  return new IndexUnsplitError(
    `${missing} of ${documents} documents of index ${uid} on node ${node} lack _miroir_slot or _miroir_shard`,
    {
      field: 'index_uid',
      remedy:
        `\`miroir index adopt ${uid} --yes\` gives them these fields; what that lists as left: ` +
        'send it through a gateway, then delete it on that node; then send the event again',
      details: { index: uid, node, missing, documents },
    },
  );
}

function misplaced({ uid }: IndexEntry, node: string, key: unknown): IndexUnsplitError {
  return new IndexUnsplitError(
    `document ${JSON.stringify(key)} of index ${uid} on node ${node} carries a wrong _miroir_slot`,
    {
      field: 'index_uid',
      remedy: 'load such documents through a gateway or the router library, then send the event again',
      details: { index: uid, node },
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
