/**
 * The router as applications use it: shaped like the official `meilisearch` package, so that code changes by one line.
 * Every call takes an `AbortSignal` where the package takes one or an options object.
 */
import { AnswerError, TimeoutError } from '../../errors.ts';
import type { Clock } from '../../ports.ts';
import type { ClientAnswer, Router } from '../api.ts';

type Json = Record<string, unknown>;
type Id = string | number;

export interface CallSignal {
  readonly signal?: AbortSignal;
}

export interface DocumentOptions extends CallSignal {
  readonly primaryKey?: string;
  readonly customMetadata?: string;
}

export interface WaitOptions extends CallSignal {
  /** Ms; 0 waits without end. Default 5,000. */
  readonly timeout?: number;
  /** Ms between two looks. Default 50. */
  readonly interval?: number;
}

export interface EnqueuedTask {
  readonly taskUid: number;
  readonly indexUid: string;
  readonly status: string;
  readonly type: string;
  readonly enqueuedAt: string;
  readonly customMetadata?: string;
}

export interface Task {
  readonly uid: number;
  readonly indexUid: string;
  readonly status: 'enqueued' | 'processing' | 'succeeded' | 'failed' | 'canceled';
  readonly type: string;
  readonly details: Json;
  readonly error: {
    readonly message: string;
    readonly code: string;
    readonly type: string;
    readonly link: string;
  } | null;
  readonly enqueuedAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

/** As in the package: the task, and a way to wait for its end at once. */
export type EnqueuedTaskPromise = Promise<EnqueuedTask> & { waitTask(options?: WaitOptions): Promise<Task> };

export interface Results<T> {
  readonly results: readonly T[];
  readonly offset: number;
  readonly limit: number;
  readonly total: number;
}

export interface SearchResponse<T> {
  readonly hits: readonly T[];
  readonly query: string;
  readonly processingTimeMs: number;
  readonly limit?: number;
  readonly offset?: number;
  readonly estimatedTotalHits?: number;
  readonly facetDistribution?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const NEVER = new AbortController().signal;
const WAIT_MS = 5_000;
const LOOK_MS = 50;

const given = (signal: AbortSignal | undefined): { readonly signal: AbortSignal } => ({ signal: signal ?? NEVER });

/** An array has a member `filter`, too: by that the two cannot be told apart. */
const isIds = (what: readonly Id[] | object): what is readonly Id[] => Array.isArray(what);

async function parsed<T>(call: Promise<ClientAnswer>): Promise<T> {
  const { status, body } = await call;
  const value: unknown = body === '' ? undefined : JSON.parse(body);
  if (status < 400) return value as T;
  const { message = `status ${status}`, code = '' } = (value ?? {}) as { message?: string; code?: string };
  throw new AnswerError(message, { details: { status, code }, cause: value });
}

export class MiroirTasks {
  readonly #router: Promise<Router>;
  readonly #clock: Clock;

  constructor(router: Promise<Router>, clock: Clock) {
    this.#router = router;
    this.#clock = clock;
  }

