// Where clients send their calls: anything that speaks Meilisearch's HTTP API, a gateway or a single node. Tells of each
// call whether it was certainly not executed, accepted, or whether nobody knows.
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { PRIMARY_KEY, SETTINGS } from './keyspace.ts';
import type { Seen } from './record.ts';

export type WriteRequest =
  | { readonly kind: 'put' | 'update'; readonly documents: readonly Readonly<Record<string, unknown>>[] }
  | { readonly kind: 'delete'; readonly ids: readonly string[] }
  | { readonly kind: 'deleteByFilter'; readonly filter: string };

export type WriteAnswer =
  | { readonly outcome: 'acknowledged'; readonly taskUid: number; readonly note: string }
  | { readonly outcome: 'refused' | 'unknown'; readonly note: string; readonly retryAfterMs: number };

/** `isComplete`: what is not among the documents was not there. */
export type ReadAnswer =
  { readonly documents: readonly Seen[]; readonly isComplete: boolean } | { readonly failure: string };

export interface Target {
  readonly name: string;
  write(write: WriteRequest, signal: AbortSignal): Promise<WriteAnswer>;
  get(key: string, signal: AbortSignal): Promise<ReadAnswer>;
  list(filter: string, limit: number, signal: AbortSignal): Promise<ReadAnswer>;
  search(query: string, filter: string, limit: number, signal: AbortSignal): Promise<ReadAnswer>;
  /** Status of each task by uid. Null: no answer. */
  tasks(uids: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, string> | null>;
  close(): Promise<void>;
}

export interface HttpTargetOptions {
  readonly name: string;
  readonly url: string;
  readonly index: string;
  readonly apiKey?: string;
  readonly connections?: number;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

/** Codes that promise that nothing was written, whatever the status. Every other 5xx leaves it open. */
const NOT_EXECUTED = new Set([
  'miroir_overloaded',
  'miroir_router_unconfirmed',
  'miroir_epoch_regressed',
  'miroir_write_waited',
  'miroir_index_moving',
  'miroir_not_supported',
]);
/** The request never left. */
const NOT_SENT = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT']);
const DOWN_MS = 1_000;
const CONNECTIONS = 32;
const PREPARED_MS = 60_000;
const POLL_MS = 20;

export class HttpTarget implements Target {
  readonly name: string;
  readonly #options: HttpTargetOptions;
  readonly #agent: Agent;

  constructor(options: HttpTargetOptions) {
    this.name = options.name;
    this.#options = options;
    this.#agent = new Agent({ connections: options.connections ?? CONNECTIONS, pipelining: 1 });
  }

  async write(write: WriteRequest, signal: AbortSignal): Promise<WriteAnswer> {
    const path = `/indexes/${this.#options.index}/documents`;
    let answer: Answer;
    try {
      if ('documents' in write) {
        answer = await this.send(write.kind === 'put' ? 'POST' : 'PUT', path, write.documents, signal);
      } else if ('filter' in write)
        answer = await this.send('POST', `${path}/delete`, { filter: write.filter }, signal);
      else if (write.ids.length === 1) answer = await this.send('DELETE', `${path}/${write.ids[0]}`, undefined, signal);
      else answer = await this.send('POST', `${path}/delete-batch`, write.ids, signal);
    } catch (error) {
      const code = codeOf(error);
      // Nobody listens there: asked again at once, it would only fill the history.
      return NOT_SENT.has(code)
        ? { outcome: 'refused', note: code, retryAfterMs: DOWN_MS }
        : { outcome: 'unknown', note: code, retryAfterMs: 0 };
    }
    const { status, headers } = answer;
    const { taskUid, code } = asRecord(answer.body);
    if (status === 202 && typeof taskUid === 'number') {
      const degraded = headers['x-miroir-degraded'];
      return { outcome: 'acknowledged', taskUid, note: degraded === undefined ? '' : `degraded ${String(degraded)}` };
    }
    const isRefused = (status >= 400 && status < 500 && status !== 408) || NOT_EXECUTED.has(String(code));
    const retryAfterMs = 1_000 * (Number(headers['retry-after'] ?? 0) || 0);
    return { outcome: isRefused ? 'refused' : 'unknown', note: `${status} ${String(code)}`, retryAfterMs };
  }

