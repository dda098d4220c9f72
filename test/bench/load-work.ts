// What a client load sends, and what it tells: shared by the process that sends it and the one that asks for it.

export interface LoadWork {
  /** Connections are spread over them in turn. */
  readonly urls: readonly string[];
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  /** Sent in a random order; `"%n"` in one becomes a number that no request before had. */
  readonly bodies: readonly string[];
  readonly connections: number;
  /** Requests a second of all connections together; null: each sends its next one as soon as it has its answer. */
  readonly perS: number | null;
}

/** Answers since the load began or was last looked at. */
export interface LoadFigures {
  readonly seconds: number;
  /** Answers with 2xx, and how long they took from when the request was due. */
  readonly good: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Everything else: status and code, or the connection's error → how many. */
  readonly bad: Readonly<Record<string, number>>;
  /** Wall clock of the first and the last of them. */
  readonly firstBadMs: number | null;
  readonly lastBadMs: number | null;
}

export type LoadCommand =
  | { readonly kind: 'start'; readonly id: number; readonly work: LoadWork }
  | { readonly kind: 'cut'; readonly id: number }
  | { readonly kind: 'stop'; readonly id: number };

export interface LoadReply {
  readonly id: number;
  readonly figures: LoadFigures | null;
}
