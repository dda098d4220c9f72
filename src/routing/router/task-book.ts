/** Looks at the nodes for what became of clients' tasks, keeps final states, and lists what an owner missed (R10). */
import type { RoutingTable } from '../../core/routing.ts';
import { findNode, isWaitedFor } from '../../core/topology.ts';
import { messageOf } from '../../errors.ts';
import type {
  ClientTaskRecord,
  ClientTasks,
  Logger,
  NodeTask,
  Records,
  RepairLists,
  RouterObserver,
  SettingsRecords,
  Traffic,
} from '../../ports.ts';
import type { Tables } from './tables.ts';
import { hasOldReaders, NOT_KNOWN, taskState } from './task-state.ts';
import type { Missed, SeenPart, SeenShard, TaskState } from './task-state.ts';

export interface TaskBookOptions {
  readonly clientTasks: ClientTasks;
  readonly records: Pick<Records, 'table' | 'barrier' | 'topology' | 'deletion'>;
  readonly repairs: RepairLists;
  readonly settings: Pick<SettingsRecords, 'read'>;
  readonly traffic: Traffic;
  readonly tables: Tables;
  readonly logger: Logger;
  readonly observer: RouterObserver;
  /** Ids that a node's task wrote to a shard, while somebody knows them; else the whole shard is listed. */
  readonly idsOf: (missed: Missed) => readonly string[] | 'shard';
}

/** Uids of one question: they stand in its address. */
const UIDS_PER_REQUEST = 500;
const ANSWER_BYTES_MAX = 8_000_000;
const NODE_MS = 4_000;
/** Shards whose newest acknowledged epoch is remembered. */
const ACKNOWLEDGED_MAX = 10_000;

type Seen = ReadonlyMap<string, NodeTask | 'silent' | 'out'>;
const nameOf = (node: string, taskUid: number): string => `${taskUid}@${node}`;

export class TaskBook {
  readonly #options: TaskBookOptions;
  /** Shard → epoch that every live router has acknowledged. */
  readonly #acknowledged = new Map<string, number>();

  constructor(options: TaskBookOptions) {
    this.#options = options;
  }

  /** The state of each of these tasks that is not final yet, by uid. */
  async look(
    records: readonly ClientTaskRecord[],
    signal: AbortSignal,
    /** Whether what owners missed of a task is this caller's to list; else the task stays open. */
    mayList: (record: ClientTaskRecord) => boolean,
  ): Promise<ReadonlyMap<number, TaskState>> {
    const unfinished = records.filter(({ outcome }) => outcome === null);
    const open = unfinished.filter(({ broadcast }) => broadcast === undefined);
    const seen = await this.#ask(open, signal);
    // After the tasks: who is read now is read from what they have applied.
    const shardsOf = await this.#shards(open, seen);
    const deleting = await this.#deleting(open);
    const states = new Map<number, TaskState>();
    for (const record of unfinished) {
      if (record.broadcast !== undefined) states.set(record.uid, await this.#broadcastState(record));
    }
    for (const record of open) {
      const parts: SeenPart[] = record.parts.map((part) => ({
        part,
        task: seen.get(nameOf(part.node, part.taskUid)) ?? null,
      }));
      const isDeleting = record.type === 'indexDeletion' && deleting.has(record.indexUid);
      const state = taskState(record, parts, (shard) => shardsOf(record.indexUid, shard), isDeleting);
      states.set(record.uid, state);
      if (state.outcome === null || (state.missed.length > 0 && !mayList(record))) continue;
      // Listed before it is final, so that nobody looks away in between.
      await this.#list(record, state.missed);
      await this.#options.clientTasks.finish(record.uid, state.outcome);
    }
    return states;
  }

  /** Ended by whoever ends the broadcast, in one script with it; one whose broadcast is gone without that is lost. */
  async #broadcastState({ uid, indexUid, broadcast, details }: ClientTaskRecord): Promise<TaskState> {
    const { settings, clientTasks } = this.#options;
    const record = await settings.read(indexUid);
    if (record.broadcast?.id === broadcast) {
      return { status: 'processing', startedAt: null, outcome: null, missed: [] };
    }
    const known = (await clientTasks.get(uid))?.outcome;
    const outcome = known ?? { status: 'failed', error: NOT_KNOWN, details, startedAt: null, finishedAt: null };
    if (known == null) await clientTasks.finish(uid, outcome);
    return { status: outcome.status, startedAt: outcome.startedAt, outcome, missed: [] };
  }