  async get(key: string, signal: AbortSignal): Promise<ReadAnswer> {
    return this.#read('GET', `/documents/${key}`, undefined, signal, ({ status, body }) => {
      if (status === 200) return [body];
      return status === 404 && asRecord(body)['code'] === 'document_not_found' ? [] : null;
    });
  }

  async list(filter: string, limit: number, signal: AbortSignal): Promise<ReadAnswer> {
    return this.#readMany('/documents/fetch', 'results', { filter, limit }, signal);
  }

  async search(q: string, filter: string, limit: number, signal: AbortSignal): Promise<ReadAnswer> {
    return this.#readMany('/search', 'hits', { q, filter, limit }, signal);
  }

  async tasks(uids: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, string> | null> {
    try {
      const { status, body } = await this.send(
        'GET',
        `/tasks?limit=${uids.length}&uids=${uids.join(',')}`,
        undefined,
        signal,
      );
      if (status !== 200) return null;
      const { results } = body as { results: { uid: number; status: string }[] };
      return new Map(results.map((task) => [task.uid, task.status]));
    } catch {
      return null; // asked again, here or elsewhere
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async send(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { url, apiKey } = this.#options;
    const response = await request(new URL(path, url), {
      method,
      dispatcher: this.#agent,
      signal,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.body.text();
    return { status: response.statusCode, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
  }

  #readMany(
    path: string,
    field: 'results' | 'hits',
    body: { readonly q?: string; readonly filter: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<ReadAnswer> {
    return this.#read(
      'POST',
      path,
      body,
      signal,
      (answer) => (answer.status === 200 ? (asRecord(answer.body)[field] as unknown[]) : null),
      body.limit,
    );
  }

  async #read(
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    signal: AbortSignal,
    pick: (answer: Answer) => unknown[] | null,
    limit = Infinity,
  ): Promise<ReadAnswer> {
    try {
      const answer = await this.send(method, `/indexes/${this.#options.index}${path}`, body, signal);
      const documents = pick(answer);
      if (documents === null) return { failure: `${answer.status} ${String(asRecord(answer.body)['code'])}` };
      const isComplete = documents.length < limit && answer.headers['x-miroir-partial'] === undefined;
      return { documents: documents.map(toSeen), isComplete };
    } catch (error) {
      return { failure: codeOf(error) };
    }
  }
}

/** Creates the index as the workload needs it, and waits for that. */
export async function prepareIndex(target: HttpTarget, index: string): Promise<void> {
  const signal = AbortSignal.timeout(PREPARED_MS);
  const created = await target.send('POST', '/indexes', { uid: index, primaryKey: PRIMARY_KEY }, signal);
  const set = await target.send('PATCH', `/indexes/${index}/settings`, SETTINGS, signal);
  for (const { status, body } of [created, set]) {
    const { taskUid } = asRecord(body);
    if (status !== 202 || typeof taskUid !== 'number') throw new Error(`${status} ${JSON.stringify(body)}`);
    for (;;) {
      const seen = (await target.tasks([taskUid], signal))?.get(taskUid);
      if (seen === 'succeeded') break;
      if (seen === 'failed' || signal.aborted) throw new Error(`task ${taskUid}: ${seen}`);
      await sleep(POLL_MS);
    }
  }
}

function toSeen(document: unknown): Seen {
  const { [PRIMARY_KEY]: key, base, patch } = asRecord(document);
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  return { key: String(key), base: text(base), patch: text(patch) };
}

const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/** Of a request that was not answered. */
function codeOf(error: unknown): string {
  const { code, name } = asRecord(error);
  return String(code ?? name ?? error);
}
