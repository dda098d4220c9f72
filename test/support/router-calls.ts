// A router as tests speak to it: parsed answers, and documents as nodes hold them.
import type { ClientAnswer, Router, TurnTaker } from '../../src/routing/api.ts';
import { openRouter } from '../../src/service/router.ts';
import type { RouterOptions } from '../../src/service/router.ts';
import type { Base } from '../../src/service.ts';
import type { TestFleet } from './fleet.ts';
import { untilTrue } from './until.ts';

export interface Answer {
  readonly status: number;
  readonly headers: ClientAnswer['headers'];
  readonly body: Record<string, unknown>;
}

export interface TaskAnswer {
  readonly uid: number;
  readonly status: string;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly details: Record<string, unknown>;
}

const NEVER = new AbortController().signal;

export class RouterCalls {
  readonly router: Router & TurnTaker;

  constructor(router: Router & TurnTaker) {
    this.router = router;
  }

  /** Serving. */
  static async open(base: Base, options: Partial<RouterOptions> = {}): Promise<RouterCalls> {
    const calls = new RouterCalls(openRouter(base, { role: 'test', ...options }));
    await untilTrue(() => calls.router.readiness() === true);
    return calls;
  }

  put(index: string, documents: readonly object[], signal: AbortSignal = NEVER): Promise<Answer> {
    return this.#call(
      this.router.writeDocuments(index, { mode: 'replace', documents: JSON.stringify(documents) }, { signal }),
    );
  }

  patch(index: string, documents: readonly object[]): Promise<Answer> {
    return this.#call(
      this.router.writeDocuments(index, { mode: 'update', documents: JSON.stringify(documents) }, { signal: NEVER }),
    );
  }

  remove(index: string, ids: readonly (string | number)[]): Promise<Answer> {
    return this.#call(
      this.router.deleteDocuments(
        index,
        ids.map((id) => JSON.stringify(id)),
        { signal: NEVER },
      ),
    );
  }

  removeByFilter(index: string, filter: unknown): Promise<Answer> {
    const text = filter === null ? null : JSON.stringify(filter);
    return this.#call(this.router.deleteByFilter(index, text, { signal: NEVER }));
  }

  async task(answer: Answer): Promise<TaskAnswer> {
    const { body } = await this.#call(this.router.task(Number(answer.body['taskUid']), { signal: NEVER }));
    return body as unknown as TaskAnswer;
  }

  async ended(answer: Answer): Promise<TaskAnswer> {
    let task: TaskAnswer | null = null;
    await untilTrue(
      async () => {
        task = await this.task(answer);
        return task.status !== 'enqueued' && task.status !== 'processing';
      },
      15_000,
      () => JSON.stringify({ answer, task }),
    );
    return task as unknown as TaskAnswer;
  }

  async search(index: string, q = ''): Promise<Answer> {
    return this.#call(this.router.search(index, JSON.stringify({ q, limit: 1_000 }), { signal: NEVER }));
  }

  close(): Promise<void> {
    return this.router.close();
  }

  async #call(call: Promise<ClientAnswer>): Promise<Answer> {
    const { status, headers, body } = await call;
    return { status, headers, body: body === '' ? {} : (JSON.parse(body) as Record<string, unknown>) };
  }
}

/** Until a search of `docs` shows just the documents and versions that were acknowledged last; null is a deleted one. */
export async function untilShows(router: RouterCalls, acknowledged: ReadonlyMap<string, number | null>): Promise<void> {
  const wanted = [...acknowledged].flatMap(([id, version]) => (version === null ? [] : [`${id} ${version}`])).sort();
  let found: string[] = [];
  await untilTrue(
    async () => {
      const { hits } = (await router.search('docs')).body as { hits: { id: string; version: number }[] };
      found = hits.map(({ id, version }) => `${id} ${version}`).sort();
      return found.join() === wanted.join();
    },
    10_000,
    () => JSON.stringify({ wanted, found }),
  );
}

/** Whether a promise is not over: looked at after everything that can happen without waiting has happened. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol('open');
  const first = await Promise.race([promise, new Promise((resolve) => setImmediate(() => resolve(open)))]);
  return first === open;
}

/** The ids of an index on a node, as text. */
export async function idsOn(fleet: TestFleet, node: string, index: string): Promise<string[]> {
  const page = await fleet.client(node).page(index, { limit: 100_000, fields: ['id'], maxBytes: 50_000_000 });
  const documents = JSON.parse(page.documents.toString()) as { id: string | number }[];
  return documents.map(({ id }) => String(id)).sort();
}
