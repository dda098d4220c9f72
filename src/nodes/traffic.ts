/** Clients' requests to nodes: each sent once, over connections that are kept, with a bounded line before each node. */
import { setMaxListeners } from 'node:events';
import type { TopologyNode } from '../core/topology.ts';
import { NodeBusyError } from '../errors.ts';
import type {
  DocumentsWrite,
  NodeAnswer,
  NodeTask,
  NodeTraffic,
  Permit,
  RequestLimits,
  TaskQuery,
  Traffic,
} from '../ports.ts';
import { decode, indexPath } from './client.ts';
import { faultOf, isSuccess, parseRetryAfter } from './faults.ts';
import type { CallContext } from './faults.ts';
import type { Exchange } from './exchange.ts';
import { attemptOnce, report } from './requests.ts';
import type { Request, RequestParts } from './requests.ts';
import { tasksShape } from './shapes.ts';
import { tasksInPages, taskSearch } from './task-pages.ts';
import { Turnstile } from './turnstile.ts';
import type { TurnstileLimits } from './turnstile.ts';

export class ClientTraffic implements Traffic {
  readonly #parts: RequestParts;
  readonly #limits: TurnstileLimits;
  readonly #lines = new Map<string, Turnstile>();

  constructor(parts: RequestParts, limits: TurnstileLimits) {
    this.#parts = parts;
    this.#limits = limits;
  }

  of(node: TopologyNode): NodeTraffic {
    // By URL, because that is what hangs; a fleet has some dozen of them.
    const line = this.#lines.get(node.url) ?? new Turnstile(this.#limits, this.#parts.clock);
    this.#lines.set(node.url, line);
    return new TrafficClient(this.#parts, line, node);
  }

  close(): Promise<void> {
    return this.#parts.dispatcher.close();
  }
}

type Outcome = { readonly result: Extract<Exchange, { kind: 'answered' }>; readonly context: CallContext };

class TrafficClient implements NodeTraffic {
  readonly node: TopologyNode;
  readonly #parts: RequestParts;
  readonly #line: Turnstile;

  constructor(parts: RequestParts, line: Turnstile, node: TopologyNode) {
    this.#parts = parts;
    this.#line = line;
    this.node = node;
  }

  writeDocuments(index: string, write: DocumentsWrite, limits: RequestLimits): Promise<NodeAnswer> {
    const query = new URLSearchParams({ primaryKey: write.primaryKey, customMetadata: write.tag });
    const method = write.mode === 'replace' ? 'POST' : 'PUT';
    const path = indexPath(index, '/documents');
    return this.#write({ operation: 'writeDocuments', method, path, query, body: write.documents }, limits);
  }

  deleteDocuments(index: string, ids: readonly string[], tag: string, limits: RequestLimits): Promise<NodeAnswer> {
    const query = new URLSearchParams({ customMetadata: tag });
    const path = indexPath(index, '/documents/delete-batch');
    return this.#write(
      { operation: 'deleteDocuments', method: 'POST', path, query, body: `[${ids.join(',')}]` },
      limits,
    );
  }

