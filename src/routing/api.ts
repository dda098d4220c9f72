import type { IndexEntry } from '../core/routing.ts';
import type { TopologyNode } from '../core/topology.ts';
import type { TurnIds } from '../ports.ts';

/**
 * What the edges (gateway, library) get from a router. Every call answers as a node would: status and JSON text, errors
 * included (`{message, code, type, link}`), so an edge has only to pass it on. A call rejects only with its own signal's
 * reason, or for a defect.
 */
export interface ClientAnswer {
  readonly status: number;
  /** Lower-case names: `retry-after`, `x-miroir-degraded`, `x-miroir-partial`, `x-miroir-settings-version`. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text; empty for 204. */
  readonly body: string;
}

export interface CallOptions {
  readonly signal: AbortSignal;
}

export interface WriteOptions extends CallOptions {
  /** The client's own, given back with its task. */
  readonly customMetadata?: string;
  /** Told by a call that rejects while requests to nodes still hold what it was given; resolves once they are over. */
  readonly onHeld?: (over: Promise<unknown>) => void;
}

export interface ReadOptions extends CallOptions {
  /** The client takes an answer without the shards that nobody can serve; it is marked. */
  readonly partial?: boolean;
  /** Only nodes at this version of the index's settings may answer. */
  readonly minSettingsVersion?: number;
}

/** Where `GET /tasks` starts and what it is narrowed to. */
export interface TaskListQuery {
  readonly uids?: readonly number[];
  readonly statuses?: readonly string[];
  readonly types?: readonly string[];
  readonly indexUids?: readonly string[];
  readonly limit?: number;
  readonly from?: number;
  /** Oldest first, from there upward. */
  readonly reverse?: boolean;
}

export interface DocumentsToWrite {
  readonly mode: 'replace' | 'update';
  /**
   * An array, or one document; or, where they are many, the elements of an array in pieces of UTF-8: some whole elements
   * each, with commas between them. Pieces are the router's from then on.
   */
  readonly documents: string | readonly Buffer[];
  readonly primaryKey?: string;
}

/** Ids of one shard that are worked on while nobody else writes them. */
export interface TurnWork {
  readonly index: string;
  readonly shard: number;
  readonly ids: TurnIds;
  /** How long others that write them are waited for. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Whose work it is, in the tag of what is sent: who listens to changes can leave repairs out. */
  readonly origin?: string;
}

/** What one owner lacks: whole documents as another owner has them, and ids of those that are gone. */
export interface OwnerWrite {
  /** Id → the document's text. */
  readonly put: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
}

/** Owner → its tasks, accepted and not applied; owner → why it did not take all of its part. */
export interface Sent {
  readonly tasks: ReadonlyMap<string, readonly number[]>;
  readonly failed: ReadonlyMap<string, string>;
}

/** A turn (R9) that is held: all writes before it have been answered, and none comes until it ends. */
export interface HeldTurn {
  readonly entry: IndexEntry;
  /** In the routing table's order. */
  readonly owners: readonly TopologyNode[];
  /** `moved`: the shard's route or this registration is another now, and nothing was sent. */
  send(writes: ReadonlyMap<string, OwnerWrite>): Promise<Sent | 'moved'>;
  /** The ids go on this owner's repair list when the turn ends. One that did not take what was sent is there unasked. */
  missed(owner: string): void;
}

/** `refused`: nothing was done, or somebody else ended the turn meanwhile, so that what was read in it may be old. */
export type TurnOutcome<T> = { readonly value: T } | { readonly refused: string };

/** `documents`, `filter` and `body` are JSON texts as the client sent them: nothing is parsed and written again. */
export interface Router {
  writeDocuments(index: string, write: DocumentsToWrite, options: WriteOptions): Promise<ClientAnswer>;
  /** `ids`: JSON text of each id, or the bare id of a path. */
  deleteDocuments(index: string, ids: readonly string[], options: WriteOptions): Promise<ClientAnswer>;
  /** `filter` null: every document. */
  deleteByFilter(index: string, filter: string | null, options: WriteOptions): Promise<ClientAnswer>;

  search(index: string, body: string, options: ReadOptions): Promise<ClientAnswer>;
  multiSearch(body: string, options: ReadOptions): Promise<ClientAnswer>;
  fetchDocuments(index: string, body: string, options: ReadOptions): Promise<ClientAnswer>;
  /** `query` without the question mark. */
  document(index: string, id: string, query: string, options: ReadOptions): Promise<ClientAnswer>;
  /** Of one index, or of all. */
  stats(index: string | null, options: ReadOptions): Promise<ClientAnswer>;

  task(uid: number, options: CallOptions): Promise<ClientAnswer>;
  tasks(query: TaskListQuery, options: CallOptions): Promise<ClientAnswer>;

  indexes(query: { readonly offset?: number; readonly limit?: number }, options: CallOptions): Promise<ClientAnswer>;
  index(uid: string, options: CallOptions): Promise<ClientAnswer>;
  /** `body`: `{"uid": …, "primaryKey": …}`. */
  createIndex(body: string, options: WriteOptions): Promise<ClientAnswer>;
  /** `primaryKey` null leaves it. An index with documents keeps its own, so another one is the task's error. */
  updateIndex(uid: string, primaryKey: string | null, options: WriteOptions): Promise<ClientAnswer>;
  deleteIndex(uid: string, options: WriteOptions): Promise<ClientAnswer>;
  /** `part` null: all settings, else one such as `filterable-attributes`. */
  settings(index: string, part: string | null, options: CallOptions): Promise<ClientAnswer>;
  /** PATCH or PUT of settings; `body` null resets. */
  changeSettings(index: string, part: string | null, body: string | null, options: WriteOptions): Promise<ClientAnswer>;

  /** True, or why this router serves nothing now. */
  readiness(): true | string;
  /** Lets what is in flight end, then leaves the registry. */
  close(): Promise<void>;
}

/** What repair and anti-entropy need of a router besides. */
export interface TurnTaker {
  /**
   * Does the work under the turn of these ids. Refused while the shard changes owners, while its writes take no turns, or
   * when the turn does not come in time. Rejects with what the work throws, or the signal's reason.
   */
  underTurn<T>(request: TurnWork, work: (turn: HeldTurn) => Promise<T>): Promise<TurnOutcome<T>>;
}
