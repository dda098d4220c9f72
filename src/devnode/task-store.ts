import { batchTotals, matchesFilter, type Batch, type BatchTotals, type Task, type TaskFilter } from './tasks.ts';

export interface Page {
  readonly from: number | null;
  readonly limit: number;
  readonly isReverse: boolean;
}

export interface Listed<T> {
  readonly results: T[];
  readonly total: number;
  readonly next: number | null;
}

/** All tasks and batches of a node, by uid. */
export class TaskStore {
  private tasks: (Task | undefined)[] = [];
  /** Enqueued and processing ones in order of their uids; every poll of the queue's depth looks here. */
  readonly pending = new Map<number, Task>();
  private readonly batches: (Batch | undefined)[] = [];

  get nextUid(): number {
    return this.tasks.length;
  }

  get nextBatchUid(): number {
    return this.batches.length;
  }

  get(uid: number): Task | undefined {
    return this.tasks[uid];
  }

  batch(uid: number): Batch | undefined {
    return this.batches[uid];
  }

  all(): IterableIterator<Task> {
    return this.tasks.filter((task) => task !== undefined).values();
  }

  allBatches(): IterableIterator<Batch> {
    return this.batches.filter((batch) => batch !== undefined).values();
  }

  add(task: Task): void {
    while (this.tasks.length < task.uid) this.tasks.push(undefined);
    this.tasks[task.uid] = task;
    if (task.status === 'enqueued' || task.status === 'processing') this.pending.set(task.uid, task);
  }

  addBatch(batch: Batch): void {
    while (this.batches.length < batch.uid) this.batches.push(undefined);
    this.batches[batch.uid] = batch;
  }

  /** Keeps the uids going after a restart, although the tasks that had the last ones were deleted. */
  reserve(nextUid: number, nextBatchUid: number): void {
    while (this.tasks.length < nextUid) this.tasks.push(undefined);
    while (this.batches.length < nextBatchUid) this.batches.push(undefined);
  }

  dropBatch(uid: number): void {
    if (uid === this.batches.length - 1) this.batches.pop();
    else this.batches[uid] = undefined;
  }

  delete(uid: number): void {
    if (this.tasks[uid]) this.tasks[uid] = undefined;
  }

  totalsOf(batch: Batch): BatchTotals {
    return batch.totals ?? batchTotals(batch.taskUids.flatMap((uid) => this.tasks[uid] ?? []));
  }

  /** Every task that matches, newest first. Cost: only the queue is looked through when only its statuses are asked. */
  matching(filter: TaskFilter): Task[] {
    return this.candidates(filter).filter((task) => matchesFilter(task, filter));
  }

  list(filter: TaskFilter, page: Page, isVisible: (task: Task) => boolean): Listed<Task> {
    const matching = this.matching(filter);
    return cut(matching, page, isVisible);
  }

  listBatches(filter: TaskFilter, page: Page): Listed<Batch> {
    const uids = new Set(this.matching(filter).map((task) => task.batchUid));
    const matching = [...this.allBatches()].filter((batch) => uids.has(batch.uid)).reverse();
    return cut(matching, page, () => true);
  }

  private candidates(filter: TaskFilter): Task[] {
    if (filter.uids && filter.uids.size < 10_000) {
      return [...filter.uids].sort((a, b) => b - a).flatMap((uid) => this.tasks[uid] ?? []);
    }
    const { statuses } = filter;
    if (statuses && [...statuses].every((status) => status === 'enqueued' || status === 'processing')) {
      return [...this.pending.values()].reverse();
    }
    const all: Task[] = [];
    for (let uid = this.tasks.length - 1; uid >= 0; uid -= 1) {
      const task = this.tasks[uid];
      if (task) all.push(task);
    }
    return all;
  }
}

function cut<T extends { readonly uid: number }>(
  newestFirst: readonly T[],
  page: Page,
  isVisible: (item: T) => boolean,
): Listed<T> {
  const { from, limit, isReverse } = page;
  const ordered = isReverse ? [...newestFirst].reverse() : newestFirst;
  const rest = from === null ? ordered : ordered.filter((item) => (isReverse ? item.uid >= from : item.uid <= from));
  const visible = rest.filter(isVisible);
  return { results: visible.slice(0, limit), total: newestFirst.length, next: visible[limit]?.uid ?? null };
}
