/** `GET /tasks` and `GET /tasks/{uid}`: kept records, and of those that are not final what the nodes say now. */
import type { ClientTaskRecord, ClientTasks } from '../../ports.ts';
import type { CallOptions, ClientAnswer, TaskListQuery } from '../api.ts';
import { nodeError } from '../search/error-answers.ts';
import { ok } from './answers.ts';
import type { TaskBook } from './task-book.ts';
import type { TaskFollower } from './task-follower.ts';
import { viewOf } from './task-view.ts';
import type { TaskView } from './task-view.ts';

const LIMIT_DEFAULT = 20;
/** Records read at a time, and in all for one question: narrowing by state or type reads what it leaves out, too. */
const PAGE = 200;
const SCAN_MAX = 2_000;

export class TaskQueries {
  readonly #clientTasks: ClientTasks;
  readonly #book: TaskBook;

  readonly #follower: TaskFollower;

  constructor(clientTasks: ClientTasks, book: TaskBook, follower: TaskFollower) {
    this.#clientTasks = clientTasks;
    this.#book = book;
    this.#follower = follower;
  }

  async one(uid: number, { signal }: CallOptions): Promise<ClientAnswer> {
    const record = await this.#clientTasks.get(uid);
    if (record === null) return nodeError(404, 'task_not_found', `Task \`${uid}\` not found.`);
    const [view] = await this.#views([record], signal);
    return ok(view);
  }

  async list(query: TaskListQuery, { signal }: CallOptions): Promise<ClientAnswer> {
    const limit = query.limit ?? LIMIT_DEFAULT;
    const found: TaskView[] = [];
    const { uids, indexUids, reverse = false } = query;
    const kept = { ...(uids && { uids }), ...(indexUids && { indexUids }), reverse };
    let { from } = query;
    let isEnd = false;
    let scanned = 0;
    while (!isEnd && found.length <= limit && scanned < SCAN_MAX) {
      const records = await this.#clientTasks.list({ ...kept, limit: PAGE, ...(from === undefined ? {} : { from }) });
      scanned += records.length;
      isEnd = records.length < PAGE;
      from = (records.at(-1)?.uid ?? 0) + (reverse ? 1 : -1);
      isEnd ||= from < 0;
      const wanted = records.filter(({ type }) => query.types === undefined || query.types.includes(type));
      // Without states to narrow by, no more is looked at than is shown.
      const some = query.statuses === undefined ? wanted.slice(0, limit + 1 - found.length) : wanted;
      const views = await this.#views(some, signal);
      found.push(...views.filter(({ status }) => query.statuses === undefined || query.statuses.includes(status)));
    }
    const results = found.slice(0, limit);
    return ok({
      results,
      total: await this.#total(query, found.length),
      limit,
      from: results[0]?.uid ?? null,
      // Where it was not looked any further, somebody may go on.
      next: found[limit]?.uid ?? (isEnd ? null : (from ?? null)),
    });
  }

  /** All tasks kept; where it is narrowed, at least what was found. */
  async #total({ uids, indexUids, statuses, types }: TaskListQuery, found: number): Promise<number> {
    const isNarrowed = [uids, indexUids, statuses, types].some((some) => some !== undefined);
    return isNarrowed ? found : this.#clientTasks.count();
  }

  async #views(records: readonly ClientTaskRecord[], signal: AbortSignal): Promise<TaskView[]> {
    const states = await this.#book.look(records, signal, (record) => this.#follower.isLeft(record));
    return records.map((record) => viewOf(record, states.get(record.uid) ?? null));
  }
}
