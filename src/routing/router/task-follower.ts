/**
 * Looks after the tasks of writes that this router has answered until they are final, so that a copy that failed is
 * listed although no client asks (R10), and with its ids rather than its whole shard.
 */
import { messageOf } from '../../errors.ts';
import type { ClientTaskRecord, Clock, Logger } from '../../ports.ts';
import type { Bell } from './bell.ts';
import { idCountOf } from './payload.ts';
import type { TaskBook } from './task-book.ts';
import type { Missed } from './task-state.ts';
import type { WrittenPart } from './written.ts';

export interface TaskFollowerOptions {
  readonly clock: Clock;
  readonly bell: Bell;
  readonly logger: Logger;
}

/** Tasks looked after at a time; one more, and the oldest is left to whoever sweeps up or is asked for it. */
const TASKS_MAX = 10_000;
/** Ids kept for them, some 10 MB. */
const IDS_MAX = 200_000;
const LOOK_MS_MIN = 100;
const LOOK_MS_MAX = 2_000;

/** The router that answered a write is given this long to look after its task, since it alone knows the ids. */
const FOLLOWED_MS = 60_000;

interface Followed {
  readonly record: ClientTaskRecord;
  /** Node, its task and shard → ids; absent when they were too many. */
  readonly ids: ReadonlyMap<string, readonly string[]>;
  readonly idCount: number;
}

const nameOf = (node: string, taskUid: number, shard: number): string => `${taskUid}/${shard}@${node}`;

const NO_IDS: Followed['ids'] = new Map();

function idsByTask(written: readonly WrittenPart[]): Followed['ids'] {
  const byTask = new Map<string, readonly string[]>();
  for (const { part, accepted } of written) {
    const { ids } = part;
    if (ids.length === 0) continue;
    for (const [node, taskUid] of accepted) byTask.set(nameOf(node, taskUid, part.shard), ids);
  }
  return byTask;
}

export class TaskFollower {
  readonly #options: TaskFollowerOptions;
  readonly #followed = new Map<number, Followed>();
  readonly #stop = new AbortController();
  #idCount = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: TaskFollowerOptions) {
    this.#options = options;
  }

  start(book: TaskBook): void {
    this.#running = this.#run(book);
  }

  follow(record: ClientTaskRecord, written: readonly WrittenPart[]): void {
    const wanted = written.reduce((sum, { part }) => sum + idCountOf(part), 0);
    const idCount = this.#idCount + wanted <= IDS_MAX ? wanted : 0;
    this.#followed.set(record.uid, { record, ids: idCount === 0 ? NO_IDS : idsByTask(written), idCount });
    this.#idCount += idCount;
    const [oldest] = this.#followed.keys();
    if (this.#followed.size > TASKS_MAX && oldest !== undefined) this.#leave(oldest);
    this.#options.bell.ring(this);
  }

  idsOf({ node, taskUid, shard }: Missed): readonly string[] | 'shard' {
    const name = nameOf(node, taskUid, shard);
    for (const { ids } of this.#followed.values()) {
      const found = ids.get(name);
      if (found !== undefined) return found;
    }
    return 'shard';
  }

  /** Whether somebody else may list what owners missed: nobody looks after the task here, and hardly elsewhere. */
  isLeft(task: ClientTaskRecord): boolean {
    return !this.#followed.has(task.uid) && this.isLate(task);
  }

  isLate({ enqueuedAt }: ClientTaskRecord): boolean {
    return this.#options.clock.now() - Date.parse(enqueuedAt) > FOLLOWED_MS;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#options.bell.ring(this);
    await this.#running;
  }

  #leave(uid: number): void {
    this.#idCount -= this.#followed.get(uid)?.idCount ?? 0;
    this.#followed.delete(uid);
  }

  async #run(book: TaskBook): Promise<void> {
    const { bell, logger } = this.#options;
    const { signal } = this.#stop;
    let waitMs = LOOK_MS_MIN;
    while (!signal.aborted) {
      const size = this.#followed.size;
      await bell.wait(size === 0 ? [this] : [], size === 0 ? 60_000 : waitMs);
      if (signal.aborted || this.#followed.size === 0) continue;
      try {
        const ended = await this.#look(book);
        waitMs = ended > 0 ? LOOK_MS_MIN : Math.min(LOOK_MS_MAX, waitMs * 1.5);
      } catch (error) {
        logger.debug({ problem: messageOf(error) }, 'tasks not looked at');
        waitMs = LOOK_MS_MAX;
      }
    }
  }

  async #look(book: TaskBook): Promise<number> {
    const records = [...this.#followed.values()].map(({ record }) => record);
    const states = await book.look(records, this.#stop.signal, () => true);
    const ended = [...states].filter(([, state]) => state.outcome !== null).map(([uid]) => uid);
    for (const uid of ended) this.#leave(uid);
    return ended.length;
  }
}
