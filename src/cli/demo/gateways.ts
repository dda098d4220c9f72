/**
 * One client's way to the fleet: plain HTTP as any Meilisearch client speaks it. It keeps to one gateway while that one
 * answers, and goes on at the next one when it does not.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { INDEX } from './load.ts';
import { type Fields, type Write, ID } from './truth.ts';

export type WriteOutcome =
  | { readonly kind: 'acknowledged'; readonly taskUid: number }
  | { readonly kind: 'refused' | 'unanswered'; readonly retryMs: number };

interface Answer {
  readonly status: number;
  readonly body: Fields;
  readonly retryMs: number;
}

/** No gateway answered: `wasSent` false where it certainly never left. */
interface Silence {
  readonly wasSent: boolean;
}

/** Codes that promise that nothing was written. Any other 5xx leaves it open. */
const NOT_EXECUTED: ReadonlySet<unknown> = new Set([
  'miroir_overloaded',
  'miroir_router_unconfirmed',
  'miroir_epoch_regressed',
  'miroir_write_waited',
]);
/** A write may wait for a switch, a settling document and a busy node; a gateway answers after 120 s at the latest. */
const ANSWER_MS = 130_000;
/** What a gateway asks for is whole seconds; a demo has less time. The least also lets what a dead one had sent arrive. */
const RETRY_MS = { least: 100, most: 500 };

export class Line {
  readonly #urls: readonly string[];
  readonly #signal: AbortSignal;
  #at: number;
  /** The gateway that has answered last, by its position. */
  answeredBy: number | null = null;

  constructor(urls: readonly string[], first: number, signal: AbortSignal) {
    this.#urls = urls;
    this.#at = first % urls.length;
    this.#signal = signal;
  }

  async write({ kind, documents }: Write): Promise<WriteOutcome> {
    const [first] = documents;
    const path = '/documents';
    const answer = await (kind !== 'delete'
      ? this.#ask(kind === 'put' ? 'POST' : 'PUT', path, documents)
      : documents.length === 1
        ? this.#ask('DELETE', `${path}/${String(first?.[ID])}`)
        : this.#ask(
            'POST',
            `${path}/delete-batch`,
            documents.map((document) => document[ID]),
          ));
    if ('wasSent' in answer) return { kind: answer.wasSent ? 'unanswered' : 'refused', retryMs: RETRY_MS.least };
    const { status, body, retryMs } = answer;
    const { taskUid, code } = body;
    if (status === 202 && typeof taskUid === 'number') return { kind: 'acknowledged', taskUid };
    if (status === 429 || NOT_EXECUTED.has(code)) return { kind: 'refused', retryMs };
    if (status >= 500) return { kind: 'unanswered', retryMs };
    throw new Error(`a gateway answered a write with ${status}: ${JSON.stringify(body).slice(0, 300)}`);
  }

  /** Null where there is no such document. */
  async document(id: number): Promise<Fields | null> {
    const { status, body } = await this.#read('GET', `/documents/${id}`);
    return status === 404 ? null : body;
  }

  async search(q: string, limit: number): Promise<readonly Fields[]> {
    const { body } = await this.#read('POST', '/search', { q, limit });
    return body['hits'] as readonly Fields[];
  }

  /** Status by uid, of those that are known. */
  async tasks(uids: readonly number[]): Promise<ReadonlyMap<number, string>> {
    const { body } = await this.#read('GET', `/tasks?limit=${uids.length}&uids=${uids.join(',')}`);
    const results = body['results'] as readonly { readonly uid: number; readonly status: string }[];
    return new Map(results.map(({ uid, status }) => [uid, status]));
  }

  /** Until one gateway answers what was asked. */
  async #read(method: 'GET' | 'POST', path: string, question?: unknown): Promise<Answer> {
    for (;;) {
      const answer = await this.#ask(method, path, question);
      if ('wasSent' in answer) {
        await sleep(RETRY_MS.least, undefined, { signal: this.#signal });
        continue;
      }
      if (answer.status === 200 || (answer.status === 404 && answer.body['code'] === 'document_not_found')) {
        return answer;
      }
      if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
        throw new Error(`a gateway answered a read with ${answer.status}: ${JSON.stringify(answer.body)}`);
      }
      await sleep(answer.retryMs, undefined, { signal: this.#signal });
    }
  }

  async #ask(method: string, path: string, question?: unknown): Promise<Answer | Silence> {
    const at = this.#at;
    try {
      const response = await fetch(`${this.#urls[at]}${path.startsWith('/tasks') ? '' : `/indexes/${INDEX}`}${path}`, {
        method,
        ...(question === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(question) }),
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(ANSWER_MS)]),
      });
      const text = await response.text();
      this.answeredBy = at;
      const afterMs = 1_000 * (Number(response.headers.get('retry-after')) || 0);
      return {
        status: response.status,
        body: text === '' ? {} : (JSON.parse(text) as Fields),
        retryMs: Math.min(Math.max(afterMs, RETRY_MS.least), RETRY_MS.most),
      };
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#at = (at + 1) % this.#urls.length;
      return { wasSent: causeOf(error) !== 'ECONNREFUSED' };
    }
  }
}

/** The platform's fetch says why in the cause of what it throws. */
function causeOf(error: unknown): unknown {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? cause.code : undefined;
}
