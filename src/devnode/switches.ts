import { ApiError } from './errors.ts';
import { expectCount, expectObject, expectString, given, rejectUnknownKeys } from './json-body.ts';
import type { JsonTree } from './json-tree.ts';

export type FaultKind = 'status' | 'delay' | 'drop-before' | 'drop-after' | 'fail-task';

/** What goes wrong, for which requests, how often. */
export interface Fault {
  readonly match?: {
    readonly method?: string;
    /** Regular expression on the path with its query string. */
    readonly path?: string;
  };
  /** How many requests; without it every one until the faults are cleared. */
  readonly times?: number;
  readonly do: FaultKind;
  /** Of `status`; 503 by default. */
  readonly status?: number;
  /** Of `status`: seconds in the `retry-after` header. */
  readonly retryAfter?: number;
  /** Of `delay`: how long. */
  readonly ms?: number;
  /** Of `fail-task` and `status`: the error's code. */
  readonly code?: string;
  readonly message?: string;
}

/** One request as the log of a node with switches keeps it. */
export interface LoggedRequest {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly method: string;
  /** With the query string. */
  readonly path: string;
  /** Null while unanswered, and for good when the connection was dropped. */
  status: number | null;
  readonly customMetadata?: string;
}

const LOG_LENGTH_MAX = 10_000;
const KINDS: readonly FaultKind[] = ['status', 'delay', 'drop-before', 'drop-after', 'fail-task'];

/** Faults and the request log; both exist only on nodes that were started with switches. */
export class Switches {
  private faults: { readonly fault: Fault; left: number }[] = [];
  private requests: LoggedRequest[] = [];
  private readonly counts = new Map<string, number>();

  add(fault: Fault): void {
    this.faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY });
  }

  clear(): void {
    this.faults = [];
  }

  /** The first fault that a request meets; meeting it uses it up. */
  take(method: string, path: string): Fault | null {
    const hit = this.faults.find(
      ({ fault: { match }, left }) =>
        left > 0 &&
        (match?.method === undefined || match.method === method) &&
        (match?.path === undefined || new RegExp(match.path).test(path)),
    );
    if (!hit) return null;
    hit.left -= 1;
    if (hit.left === 0) this.faults = this.faults.filter((entry) => entry !== hit);
    return hit.fault;
  }

  record(method: string, path: string): LoggedRequest {
    const query = path.indexOf('?');
    const customMetadata = query < 0 ? null : new URLSearchParams(path.slice(query)).get('customMetadata');
    const entry: LoggedRequest = {
      at: Date.now(),
      method,
      path,
      status: null,
      ...(customMetadata === null ? {} : { customMetadata }),
    };
    this.requests.push(entry);
    if (this.requests.length >= 2 * LOG_LENGTH_MAX) this.requests = this.requests.slice(-LOG_LENGTH_MAX);
    const route = `${method} ${query < 0 ? path : path.slice(0, query)}`;
    this.counts.set(route, (this.counts.get(route) ?? 0) + 1);
    return entry;
  }

  /** The last 10,000 requests, oldest first, and how often each method and path came in all. */
  log(pathPattern: string | undefined): { requests: LoggedRequest[]; counters: Record<string, number> } {
    const pattern = new RegExp(pathPattern ?? '');
    return {
      requests: this.requests.slice(-LOG_LENGTH_MAX).filter(({ path }) => pattern.test(path)),
      counters: Object.fromEntries([...this.counts].filter(([route]) => pattern.test(route))),
    };
  }
}

/** Checks the body of `POST /_dev/fault`. */
export function readFault(body: JsonTree): Fault {
  const place = { path: '', code: 'bad_request' };
  const object = expectObject(body, place);
  rejectUnknownKeys(object, ['match', 'times', 'do', 'status', 'retryAfter', 'ms', 'code', 'message'], place);
  const kind = KINDS.find((name) => name === object.get('do'));
  if (!kind) throw new ApiError('bad_request', `\`do\` must be one of ${KINDS.join(', ')}`);
  const match = expectObject(given(object, 'match') ?? new Map(), { ...place, path: '.match' });
  rejectUnknownKeys(match, ['method', 'path'], { ...place, path: '.match' });
  const text = (from: typeof object, key: string): Record<string, string> => {
    const value = given(from, key);
    return value === undefined ? {} : { [key]: expectString(value, { ...place, path: `.${key}` }) };
  };
  const count = (key: string): Record<string, number> => {
    const value = given(object, key);
    return value === undefined ? {} : { [key]: expectCount(value, { ...place, path: `.${key}` }) };
  };
  return {
    do: kind,
    match: { ...text(match, 'method'), ...text(match, 'path') },
    ...count('times'),
    ...count('status'),
    ...count('retryAfter'),
    ...count('ms'),
    ...text(object, 'code'),
    ...text(object, 'message'),
  };
}
