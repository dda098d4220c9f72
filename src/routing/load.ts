/**
 * Loads documents into the nodes that own them. For indexes that nobody else writes meanwhile and that have no moves:
 * a load does not register as a router, so it must not run beside a move.
 */
import { setMaxListeners } from 'node:events';
import type { IndexEntry, RoutingTable } from '../core/routing.ts';
import { LOAD_TAG } from '../core/write-tag.ts';
import { ConflictError, InvariantError } from '../errors.ts';
import type { Clock, NodeClient } from '../ports.ts';
import { Lane } from './lane.ts';
import type { LaneOptions } from './lane.ts';
import { splitDocuments } from './split.ts';

export interface LoadProgress {
  /** Documents read and split. */
  readonly documents: number;
  /** Copies accepted by nodes, and of these applied; a document has as many copies as owners. */
  readonly copiesSent: number;
  readonly copiesApplied: number;
  readonly bytesSent: number;
}

type Tally = { -readonly [K in keyof LoadProgress]: number };

export interface LoadResult extends LoadProgress {
  /** Applied copies by node. */
  readonly byNode: ReadonlyMap<string, number>;
}

export interface LoadOptions {
  /** The client of a node that the routing table names. */
  readonly clientOf: (nodeId: string) => NodeClient;
  readonly entry: IndexEntry;
  readonly table: RoutingTable;
  /** Each the text of a JSON array of documents; some thousand documents a piece are good. */
  readonly documents: AsyncIterable<string> | Iterable<string>;
  /** Stamps the documents, too: of a machine whose clock goes as Redis' does. */
  readonly clock: Clock;
  /** Default 10,000: a first load is fastest in large batches. */
  readonly batchDocs?: number;
  /** Tasks waiting per node, default 4. */
  readonly inFlight?: number;
  /** Bytes waiting per node, default 64 MB. */
  readonly inFlightBytes?: number;
  /** Told with every task; default `load`. */
  readonly tag?: string;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

const BATCH_DOCS = 10_000;
const IN_FLIGHT = 4;
const IN_FLIGHT_BYTES = 64_000_000;

/**
 * Resolves when every owner has applied every document. Rejects at the first failure (`NodeTaskFailedError` with the
 * node's words, `InvalidInputError` for a document, a node's errors); what was sent before stays. Loading again is safe.
 */
export async function loadDocuments(options: LoadOptions): Promise<LoadResult> {
  const { entry, table, documents, clock, onProgress } = options;
  const moving = table.shards.filter(({ state }) => state !== 'stable').map(({ shard }) => String(shard));
  if (moving.length > 0) {
    throw new ConflictError(`index ${entry.uid} has shards in motion, which a load would write past`, {
      remedy: 'wait until the moves have ended',
      details: { index: entry.uid, shards: moving.slice(0, 20) },
    });
  }
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  // Every batch under way waits for its task with it, and listens no more then: many at a time are no leak.
  setMaxListeners(0, signal);
  const progress: Tally = { documents: 0, copiesSent: 0, copiesApplied: 0, bytesSent: 0 };
  const byNode = new Map<string, number>();
  const lanes = new Map<string, Lane>();
  const laneOf = (nodeId: string): Lane => {
    const lane = lanes.get(nodeId) ?? new Lane(laneOptions(options, nodeId, signal, progress, byNode));
    lanes.set(nodeId, lane);
    return lane;
  };
  try {
    for await (const text of documents) {
      signal.throwIfAborted();
      for (const part of splitDocuments(text, entry, clock).values()) {
        for (const owner of ownersOf(table, part.shard)) laneOf(owner).add(part.documents);
        progress.documents += part.documents.length;
      }
      onProgress?.({ ...progress });
      await Promise.all([...lanes.values()].map((lane) => lane.sendFull()));
    }
    await Promise.all([...lanes.values()].map((lane) => lane.finish()));
  } catch (error) {
    // Ends the waits for tasks that nobody will look at any more.
    stop.abort(error);
    throw error;
  }
  return { ...progress, byNode };
}

function laneOptions(
  options: LoadOptions,
  nodeId: string,
  signal: AbortSignal,
  progress: Tally,
  byNode: Map<string, number>,
): LaneOptions {
  const { entry, clock, onProgress } = options;
  return {
    client: options.clientOf(nodeId),
    index: entry.uid,
    primaryKey: entry.primaryKey,
    tag: options.tag ?? LOAD_TAG,
    clock,
    batchDocs: options.batchDocs ?? BATCH_DOCS,
    inFlight: options.inFlight ?? IN_FLIGHT,
    inFlightBytes: options.inFlightBytes ?? IN_FLIGHT_BYTES,
    signal,
    onSent(documents, bytes) {
      progress.copiesSent += documents;
      progress.bytesSent += bytes;
      onProgress?.({ ...progress });
    },
    onApplied(documents) {
      progress.copiesApplied += documents;
      byNode.set(nodeId, (byNode.get(nodeId) ?? 0) + documents);
      onProgress?.({ ...progress });
    },
  };
}

function ownersOf(table: RoutingTable, shard: number): readonly string[] {
  const owners = table.shards[shard]?.owners ?? [];
  if (owners.length > 0) return owners;
  throw new InvariantError(`shard ${shard} of index ${table.index} has no owner`, {
    details: { index: table.index, shard, epoch: table.epoch },
  });
}
