/** Stats of an index, or of the whole fleet. */
import pLimit from 'p-limit';
import { z } from 'zod';
import { NodeProtocolError } from '../../errors.ts';
import type { NodeAnswer, NodeTraffic, RequestLimits } from '../../ports.ts';
import type { ClientAnswer, ReadOptions } from '../api.ts';
import { filterFor, withheldOf } from './filter.ts';
import { totalOf } from './merge-documents.ts';
import { mergeStats, readStats } from './merge-stats.ts';
import type { IndexStats, StatsPart } from './merge-stats.ts';
import { allShards, partialHeaders } from './reading.ts';
import type { Lack, Reading } from './reading.ts';

export async function readIndexStats(reading: Reading, index: string, options: ReadOptions): Promise<ClientAnswer> {
  const { stats, lack } = await indexStats(reading, index, options);
  return { status: 200, headers: partialHeaders(lack), body: JSON.stringify(stats) };
}

/** Indexes asked about at a time. */
const AT_A_TIME = 4;

const fleetShape = z.object({
  databaseSize: z.number(),
  usedDatabaseSize: z.number().default(0),
  lastUpdate: z.string().nullable(),
});

/** Null for what is no node's answer. */
function sizesOf(text: string): z.infer<typeof fleetShape> | null {
  try {
    return fleetShape.parse(JSON.parse(text));
  } catch {
    return null; // counted among the nodes that did not answer
  }
}

export async function readAllStats(reading: Reading, options: ReadOptions): Promise<ClientAnswer> {
  const limit = pLimit(AT_A_TIME);
  const uids = [...reading.tables.indexes()].sort();
  const indexes = await Promise.all(
    uids.map((uid) => limit(async () => ({ uid, ...(await indexStats(reading, uid, options)) }))),
  );
  const nodes = new Map(uids.flatMap((uid) => readersOf(reading, uid)));
  const sizes = await Promise.all(
    [...nodes].map(async ([nodeId, uid]) => {
      const answer = await reading.fanOut.askOne(reading.tables.snapshot(uid), nodeId, options.signal, (node, limits) =>
        node.stats(null, limits),
      );
      return answer?.status === 200 ? sizesOf(answer.body.toString('utf8')) : null;
    }),
  );
  const known = sizes.filter((size) => size !== null);
  const lack = {
    missing: indexes.flatMap((index) => index.lack.missing),
    shards: indexes.reduce((sum, index) => sum + index.lack.shards, 0),
  };
  const silent = sizes.length - known.length;
  const body = {
    databaseSize: known.reduce((sum, size) => sum + size.databaseSize, 0),
    usedDatabaseSize: known.reduce((sum, size) => sum + size.usedDatabaseSize, 0),
    lastUpdate: known.map(({ lastUpdate }) => lastUpdate).reduce(later, null),
    indexes: Object.fromEntries(indexes.map(({ uid, stats }) => [uid, stats])),
  };
  const headers = silent > 0 ? { 'x-miroir-partial': `sizes of ${silent} nodes missing` } : partialHeaders(lack);
  return { status: 200, headers, body: JSON.stringify(body) };
}

/** RFC 3339 texts of the same zone, in order as texts. */
const later = (a: string | null, b: string | null): string | null => (a === null || (b !== null && b > a) ? b : a);

/** Node id → an index that is read from it. */
function readersOf(reading: Reading, uid: string): [string, string][] {
  const { table } = reading.tables.snapshot(uid);
  return [...new Set(table.shards.flatMap(({ readers }) => readers))].map((nodeId) => [nodeId, uid]);
}

function indexStats(reading: Reading, index: string, options: ReadOptions): Promise<{ stats: IndexStats; lack: Lack }> {
  return reading.within(index, options, async ({ snapshot, ask }) => {
    const { parts, missing } = await ask({
      shards: allShards(snapshot),
      seed: 0,
      ask: (node, shards, _isAlone, limits) =>
        countAndStats(node, index, filterFor(null, shards, withheldOf(snapshot.table, shards)), limits),
      raw: null,
    });
    const stats = mergeStats(parts.map(({ nodeId, text }) => partOf(nodeId, text)));
    return { stats, lack: { missing, shards: snapshot.table.shards.length } };
  });
}

/** Both answers as one, or the one that is no success. */
async function countAndStats(
  node: NodeTraffic,
  index: string,
  filter: string | null,
  limits: RequestLimits,
): Promise<NodeAnswer> {
  const body = `{"limit":0,"filter":${filter}}`;
  const answers = await Promise.all([node.fetchDocuments(index, body, limits), node.stats(index, limits)]);
  const [count, stats] = answers;
  const failed = answers.find(({ status }) => status < 200 || status >= 300);
  if (failed !== undefined) return failed;
  return {
    ...stats,
    body: Buffer.from(`{"documents":${totalOf(count.body.toString('utf8'))},"stats":${stats.body.toString('utf8')}}`),
  };
}

const partShape = z.object({ documents: z.number(), stats: z.unknown() });

function partOf(nodeId: string, text: string): StatsPart {
  try {
    const { documents, stats } = partShape.parse(JSON.parse(text));
    return { documents, stats: readStats(stats) };
  } catch (cause) {
    throw new NodeProtocolError(`node ${nodeId}: its stats have another shape`, { cause });
  }
}