  /** Indexes whose deletion some node is still to be told of that has not failed. */
  async #deleting(tasks: readonly ClientTaskRecord[]): Promise<ReadonlySet<string>> {
    const { records } = this.#options;
    const deleting = new Set<string>();
    for (const index of new Set(tasks.filter(({ type }) => type === 'indexDeletion').map(({ indexUid }) => indexUid))) {
      const deletion = await records.deletion(index);
      if (deletion === null) continue;
      const topology = await records.topology();
      if (deletion.nodes.some((id) => isWaitedFor(findNode(topology, id)))) deleting.add(index);
    }
    return deleting;
  }

  async #ask(records: readonly ClientTaskRecord[], signal: AbortSignal): Promise<Seen> {
    const byNode = new Map<string, Set<number>>();
    for (const { parts } of records) {
      for (const { node, taskUid } of parts) {
        const uids = byNode.get(node) ?? new Set();
        byNode.set(node, uids.add(taskUid));
      }
    }
    const seen = new Map<string, NodeTask | 'silent' | 'out'>();
    const silent = new Set<string>();
    await Promise.all(
      [...byNode].map(async ([node, uids]) => {
        const all = [...uids];
        for (let at = 0; at < all.length; at += UIDS_PER_REQUEST) {
          const some = all.slice(at, at + UIDS_PER_REQUEST);
          const tasks = await this.#askNode(node, some, signal);
          if (tasks === null) silent.add(node);
          else for (const task of tasks) seen.set(nameOf(node, task.uid), task);
        }
      }),
    );
    if (silent.size === 0) return seen;
    // As Redis has it now: our own topology may lack a node that was added a moment ago.
    const topology = await this.#options.records.topology();
    for (const node of silent) {
      const state = findNode(topology, node)?.state ?? 'removed';
      const why = state === 'failed' || state === 'removed' ? 'out' : 'silent';
      for (const uid of byNode.get(node) ?? []) if (!seen.has(nameOf(node, uid))) seen.set(nameOf(node, uid), why);
    }
    return seen;
  }

  /** Null when the node does not answer. */
  async #askNode(id: string, uids: readonly number[], signal: AbortSignal): Promise<readonly NodeTask[] | null> {
    const node = this.#options.tables.node(id);
    if (node === undefined) return null;
    try {
      const limits = { deadlineMs: NODE_MS, signal, maxBytes: ANSWER_BYTES_MAX };
      return await this.#options.traffic.of(node).tasks(uids, limits);
    } catch (error) {
      signal.throwIfAborted();
      this.#options.logger.debug({ node: id, problem: messageOf(error) }, 'tasks of a node not known');
      return null;
    }
  }

  /** Routes as Redis has them now: our own table may be older than the write. */
  async #shards(
    records: readonly ClientTaskRecord[],
    seen: Seen,
  ): Promise<(index: string, shard: number) => SeenShard | undefined> {
    const tables = new Map<string, RoutingTable | null>();
    const acknowledged = new Set<string>();
    for (const record of records) {
      const { indexUid, parts } = record;
      const isApplied = ({ node, taskUid }: ClientTaskRecord['parts'][number]): boolean => {
        const task = seen.get(nameOf(node, taskUid));
        return typeof task === 'string' || (task !== undefined && task.finishedAt !== null);
      };
      // Only what may become final needs to know.
      if (!parts.every(isApplied)) continue;
      const { records: read } = this.#options;
      if (!tables.has(indexUid)) tables.set(indexUid, await read.table(indexUid));
      for (const shard of new Set(parts.flatMap(({ shards }) => shards))) {
        const route = tables.get(indexUid)?.shards[shard];
        const name = `${indexUid}/${shard}`;
        if (route === undefined || !hasOldReaders(route) || acknowledged.has(name)) continue;
        if (await this.#isAcknowledged(indexUid, shard, route.epoch)) acknowledged.add(name);
      }
    }
    return (index, shard) => {
      const route = tables.get(index)?.shards[shard];
      return route === undefined ? undefined : { ...route, isAcknowledged: acknowledged.has(`${index}/${shard}`) };
    };
  }

  /** Once every live router has acknowledged an epoch nobody falls behind it: who comes later reads a newer table. */
  async #isAcknowledged(index: string, shard: number, epoch: number): Promise<boolean> {
    const name = `${index}/${shard}`;
    if (this.#acknowledged.get(name) === epoch) return true;
    if (!(await this.#options.records.barrier(index, shard, epoch)).open) return false;
    if (this.#acknowledged.size >= ACKNOWLEDGED_MAX) this.#acknowledged.clear();
    this.#acknowledged.set(name, epoch);
    return true;
  }

  /** R10: never sent again, since a newer write may exist. */
  async #list({ indexUid, uid }: ClientTaskRecord, missed: readonly Missed[]): Promise<void> {
    const { repairs, observer, logger, idsOf } = this.#options;
    if (missed.length === 0) return;
    logger.warn({ index: indexUid, task: uid, nodes: missed.map(({ node }) => node) }, 'a write failed on some owners');
    observer.missed(missed.length);
    const add = (one: Missed): Promise<void> => {
      const how = one.stampMs === undefined ? 'missed' : { stampMs: one.stampMs };
      return repairs.add(indexUid, one.shard, idsOf(one), [one.node], how);
    };
    await Promise.all(missed.map(add));
  }
}
