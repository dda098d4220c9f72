/** One Meilisearch node: the calls that moving documents needs, each as its route, its body and the part of the answer. */
import type { z } from 'zod';
import { resultsSpan } from '../core/fetch-page.ts';
import type { TopologyNode } from '../core/topology.ts';
import { messageOf } from '../errors.ts';
import type {
  DocumentPage,
  NodeBatch,
  NodeClient,
  NodeIndex,
  NodeIndexStats,
  NodeTask,
  PageRequest,
  Permit,
  TaskQuery,
} from '../ports.ts';
import { protocolFault } from './faults.ts';
import type { CallContext } from './faults.ts';
import { send } from './requests.ts';
import type { Request, RequestParts } from './requests.ts';
import {
  batchesShape,
  enqueuedShape,
  indexShape,
  indexStatsShape,
  nodeStatsShape,
  settingsShape,
  tasksShape,
  totalShape,
  versionShape,
} from './shapes.ts';
import { TASK_PAGE_BYTES_MAX, tasksInPages, taskSearch } from './task-pages.ts';

export const indexPath = (uid: string, rest = ''): string => `/indexes/${encodeURIComponent(uid)}${rest}`;

export class MeilisearchClient implements NodeClient {
  readonly node: TopologyNode;
  readonly #parts: RequestParts;
  readonly #permit: Permit;

  constructor(parts: RequestParts, node: TopologyNode, permit: Permit) {
    this.#parts = parts;
    this.node = node;
    this.#permit = permit;
  }

  version(): Promise<string | null> {
    const isHidden = (status: number | null): boolean => status === 403;
    return this.#askOr({ operation: 'version', method: 'GET', path: '/version' }, versionShape, isHidden);
  }

  async clockMs(): Promise<number | null> {
    const { date } = await this.#send({ operation: 'health', method: 'GET', path: '/health' });
    const atMs = Date.parse(date ?? '');
    return Number.isNaN(atMs) ? null : atMs;
  }

  index(uid: string): Promise<NodeIndex | null> {
    const isMissing = (_: number | null, code: string | null): boolean => code === 'index_not_found';
    return this.#askOr({ operation: 'index', method: 'GET', path: indexPath(uid) }, indexShape, isMissing);
  }

  createIndex(uid: string, primaryKey: string): Promise<number> {
    return this.#write('createIndex', 'POST', '/indexes', JSON.stringify({ uid, primaryKey }));
  }

  deleteIndex(uid: string): Promise<number> {
    return this.#write('deleteIndex', 'DELETE', indexPath(uid), null);
  }

  settings(uid: string): Promise<Readonly<Record<string, unknown>>> {
    return this.#ask({ operation: 'settings', method: 'GET', path: indexPath(uid, '/settings') }, settingsShape);
  }

  updateSettings(uid: string, settings: Readonly<Record<string, unknown>>): Promise<number> {
    return this.#write('updateSettings', 'PATCH', indexPath(uid, '/settings'), JSON.stringify(settings));
  }

  indexStats(uid: string): Promise<NodeIndexStats> {
    return this.#ask({ operation: 'indexStats', method: 'GET', path: indexPath(uid, '/stats') }, indexStatsShape);
  }

  nodeStats(): Promise<{ databaseBytes: number; usedBytes: number }> {
    return this.#ask({ operation: 'nodeStats', method: 'GET', path: '/stats' }, nodeStatsShape);
  }

  count(uid: string, filter?: string): Promise<number> {
    const body = JSON.stringify({ limit: 0, ...(filter === undefined ? {} : { filter }) });
    return this.#ask(
      { operation: 'count', method: 'POST', path: indexPath(uid, '/documents/fetch'), body },
      totalShape,
    );
  }

  async page(uid: string, { maxBytes, ...asked }: PageRequest): Promise<DocumentPage> {
    const path = indexPath(uid, '/documents/fetch');
    const { body, context } = await this.#send({
      operation: 'page',
      method: 'POST',
      path,
      body: JSON.stringify(asked),
      maxBytes,
    });
    try {
      const { start, end, total } = resultsSpan(body);
      return { total, documents: body.subarray(start, end) };
    } catch (error) {
      throw protocolFault(context, `the answer is no page of documents: ${messageOf(error)}`);
    }
  }

  putDocuments(uid: string, primaryKey: string, documents: Buffer | string, tag: string): Promise<number> {
    const query = new URLSearchParams({ primaryKey, customMetadata: tag });
    return this.#write('putDocuments', 'POST', indexPath(uid, '/documents'), documents, query);
  }

  mergeDocuments(uid: string, primaryKey: string, documents: Buffer | string, tag: string): Promise<number> {
    const query = new URLSearchParams({ primaryKey, customMetadata: tag, skipCreation: 'true' });
    return this.#write('mergeDocuments', 'PUT', indexPath(uid, '/documents'), documents, query);
  }

  deleteDocuments(uid: string, ids: readonly string[], tag: string): Promise<number> {
    const query = new URLSearchParams({ customMetadata: tag });
    const path = indexPath(uid, '/documents/delete-batch');
    return this.#write('deleteDocuments', 'POST', path, `[${ids.join(',')}]`, query);
  }

  tasks(asked: TaskQuery): Promise<readonly NodeTask[]> {
    return tasksInPages(asked, TASK_PAGE_BYTES_MAX, (part, maxBytes) => {
      const query = taskSearch(part);
      return this.#ask({ operation: 'tasks', method: 'GET', path: '/tasks', query, maxBytes }, tasksShape);
    });
  }

  batches(limit: number): Promise<readonly NodeBatch[]> {
    const query = new URLSearchParams({ limit: String(limit) });
    return this.#ask({ operation: 'batches', method: 'GET', path: '/batches', query }, batchesShape);
  }

  #write(
    operation: string,
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body: Buffer | string | null,
    query?: URLSearchParams,
  ): Promise<number> {
    const request: Request = {
      operation,
      method,
      path,
      ...(body === null ? {} : { body }),
      isWrite: true,
      ...(query === undefined ? {} : { query }),
    };
    return this.#ask(request, enqueuedShape);
  }

  async #ask<T>(request: Request, shape: z.ZodType<T>): Promise<T> {
    const { body, context } = await this.#send(request);
    return decode(body, shape, context);
  }

  /** Null for the faults that are an answer. */
  async #askOr<T>(
    request: Request,
    shape: z.ZodType<T>,
    isAnswer: (status: number | null, code: string | null) => boolean,
  ): Promise<T | null> {
    const outcome = await send(this.#parts, this.node, this.#permit, request);
    if (!('error' in outcome)) return decode(outcome.body, shape, outcome.context);
    if (isAnswer(outcome.status, outcome.code)) return null;
    throw outcome.error;
  }

  async #send(request: Request): Promise<{ body: Buffer; date: string | null; context: CallContext }> {
    const outcome = await send(this.#parts, this.node, this.#permit, request);
    if ('error' in outcome) throw outcome.error;
    return outcome;
  }
}

export function decode<T>(body: Buffer, shape: z.ZodType<T>, context: CallContext): T {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    // The parser's words quote the answer, which may be somebody's documents.
    throw protocolFault(context, 'the answer is not JSON');
  }
  const result = shape.safeParse(parsed);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw protocolFault(context, `the answer has another shape: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}
