/**
 * Deleting an index: out of the registry first, then, once no router knows it, off every node. The record that Redis
 * keeps of it outlives the client's call and this process: nodes that have not been told are the reconcilers' to tell.
 */
import pLimit from 'p-limit';
import { stopwatch } from '../../core/stopwatch.ts';
import type { TopologyNode } from '../../core/topology.ts';
import { messageOf, RouterUnconfirmedError, SettingsInFlightError, TimeoutError } from '../../errors.ts';
import type {
  ClientTaskPart,
  Clock,
  Deletion,
  Logger,
  NodeClient,
  Permit,
  Records,
  Registry,
  RouterEntry,
} from '../../ports.ts';
import type { ClientAnswer, WriteOptions } from '../api.ts';
import { deleteOnNode } from '../delete-on-node.ts';
import { assertNotMoving } from './moves.ts';
import type { IndexAdmin } from './parts.ts';
import type { Registration } from './registration.ts';
import type { Tables } from './tables.ts';
import type { TaskAbout, TaskWriter } from './task-writer.ts';

export interface DeletionsOptions {
  readonly admin: IndexAdmin;
  readonly records: Pick<Records, 'unfinishedMoves' | 'topology'>;
  readonly registry: Pick<Registry, 'live'>;
  readonly registration: Registration;
  readonly tables: Tables;
  readonly tasks: TaskWriter;
  readonly clientOf: (node: TopologyNode, permit: Permit) => NodeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly entryMs: number;
}

/** Between two looks whether some router still knows the index. */
const LOOK_MS = 50;
/** For telling all nodes, after routers have let go; what is left then is the reconcilers'. */
const TELL_MS = 20_000;
/** One request to a node. */
const NODE_MS = 5_000;
const NODES_AT_A_TIME = 32;

export class Deletions {
  readonly #options: DeletionsOptions;
  readonly #closing = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(options: DeletionsOptions) {
    this.#options = options;
  }

  async remove(uid: string, { signal, ...options }: WriteOptions): Promise<ClientAnswer> {
    const { records, registration, tables } = this.#options;
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
    signal.throwIfAborted();
    // From here on by our own signal: a client that hangs up has asked for it all the same.
    const deleting = this.#delete(about);
    this.#underWay.add(deleting);
    try {
      return await deleting;
    } finally {
      this.#underWay.delete(deleting);
    }
  }

  /** What is under way is left to the reconcilers. */
  async close(): Promise<void> {
    this.#closing.abort(new RouterUnconfirmedError('this router closes'));
    await Promise.allSettled(this.#underWay);
  }

  async #delete(about: TaskAbout): Promise<ClientAnswer> {
    const { admin, tasks, clock, entryMs } = this.#options;
    const uid = about.indexUid;
    // Before the record is made: what is left by this is never more than what Redis has left.
    const elapsedMs = stopwatch(clock);
    const ownMs = entryMs + TELL_MS;
    const deletion = await admin.unregister(uid, ownMs);
    if (deletion === null) return tasks.failed(about, 'index_not_found', `Index \`${uid}\` not found.`);
    return tasks.begun(about, await this.#carryOut(deletion, () => ownMs - elapsedMs()));
  }

  /** What nodes have accepted. The task stays open while others that have not failed are still to be told. */
  async #carryOut(deletion: Deletion, leftMs: () => number): Promise<ClientTaskPart[]> {
    const { admin, records, logger } = this.#options;
    const { index } = deletion;
    try {
      await this.#untilForgotten(index);
      const { nodes } = await records.topology();
      const listed = nodes.filter(({ id, state }) => deletion.nodes.includes(id) && state !== 'failed');
      const limit = pLimit(NODES_AT_A_TIME);
      const told = await Promise.all(listed.map((node) => limit(() => this.#tell(node, index, leftMs))));
      const done = told.filter((one) => one !== null);
      await admin.told(
        deletion,
        done.map(({ node }) => node),
      );
      return done.flatMap(({ node, taskUid }) => (taskUid === null ? [] : [{ node, taskUid, shards: [] }]));
    } catch (error) {
      logger.warn({ index, problem: messageOf(error) }, 'the deletion of an index is left to the reconcilers');
      return [];
    }
  }

  /** Null when it does not answer: nobody is routed to its copy any more. */
  async #tell(
    node: TopologyNode,
    index: string,
    leftMs: () => number,
  ): Promise<{ readonly node: string; readonly taskUid: number | null } | null> {
    const { clientOf, logger } = this.#options;
    // Frozen in between, it may wake after the index was created again: then nothing more is sent.
    const budgetMs = (): number => {
      const ms = Math.min(NODE_MS, leftMs());
      if (ms > 0) return ms;
      throw new TimeoutError(`the deletion of index ${index} took too long`, { remedy: 'reconcilers finish it' });
    };
    try {
      const client = clientOf(node, { signal: this.#closing.signal, budgetMs });
      return { node: node.id, taskUid: await deleteOnNode(client, index) };
    } catch (error) {
      logger.warn({ node: node.id, index, problem: messageOf(error) }, 'a node is not told yet of a deletion');
      return null;
    }
  }

  /**
   * A router that still knows the index could write to a node where it is gone, and so bring it back. One that is frozen
   * does nothing more once its entry is over, which lasts longer than its registration and so than any request of it.
   * One that has not confirmed since may have read the table before, or go on with requests of another registration.
   */
  async #untilForgotten(uid: string): Promise<void> {
    const { registry, registration, clock, entryMs } = this.#options;
    const { signal } = this.#closing;
    const [own, goneMs] = [registration.id(), registration.redisNowMs()];
    const isDone = ({ id, acks, confirmedMs = 0 }: RouterEntry): boolean =>
      !Object.hasOwn(acks, uid) && (id === own || confirmedMs >= goneMs);
    await registration.confirmed(signal);
    const overMs = clock.monotonic() + entryMs;
    while (clock.monotonic() < overMs) {
      if ((await registry.live()).every(isDone)) return;
      await clock.sleep(LOOK_MS, signal);
    }
  }
}