  deleteByFilter(index: string, filter: string, tag: string, limits: RequestLimits): Promise<NodeAnswer> {
    const query = new URLSearchParams({ customMetadata: tag });
    const path = indexPath(index, '/documents/delete');
    return this.#write(
      { operation: 'deleteByFilter', method: 'POST', path, query, body: `{"filter":${filter}}` },
      limits,
    );
  }

  search(index: string, body: string, limits: RequestLimits): Promise<NodeAnswer> {
    return this.#send({ operation: 'search', method: 'POST', path: indexPath(index, '/search'), body }, limits);
  }

  multiSearch(body: string, limits: RequestLimits): Promise<NodeAnswer> {
    return this.#send({ operation: 'multiSearch', method: 'POST', path: '/multi-search', body }, limits);
  }

  fetchDocuments(index: string, body: string, limits: RequestLimits): Promise<NodeAnswer> {
    const path = indexPath(index, '/documents/fetch');
    return this.#send({ operation: 'fetchDocuments', method: 'POST', path, body }, limits);
  }

  document(index: string, id: string, query: string, limits: RequestLimits): Promise<NodeAnswer> {
    const path = indexPath(index, `/documents/${encodeURIComponent(id)}`);
    return this.#send({ operation: 'document', method: 'GET', path, query: new URLSearchParams(query) }, limits);
  }

  stats(index: string | null, limits: RequestLimits): Promise<NodeAnswer> {
    const path = index === null ? '/stats' : indexPath(index, '/stats');
    return this.#send({ operation: 'stats', method: 'GET', path }, limits);
  }

  settings(index: string, limits: RequestLimits): Promise<NodeAnswer> {
    return this.#send({ operation: 'settings', method: 'GET', path: indexPath(index, '/settings') }, limits);
  }

  async tasks(uids: readonly number[], limits: RequestLimits): Promise<readonly NodeTask[]> {
    if (uids.length === 0) return [];
    return tasksInPages({ uids, limit: uids.length }, limits.maxBytes, (asked, maxBytes) =>
      this.#taskPage(asked, { ...limits, maxBytes }),
    );
  }

  async #taskPage(asked: TaskQuery, limits: RequestLimits): Promise<readonly NodeTask[]> {
    const query = taskSearch(asked);
    const { result, context } = await this.#ask({ operation: 'tasks', method: 'GET', path: '/tasks', query }, limits);
    if (isSuccess(result)) return decode(result.body, tasksShape, context);
    throw faultOf(result, context, this.#parts.clock.now()).error;
  }

  #write(request: Request, limits: RequestLimits): Promise<NodeAnswer> {
    return this.#send({ ...request, isWrite: true, point: `traffic:${request.operation}` }, limits);
  }

  async #send(request: Request, limits: RequestLimits): Promise<NodeAnswer> {
    const { status, body, retryAfter } = (await this.#ask(request, limits)).result;
    const retryAfterS = Math.ceil(parseRetryAfter(retryAfter, this.#parts.clock.now()) / 1_000);
    return { status, body, retryAfterS: retryAfter === null ? null : retryAfterS };
  }

  async #ask(request: Request, { deadlineMs, signal, maxBytes }: RequestLimits): Promise<Outcome> {
    const { clock } = this.#parts;
    // Each request under way listens to the signal and stops listening when it ends, so many at a time are no leak.
    setMaxListeners(0, signal);
    const endMs = clock.monotonic() + deadlineMs;
    const entry = await this.#line.enter(deadlineMs, signal);
    if (entry !== 'admitted') throw this.#noTurn(request, entry === 'full' ? 'its line is full' : LATE);
    try {
      const permit = {
        signal,
        budgetMs: () => {
          const leftMs = endMs - clock.monotonic();
          if (leftMs > 0) return leftMs;
          throw this.#noTurn(request, LATE);
        },
      };
      return this.#judge(await attemptOnce(this.#parts, this.node, permit, { ...request, maxBytes }), permit);
    } finally {
      this.#line.leave();
    }
  }

  #judge({ result, context }: { result: Exchange; context: CallContext }, { signal }: Permit): Outcome {
    if (result.kind === 'answered') {
      const fault = isSuccess(result) ? null : faultOf(result, context, this.#parts.clock.now());
      // What the client is at fault for says nothing about the node.
      if (fault === null || fault.type === 'refused')
        this.#parts.metrics?.nodeReachable.set({ node_id: this.node.id }, 1);
      else report(this.#parts, this.node, fault);
      return { result, context };
    }
    if (result.why === 'cancelled') throw signal.reason;
    const fault = faultOf(result, context, this.#parts.clock.now());
    report(this.#parts, this.node, fault);
    throw fault.error;
  }

  /** Nothing was sent. */
  #noTurn({ operation, isWrite }: Request, why: string): NodeBusyError {
    return new NodeBusyError(`node ${this.node.id}: ${operation}: ${why}`, {
      remedy: 'nothing to do while it is brief; look at the node when it lasts',
      details: { node: this.node.id, operation, ...(isWrite === true ? { ambiguous: false } : {}) },
    });
  }
}

const LATE = 'no connection was free before the deadline';
