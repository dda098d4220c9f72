/** What a Meilisearch node does for us. */
import type { TopologyNode } from '../core/topology.ts';
import type { Permit } from './lease.ts';

export type TaskStatus = 'enqueued' | 'processing' | 'succeeded' | 'failed' | 'canceled';

/** A task as a node shows it; times are RFC 3339 texts of the node's own clock. */
export interface NodeTask {
  readonly uid: number;
  readonly indexUid: string | null;
  readonly status: TaskStatus;
  readonly type: string;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly details: Readonly<Record<string, unknown>> | null;
  readonly enqueuedAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** The tag of whoever sent the write, as given. */
  readonly customMetadata: string | null;
}

export interface TaskQuery {
  readonly index?: string;
  readonly uids?: readonly number[];
  readonly statuses?: readonly TaskStatus[];
  readonly types?: readonly string[];
  /** At most this many; the node's default is 20. */
  readonly limit: number;
  /** Uid to start at, downward (upward when `reverse`). */
  readonly from?: number;
  readonly reverse?: boolean;
}

/** One page of documents, as the node's own text. */
export interface DocumentPage {
  /** Matching documents, not only those on the page. */
  readonly total: number;
  /** UTF-8 text of the JSON array of documents, byte for byte as answered. */
  readonly documents: Buffer;
}

export interface PageRequest {
  readonly filter?: string;
  readonly ids?: readonly string[];
  readonly fields?: readonly string[];
  readonly limit: number;
  /** Documents to leave out before the page; only where nobody writes, since others' writes shift what comes behind. */
  readonly offset?: number;
  readonly retrieveVectors?: boolean;
  /** Refuse to read an answer larger than this (bytes): `PageTooLargeError` tells the caller to cut the window. */
  readonly maxBytes: number;
}

export interface NodeIndex {
  readonly uid: string;
  readonly primaryKey: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface NodeIndexStats {
  readonly documents: number;
  readonly bytes: number;
  readonly embeddings: number;
  /** How many documents have each field. */
  readonly fields: Readonly<Record<string, number>>;
}

export interface NodeBatch {
  readonly uid: number;
  readonly durationMs: number | null;
  readonly finishedAt: string | null;
  readonly tasks: number;
  /** Documents received by the batch's tasks, when the node tells. */
  readonly documents: number;
  readonly indexes: readonly string[];
}

/**
 * One Meilisearch node over HTTP. Every call is bounded by the permit's budget and ends with its signal; retries of
 * idempotent calls happen inside. Errors: `NodeUnreachableError`, `NodeBusyError`, `NodeRefusedError`,
 * `NodeProtocolError`, `PageTooLargeError`, `LeaseLostError`. Writes return the uid of the node's task: accepted, not
 * applied. A write that was sent and has no certain answer is never sent again here: its error has
 * `details.ambiguous === true`, and the caller looks for its tag.
 */
export interface NodeClient {
  readonly node: TopologyNode;
  /** pkgVersion, or null when the key may not see it. */
  version(): Promise<string | null>;
  /** The time that it tells with its answers (ms), in whole seconds; null when it tells none. */
  clockMs(): Promise<number | null>;
  index(uid: string): Promise<NodeIndex | null>;
  createIndex(uid: string, primaryKey: string): Promise<number>;
  deleteIndex(uid: string): Promise<number>;
  settings(uid: string): Promise<Readonly<Record<string, unknown>>>;
  updateSettings(uid: string, settings: Readonly<Record<string, unknown>>): Promise<number>;
  indexStats(uid: string): Promise<NodeIndexStats>;
  nodeStats(): Promise<{ databaseBytes: number; usedBytes: number }>;
  /** Number of documents that match. */
  count(uid: string, filter?: string): Promise<number>;
  page(uid: string, request: PageRequest): Promise<DocumentPage>;
  /** POST: replaces whole documents. `documents` is the text of a JSON array. */
  putDocuments(uid: string, primaryKey: string, documents: Buffer | string, tag: string): Promise<number>;
  /** PUT: these top-level fields into documents that exist; creates none, so a document deleted meanwhile stays deleted. */
  mergeDocuments(uid: string, primaryKey: string, documents: Buffer | string, tag: string): Promise<number>;
  /** delete-batch: `ids` as JSON text of each id (numbers as numbers, strings quoted). */
  deleteDocuments(uid: string, ids: readonly string[], tag: string): Promise<number>;
  tasks(query: TaskQuery): Promise<readonly NodeTask[]>;
  /** Newest first. */
  batches(limit: number): Promise<readonly NodeBatch[]>;
}

export interface Nodes {
  /**
   * Throws `NodeOriginError` when the URL is not within `node_origins` (or its key belongs to other origins), and
   * `ConfigError` when `apiKeyRef` names no key here. Nothing is sent: for checking an event before it is taken.
   */
  assertAllowed(node: Pick<TopologyNode, 'id' | 'url' | 'apiKeyRef'>): void;
  /** The node's client, acting under the permit. */
  client(node: TopologyNode, permit: Permit): NodeClient;
  /** Requests of this process that the node refused for now or did not answer, also those that were repeated with success. */
  refusals(id: string): number;
  close(): Promise<void>;
}
