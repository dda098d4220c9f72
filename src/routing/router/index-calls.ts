/** Creating, deleting, listing and showing indexes. */
import type { IndexEntry } from '../../core/routing.ts';
import { stopwatch } from '../../core/stopwatch.ts';
import type { TopologyNode } from '../../core/topology.ts';
import {
  IndexConflictError,
  InvalidInputError,
  isMiroirError,
  messageOf,
  NodeUnreachableError,
  NotSupportedError,
  SettingsInFlightError,
} from '../../errors.ts';
import type {
  ClientTaskPart,
  Clock,
  Logger,
  NodeClient,
  NodeIndex,
  Records,
  Registry,
  RouterEntry,
} from '../../ports.ts';
import type { CallOptions, ClientAnswer, WriteOptions } from '../api.ts';
import { ok } from './answers.ts';
import { assertNotMoving } from './moves.ts';
import type { IndexAdmin } from './parts.ts';
import type { Registration } from './registration.ts';
import type { Snapshot, Tables } from './tables.ts';
import type { TaskWriter } from './task-writer.ts';

export interface IndexCallsOptions {
  readonly admin: IndexAdmin;
  readonly records: Pick<Records, 'unfinishedMoves'>;
  readonly registry: Pick<Registry, 'live'>;
  readonly registration: Registration;
  readonly tables: Tables;
  readonly tasks: TaskWriter;
  readonly clientOf: (node: TopologyNode) => NodeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly entryMs: number;
}

const LIMIT_DEFAULT = 20;
/** Between two looks whether some router still knows an index that is deleted. */
const LOOK_MS = 50;
/** Nodes are told of a deletion within this time only: half of the time in which nobody creates the index again. */
const TELL_MS = 60_000;

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

  async remove(uid: string, { signal, ...options }: WriteOptions): Promise<ClientAnswer> {
    const { records, admin, registration, tables, tasks, clock } = this.#options;
    const about = { indexUid: uid, type: 'indexDeletion', details: { deletedDocuments: null }, ...options };
    registration.session();
    if (!tables.has(uid)) await registration.sure(signal);
    await assertNotMoving(records, uid, 'the deletion');
    const isChanging = (): boolean => (tables.settings(uid)?.broadcast ?? null) !== null;
    // It may have ended a moment ago.
    if (isChanging()) await registration.confirmed(signal);
    if (isChanging()) {
      throw new SettingsInFlightError(`the deletion of index ${uid} has to wait: its settings are being changed`, {
        remedy: 'send it again when the task of the change has ended',
        details: { index: uid },
      });
    }
    const snapshot = tables.has(uid) ? tables.get(uid) : null;
    const elapsedMs = stopwatch(clock);
    const deletion = await admin.unregister(uid);
    if (deletion === null) return tasks.failed(about, 'index_not_found', `Index \`${uid}\` not found.`);
    try {
      await this.#untilForgotten(uid, signal);
      // Created in this moment, and known to nobody: nothing is on its nodes that a later creation would not take over.
      if (snapshot === null) return await tasks.done(about, { deletedDocuments: 0 });
      return await tasks.begun(about, await this.#tellNodes(snapshot, elapsedMs));
    } finally {
      await admin.told(uid, deletion);
    }
  }

  async #tellNodes(snapshot: Snapshot, elapsedMs: () => number): Promise<ClientTaskPart[]> {
    const { clientOf, logger } = this.#options;
    const { uid } = snapshot.entry;
    const parts: ClientTaskPart[] = [];
    for (const node of ownersOf(snapshot)) {
      // The index may have been created again since: whoever was frozen this long deletes nothing more.
      if (elapsedMs() > TELL_MS) {
        logger.warn({ node: node.id, index: uid }, 'the deletion took too long: index left on a node');
        continue;
      }
      try {
        parts.push({ node: node.id, taskUid: await clientOf(node).deleteIndex(uid), shards: [] });
      } catch (error) {
        // Nobody is routed to it any more; whoever creates the index again is told what is left there.
        logger.warn({ node: node.id, index: uid, problem: messageOf(error) }, 'index left on a node');
      }
    }
    return parts;
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

  /**
   * A router that still knows the index could write to a node where it is gone, and so bring it back. One that is frozen
   * does nothing more once its entry is over, which lasts longer than its registration and so than any request of it.
   * One that has not confirmed since may have read the table before, or go on with requests of another registration.
   */
  async #untilForgotten(uid: string, signal: AbortSignal): Promise<void> {
    const { registry, registration, clock, entryMs } = this.#options;
    const [own, goneMs] = [registration.id(), registration.redisNowMs()];
    const isDone = ({ id, acks, confirmedMs = 0 }: RouterEntry): boolean =>
      acks[uid] === undefined && (id === own || confirmedMs >= goneMs);
    await registration.confirmed(signal);
    const overMs = clock.monotonic() + entryMs;
    while (clock.monotonic() < overMs) {
      if ((await registry.live()).every(isDone)) return;
      await clock.sleep(LOOK_MS, signal);
    }
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
