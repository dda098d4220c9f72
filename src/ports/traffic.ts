/** A node as routers use it: a client's requests, sent on once and answered as the node answers. */
import type { TopologyNode } from '../core/topology.ts';
import type { NodeTask } from './nodes.ts';

/** Whatever the node said, errors included; the body is its own text. */
export interface NodeAnswer {
  readonly status: number;
  readonly body: Buffer;
  /** Seconds, when the node sent Retry-After. */
  readonly retryAfterS: number | null;
}

export interface RequestLimits {
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Largest answer that is read (bytes): a larger one throws `PageTooLargeError`. */
  readonly maxBytes: number;
}

export interface DocumentsWrite {
  /** POST replaces whole documents, PUT updates the fields sent. */
  readonly mode: 'replace' | 'update';
  readonly primaryKey: string;
  /** `customMetadata`. */
  readonly tag: string;
  /** Text of a JSON array. */
  readonly documents: Buffer;
}

/**
 * Every call sends one request and never repeats it. Throws `NodeUnreachableError` (with `details.ambiguous` when the
 * request may have reached the node), `NodeBusyError` (nothing was sent: too many requests wait for this node, or none of
 * its connections became free before the deadline), `PageTooLargeError`, or the signal's reason (a write may have reached
 * the node then); every HTTP status is an answer.
 */
export interface NodeTraffic {
  readonly node: TopologyNode;
  writeDocuments(index: string, write: DocumentsWrite, limits: RequestLimits): Promise<NodeAnswer>;
  /** delete-batch; `ids` as JSON text of each id. */
  deleteDocuments(index: string, ids: readonly string[], tag: string, limits: RequestLimits): Promise<NodeAnswer>;
  /** `filter` as JSON text of Meilisearch's filter. */
  deleteByFilter(index: string, filter: string, tag: string, limits: RequestLimits): Promise<NodeAnswer>;
  /** `body`: JSON text of a search request. */
  search(index: string, body: string, limits: RequestLimits): Promise<NodeAnswer>;
  /** POST multi-search; `body`: JSON text. */
  multiSearch(body: string, limits: RequestLimits): Promise<NodeAnswer>;
  /** POST documents/fetch; `body`: JSON text. */
  fetchDocuments(index: string, body: string, limits: RequestLimits): Promise<NodeAnswer>;
  /** `query` without the question mark. */
  document(index: string, id: string, query: string, limits: RequestLimits): Promise<NodeAnswer>;
  /** Of one index, or of the whole node. */
  stats(index: string | null, limits: RequestLimits): Promise<NodeAnswer>;
  settings(index: string, limits: RequestLimits): Promise<NodeAnswer>;
  /** Besides, what a client of the mover throws: `NodeRefusedError`, `NodeProtocolError`. */
  tasks(uids: readonly number[], limits: RequestLimits): Promise<readonly NodeTask[]>;
}

export interface Traffic {
  /** The node's traffic; its connections are kept alive and bounded. */
  of(node: TopologyNode): NodeTraffic;
  close(): Promise<void>;
}
