import { pickBatch, type PickedBatch } from './autobatch.ts';
import { failed, prepareBatch, settled, type BatchContext, type Outcome, type PreparedBatch } from './batch-run.ts';
import { nowMs } from './clock.ts';
import { ApiError, errorView, indexNotFound } from './errors.ts';
import { IndexStore } from './index-store.ts';
import type { NodeState } from './node-state.ts';
import { batchTotals, type Batch, type IndexSwap, type Task } from './tasks.ts';

/** Wall time that batches cost, to be like a node that really indexes. */
export interface Price {
  /** Milliseconds of every batch that changes anything. */
  readonly batchMs: number;
  /** Documents a second; 0 means that they are free. */
  readonly docsPerS: number;
}

export interface SchedulerOptions {
  readonly price: Price;
  /** Tasks in one batch at most; 0 processes nothing. */
  readonly batchedTasksMax: number;
}

/** A batch as it was run before a restart. */
export interface RecordedBatch {
  readonly uid: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly strategy: string;
  readonly taskUids: readonly number[];
}

/** Works the queue off, one batch at a time. */
export class Scheduler {
  private readonly state: NodeState;
  private readonly options: SchedulerOptions;
  private isPaused: boolean;
  private isClosed = false;
  private isScheduled = false;
  /** The batch that is being prepared or paid for. */
  private current: { batch: Batch; abort: AbortController } | null = null;
  private done: Promise<void> = Promise.resolve();

  constructor(state: NodeState, options: SchedulerOptions) {
    this.state = state;
    this.options = options;
    this.isPaused = options.batchedTasksMax === 0;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.wake();
  }

  isIndexing(uid: string): boolean {
    return this.current?.batch.taskUids.some((task) => this.state.tasks.get(task)?.indexUid === uid) ?? false;
  }

