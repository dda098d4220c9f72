/** Creating, listing and showing indexes. */
import type { IndexEntry } from '../../core/routing.ts';
import type { TopologyNode } from '../../core/topology.ts';
import {
  IndexConflictError,
  InvalidInputError,
  isMiroirError,
  NodeUnreachableError,
  NotSupportedError,
} from '../../errors.ts';
import type { NodeClient, NodeIndex } from '../../ports.ts';
import type { CallOptions, ClientAnswer, WriteOptions } from '../api.ts';
import { ok } from './answers.ts';
import type { IndexAdmin } from './parts.ts';
import type { Registration } from './registration.ts';
import type { Snapshot, Tables } from './tables.ts';
import type { TaskWriter } from './task-writer.ts';

export interface IndexCallsOptions {
  readonly admin: IndexAdmin;
  readonly registration: Registration;
  readonly tables: Tables;
  readonly tasks: TaskWriter;
  readonly clientOf: (node: TopologyNode) => NodeClient;
}

const LIMIT_DEFAULT = 20;

export class IndexCalls {
  readonly #options: IndexCallsOptions;

  constructor(options: IndexCallsOptions) {
    this.#options = options;
  }

  /** Done before it is answered, so that the next call finds the index; what is wrong is told by the task, as a node does. */
  async create(body: string, { signal, ...options }: WriteOptions): Promise<ClientAnswer> {
    const { uid, primaryKey } = wanted(body);
    const { tasks, registration, admin } = this.#options;
    const about = { indexUid: uid, type: 'indexCreation', details: { primaryKey }, ...options };
    try {
      await admin.create({ uid, primaryKey, signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof IndexConflictError)) throw error;
      const isOurs = this.#options.tables.has(uid);
      const message = isOurs ? `Index \`${uid}\` already exists.` : error.message;
      return tasks.failed(about, 'index_already_exists', message);
    }
    await registration.confirmed(signal);
    return tasks.done(about, { primaryKey });
  }

  /** Done or failed at once, in a node's words. Documents are dealt by their key, so a real change is not made here. */
  async update(uid: string, primaryKey: string | null, { signal, ...options }: WriteOptions): Promise<ClientAnswer> {
    const { tasks, tables, registration, clientOf } = this.#options;
    const about = { indexUid: uid, type: 'indexUpdate', details: { primaryKey }, ...options };
    registration.session();
    if (!tables.has(uid)) await registration.sure(signal);
    if (!tables.has(uid)) return tasks.failed(about, 'index_not_found', `Index \`${uid}\` not found.`);
    const snapshot = tables.get(uid);
    const own = snapshot.entry.primaryKey;
    if (primaryKey === null || primaryKey === own) return tasks.done(about, about.details);
    const counts = await Promise.all(ownersOf(snapshot).map((node) => clientOf(node).count(uid)));
    signal.throwIfAborted();
    if (counts.every((count) => count === 0)) {
      throw new NotSupportedError(`the primary key of index ${uid} is not changed`, {
        field: 'primaryKey',
        remedy: 'delete the index, which has no documents, and create it with this key',
      });
    }
    const message = `Index \`${uid}\`: Index already has a primary key: \`${own}\`.`;
    return tasks.failed(about, 'index_primary_key_already_exists', message);
  }

  async list({ offset = 0, limit = LIMIT_DEFAULT }: { offset?: number; limit?: number }): Promise<ClientAnswer> {
    this.#options.registration.session();
    const entries = [...this.#options.tables.all()].sort((a, b) => (a.entry.uid < b.entry.uid ? -1 : 1));
    const page = entries.slice(offset, offset + limit);
    const results = await Promise.all(page.map((snapshot) => this.#describe(snapshot)));
    return ok({ results, offset, limit, total: entries.length });
  }

  async show(uid: string, { signal }: CallOptions): Promise<ClientAnswer> {
    const { registration, tables } = this.#options;
    registration.session();
    if (!tables.has(uid)) await registration.sure(signal);
    return ok(await this.#describe(tables.get(uid)));
  }

  /** As the first node says that answers. */
  async #describe(snapshot: Snapshot): Promise<NodeIndex> {
    const { uid, primaryKey } = snapshot.entry;
    let problem: unknown;
    for (const node of ownersOf(snapshot)) {
      try {
        const index = await this.#options.clientOf(node).index(uid);
        if (index !== null) return { uid, createdAt: index.createdAt, updatedAt: index.updatedAt, primaryKey };
      } catch (error) {
        problem = error;
      }
    }
    if (isMiroirError(problem)) throw problem;
    throw new NodeUnreachableError(`no node of index ${uid} has it`, { remedy: 'send it again in a moment' });
  }
}

/** Nodes that hold shards of the index. */
export function ownersOf({ table, nodes }: Snapshot): TopologyNode[] {
  const ids = new Set(table.shards.flatMap(({ owners }) => owners));
  return [...nodes.values()].filter(({ id }) => ids.has(id));
}

function wanted(body: string): Pick<IndexEntry, 'uid' | 'primaryKey'> {
  const { uid, primaryKey } = JSON.parse(body) as { uid?: unknown; primaryKey?: unknown };
  if (typeof uid === 'string' && typeof primaryKey === 'string') return { uid, primaryKey };
  const [field, nodeCode] =
    typeof uid === 'string' ? ['primaryKey', 'invalid_index_primary_key'] : ['uid', 'missing_index_uid'];
  throw new InvalidInputError(`the index needs a ${field}: documents are dealt to shards by their primary key`, {
    field,
    remedy: `give ${field}`,
    details: { nodeCode },
  });
}