  async getTask(uid: number, { signal }: CallSignal = {}): Promise<Task> {
    return parsed((await this.#router).task(uid, given(signal)));
  }

  async getTasks(
    query: Parameters<Router['tasks']>[0] = {},
    { signal }: CallSignal = {},
  ): Promise<{ readonly results: readonly Task[]; readonly total: number; readonly next: number | null }> {
    return parsed((await this.#router).tasks(query, given(signal)));
  }

  /** The task when it is over, however it ended. Throws `TimeoutError`. */
  async waitForTask(task: number | Pick<EnqueuedTask, 'taskUid'>, options: WaitOptions = {}): Promise<Task> {
    const uid = typeof task === 'number' ? task : task.taskUid;
    const { timeout = WAIT_MS, interval = LOOK_MS, signal } = options;
    const overMs = this.#clock.monotonic() + (timeout === 0 ? Number.POSITIVE_INFINITY : timeout);
    for (;;) {
      const found = await this.getTask(uid, signal === undefined ? {} : { signal });
      if (found.status !== 'enqueued' && found.status !== 'processing') return found;
      if (this.#clock.monotonic() >= overMs) {
        throw new TimeoutError(`task ${uid} is ${found.status} after ${timeout} ms`, {
          remedy: 'wait longer: pass a larger timeout',
          details: { taskUid: uid },
        });
      }
      await this.#clock.sleep(interval, signal);
    }
  }

  /** An answer to a write as the package gives it. */
  enqueued(call: (router: Router) => Promise<ClientAnswer>): EnqueuedTaskPromise {
    const task = this.#router.then((router) => parsed<EnqueuedTask>(call(router)));
    return Object.assign(task, {
      waitTask: async (options?: WaitOptions) => this.waitForTask(await task, options),
    });
  }
}

export class MiroirIndex<T extends object = Json> {
  readonly uid: string;
  readonly tasks: MiroirTasks;
  readonly #router: Promise<Router>;

  constructor(uid: string, router: Promise<Router>, tasks: MiroirTasks) {
    this.uid = uid;
    this.tasks = tasks;
    this.#router = router;
  }

  addDocuments(documents: readonly T[], options: DocumentOptions = {}): EnqueuedTaskPromise {
    return this.#write('replace', documents, options);
  }

  updateDocuments(documents: readonly Partial<T>[], options: DocumentOptions = {}): EnqueuedTaskPromise {
    return this.#write('update', documents, options);
  }

  deleteDocument(id: Id, options: DocumentOptions = {}): EnqueuedTaskPromise {
    return this.deleteDocuments([id], options);
  }

  /** Some by their ids, or all that a filter matches. */
  deleteDocuments(
    what: readonly Id[] | { readonly filter: string | readonly (string | readonly string[])[] },
    { signal, customMetadata }: DocumentOptions = {},
  ): EnqueuedTaskPromise {
    const options = { ...given(signal), ...(customMetadata === undefined ? {} : { customMetadata }) };
    return this.tasks.enqueued((router) => {
      if (!isIds(what)) return router.deleteByFilter(this.uid, JSON.stringify(what.filter), options);
      const ids = what.map((id) => JSON.stringify(id));
      return router.deleteDocuments(this.uid, ids, options);
    });
  }

  deleteAllDocuments({ signal }: CallSignal = {}): EnqueuedTaskPromise {
    return this.tasks.enqueued((router) => router.deleteByFilter(this.uid, null, given(signal)));
  }

  async getDocument(id: Id, { fields, signal }: { fields?: readonly string[] } & CallSignal = {}): Promise<T> {
    const query = fields === undefined ? '' : new URLSearchParams({ fields: fields.join(',') }).toString();
    return parsed((await this.#router).document(this.uid, String(id), query, given(signal)));
  }

  async getDocuments(query: Json = {}, { signal }: CallSignal = {}): Promise<Results<T>> {
    return parsed((await this.#router).fetchDocuments(this.uid, JSON.stringify(query), given(signal)));
  }

  async search(query = '', options: Json = {}, { signal }: CallSignal = {}): Promise<SearchResponse<T>> {
    const body = JSON.stringify({ q: query, ...options });
    return parsed((await this.#router).search(this.uid, body, given(signal)));
  }

  async getStats({ signal }: CallSignal = {}): Promise<{ readonly numberOfDocuments: number }> {
    return parsed((await this.#router).stats(this.uid, given(signal)));
  }

  async getSettings({ signal }: CallSignal = {}): Promise<Json> {
    return parsed((await this.#router).settings(this.uid, null, given(signal)));
  }

  updateSettings(settings: Json, { signal }: CallSignal = {}): EnqueuedTaskPromise {
    return this.tasks.enqueued((router) =>
      router.changeSettings(this.uid, null, JSON.stringify(settings), given(signal)),
    );
  }

  #write(mode: 'replace' | 'update', documents: readonly unknown[], options: DocumentOptions): EnqueuedTaskPromise {
    const { signal, primaryKey, customMetadata } = options;
    const write = { mode, documents: JSON.stringify(documents), ...(primaryKey === undefined ? {} : { primaryKey }) };
    const about = { ...given(signal), ...(customMetadata === undefined ? {} : { customMetadata }) };
    return this.tasks.enqueued((router) => router.writeDocuments(this.uid, write, about));
  }
}

/** One router of an application. To be closed. */
export class Miroir {
  readonly tasks: MiroirTasks;
  readonly #router: Promise<Router>;
  readonly #close: () => Promise<void>;

  constructor(router: Promise<Router>, clock: Clock, close: () => Promise<void>) {
    this.#router = router;
    this.#close = close;
    this.tasks = new MiroirTasks(router, clock);
  }

  index<T extends object = Json>(uid: string): MiroirIndex<T> {
    return new MiroirIndex<T>(uid, this.#router, this.tasks);
  }

  createIndex(uid: string, { primaryKey, signal }: { primaryKey?: string } & CallSignal = {}): EnqueuedTaskPromise {
    return this.tasks.enqueued((router) => router.createIndex(JSON.stringify({ uid, primaryKey }), given(signal)));
  }

  deleteIndex(uid: string, { signal }: CallSignal = {}): EnqueuedTaskPromise {
    return this.tasks.enqueued((router) => router.deleteIndex(uid, given(signal)));
  }

  async getIndexes(
    query: { readonly offset?: number; readonly limit?: number } = {},
    { signal }: CallSignal = {},
  ): Promise<Results<{ readonly uid: string; readonly primaryKey: string | null }>> {
    return parsed((await this.#router).indexes(query, given(signal)));
  }

  async multiSearch<T extends object = Json>(
    query: { readonly queries: readonly Json[] },
    { signal }: CallSignal = {},
  ): Promise<{ readonly results: readonly (SearchResponse<T> & { readonly indexUid: string })[] }> {
    return parsed((await this.#router).multiSearch(JSON.stringify(query), given(signal)));
  }

  /** Lets what is in flight end. */
  close(): Promise<void> {
    return this.#close();
  }
}