  /** Starts a batch soon unless one runs. Why not at once: the 202 goes out first. */
  wake(): void {
    if (this.isScheduled || this.current || this.isPaused || this.isClosed) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      if (!this.current && !this.isPaused && !this.isClosed) this.done = this.runNext();
    });
  }

  /** Gives the running batch up; its tasks go back into the queue. */
  interrupt(): void {
    this.current?.abort.abort();
  }

  /** Interrupts and waits until nothing runs, then does something before the next batch. */
  async exclusively(act: () => void): Promise<void> {
    const wasPaused = this.isPaused;
    this.isPaused = true;
    this.interrupt();
    await this.done;
    act();
    this.isPaused = wasPaused;
    this.wake();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.interrupt();
    await this.done;
  }

  /** Cancelations do not wait for the batch that they cancel. */
  cancelNow(uids: readonly number[]): void {
    if (this.current?.batch.taskUids.some((uid) => uids.includes(uid))) this.interrupt();
  }

  private async runNext(): Promise<void> {
    const { tasks } = this.state;
    const max = this.options.batchedTasksMax;
    const picked = pickBatch(tasks.pending.values(), this.state.indexes, max);
    if (!picked) return;
    await this.run(picked, tasks.nextBatchUid, nowMs());
    this.wake();
  }

  private async run(picked: PickedBatch, uid: number, startedAt: number): Promise<void> {
    const batch: Batch = {
      uid,
      startedAt,
      finishedAt: null,
      strategy: picked.strategy,
      taskUids: picked.tasks.map((task) => task.uid),
      totals: null,
    };
    const abort = new AbortController();
    this.current = { batch, abort };
    this.state.tasks.addBatch(batch);
    for (const task of picked.tasks) {
      task.status = 'processing';
      task.batchUid = uid;
      task.startedAt = startedAt;
    }
    try {
      const prepared = await this.prepare(picked.tasks, batch);
      await this.pay(prepared, startedAt, abort.signal);
      if (abort.signal.aborted) this.putBack(picked.tasks, batch);
      else this.finish(picked.tasks, batch, prepared, nowMs());
    } finally {
      this.current = null;
    }
  }

  private async prepare(tasks: readonly Task[], batch: Batch): Promise<PreparedBatch> {
    const context: BatchContext = {
      indexes: this.state.indexes,
      at: batch.startedAt,
      createIndex: (uid) => {
        const index = new IndexStore(uid, batch.startedAt);
        this.state.indexes.set(uid, index);
        return index;
      },
    };
    const last = tasks[tasks.length - 1];
    const kind = last?.work?.kind;
    if (
      last &&
      kind !== 'import' &&
      kind !== 'settings' &&
      kind !== 'clear' &&
      kind !== 'deleteIds' &&
      kind !== 'deleteFilter'
    ) {
      return this.prepareAlone(tasks, last, context);
    }
    return prepareBatch(tasks, context);
  }

  private async pay(prepared: PreparedBatch, startedAt: number, signal: AbortSignal): Promise<void> {
    const { changedDocuments } = prepared;
    if (changedDocuments === null) return;
    const { batchMs, docsPerS } = this.options.price;
    const price = batchMs + (docsPerS > 0 ? (changedDocuments / docsPerS) * 1000 : 0);
    const rest = price - (nowMs() - startedAt);
    if (rest <= 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, rest);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private putBack(tasks: readonly Task[], batch: Batch): void {
    this.state.tasks.dropBatch(batch.uid);
    for (const task of tasks) {
      task.status = 'enqueued';
      task.batchUid = null;
      task.startedAt = null;
    }
  }

  /** Order: what the batch did becomes visible, then its record is written, then its tasks are finished. */
  private finish(tasks: readonly Task[], batch: Batch, prepared: PreparedBatch, finishedAt: number): void {
    const { state } = this;
    prepared.commit();
    const uids = new Set(tasks.map((task) => task.indexUid));
    for (const uid of uids) {
      const index = uid === null ? undefined : state.index(uid);
      const isChanged = prepared.changedDocuments !== null || tasks.some((task) => task.type === 'settingsUpdate');
      if (index && isChanged) index.updatedAt = finishedAt;
    }
    batch.finishedAt = finishedAt;
    for (const task of tasks) {
      const outcome = prepared.outcomes.get(task) ?? { details: task.details, error: null };
      task.details = outcome.details;
      task.error = outcome.error;
      task.status = outcome.error ? 'failed' : 'succeeded';
      task.finishedAt = finishedAt;
      task.work = null;
      state.tasks.pending.delete(task.uid);
    }
    batch.totals = batchTotals(tasks);
    state.recordBatch({ ...batch, finishedAt });
  }

  /** Runs a batch again that had finished before the restart, with the times it had and without its price. */
  async replay(recorded: RecordedBatch): Promise<void> {
    const { tasks } = this.state;
    const batch: Batch = { ...recorded, finishedAt: null, totals: null };
    const members = recorded.taskUids.flatMap((uid) => tasks.get(uid) ?? []);
    tasks.addBatch(batch);
    for (const task of members) {
      task.batchUid = batch.uid;
      task.startedAt = batch.startedAt;
    }
    const prepared = await this.prepare(members, batch);
    this.finish(members, batch, prepared, recorded.finishedAt);
  }

  /** Tasks that share a batch with nothing, or only with what they swallow. */
  private prepareAlone(tasks: readonly Task[], last: Task, context: BatchContext): PreparedBatch {
    const outcomes = new Map<Task, Outcome>();
    const prepared = (commit: () => void, changedDocuments: number | null = null): PreparedBatch => ({
      outcomes,
      changedDocuments,
      commit,
    });
    const { work } = last;
    try {
      if (last.doom) throw new ApiError(last.doom.code, last.doom.message);
      switch (work?.kind) {
        case 'createIndex':
          return prepared(this.createIndex(last, work.primaryKey, context));
        case 'updateIndex':
          return prepared(this.updateIndex(last, work.primaryKey, work.newUid, context.at));
        case 'deleteIndex':
          return prepared(this.deleteIndex(tasks, last, outcomes));
        case 'swap':
          return prepared(this.swapIndexes(work.swaps, last));
        case 'cancelTasks':
          return prepared(this.cancelTasks(last, work.uids, context.at));
        case 'deleteTasks':
          return prepared(this.deleteTasks(last, work.uids));
        default:
          throw new Error(`task ${last.uid} has nothing to do`);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      for (const task of tasks) outcomes.set(task, failed(task, errorView(error.code, error.message)));
      return prepared(() => undefined);
    }
  }

  private createIndex(task: Task, primaryKey: string | null, context: BatchContext): () => void {
    const uid = task.indexUid ?? '';
    if (this.state.index(uid)) throw new ApiError('index_already_exists', `Index \`${uid}\` already exists.`);
    return () => {
      context.createIndex(uid).primaryKey = primaryKey;
    };
  }

  private updateIndex(task: Task, primaryKey: string | null, newUid: string | null, at: number): () => void {
    const index = this.requireIndex(task.indexUid ?? '');
    if (primaryKey !== null && index.size > 0 && index.primaryKey !== primaryKey) {
      throw new ApiError(
        'index_primary_key_already_exists',
        `Index \`${index.uid}\`: Index already has a primary key: \`${index.primaryKey ?? ''}\`.`,
      );
    }
    if (newUid !== null && this.state.index(newUid)) {
      throw new ApiError('index_already_exists', `Index \`${newUid}\` already exists.`);
    }
    return () => {
      if (primaryKey !== null) index.primaryKey = primaryKey;
      index.updatedAt = at;
      if (newUid !== null) this.relabel(new Map([[index.uid, newUid]]), task);
    };
  }

  private deleteIndex(tasks: readonly Task[], last: Task, outcomes: Map<Task, Outcome>): () => void {
    const uid = last.indexUid ?? '';
    const index = this.state.index(uid);
    const mayExist = index ?? tasks.some(({ work }) => work?.kind === 'import' && work.mayCreateIndex);
    if (!mayExist) throw indexNotFound(uid);
    for (const task of tasks) {
      const count = task === last ? (index?.size ?? 0) : 0;
      outcomes.set(task, { details: settled(task.details, count), error: null });
    }
    return () => this.state.indexes.delete(uid);
  }

  private swapIndexes(swaps: readonly IndexSwap[], task: Task): () => void {
    for (const { indexes, rename } of swaps) {
      this.requireIndex(indexes[0]);
      if (!rename) this.requireIndex(indexes[1]);
    }
    return () => {
      for (const {
        indexes: [left, right],
        rename,
      } of swaps) {
        this.relabel(
          new Map(
            rename
              ? [[left, right]]
              : [
                  [left, right],
                  [right, left],
                ],
          ),
          task,
        );
      }
    };
  }

  /** Gives indexes new uids; the tasks that were about them follow, the one that does it does not. */
  private relabel(names: ReadonlyMap<string, string>, except: Task): void {
    const { indexes, tasks } = this.state;
    const moved = [...names].map(([from, to]) => ({ index: indexes.get(from), from, to }));
    for (const { from } of moved) indexes.delete(from);
    for (const { index, to } of moved) {
      if (!index) continue;
      index.uid = to;
      indexes.set(to, index);
    }
    for (const task of tasks.all()) {
      const to = task.indexUid === null || task === except ? undefined : names.get(task.indexUid);
      if (to !== undefined) task.indexUid = to;
    }
  }

  private cancelTasks(task: Task, uids: readonly number[], at: number): () => void {
    return () => {
      const canceled = uids.flatMap((uid) => this.state.tasks.pending.get(uid) ?? []).filter((t) => t !== task);
      for (const victim of canceled) {
        victim.status = 'canceled';
        victim.canceledBy = task.uid;
        victim.batchUid = task.batchUid;
        victim.details = settled(victim.details, 0);
        victim.startedAt = at;
        victim.finishedAt = at;
        victim.work = null;
        this.state.tasks.pending.delete(victim.uid);
      }
      task.details = { ...task.details, canceledTasks: canceled.length };
    };
  }

  private deleteTasks(task: Task, uids: readonly number[]): () => void {
    return () => {
      const { tasks } = this.state;
      const finished = uids.filter((uid) => tasks.get(uid) && !tasks.pending.has(uid));
      for (const uid of finished) tasks.delete(uid);
      task.details = { ...task.details, deletedTasks: finished.length };
    };
  }

  private requireIndex(uid: string): IndexStore {
    const index = this.state.index(uid);
    if (!index) throw indexNotFound(uid);
    return index;
  }
}
