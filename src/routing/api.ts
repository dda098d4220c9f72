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
