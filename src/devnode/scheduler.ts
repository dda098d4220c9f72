import { pickBatch, type PickedBatch } from './autobatch.ts';
import type { PreparedBatch } from './batch.ts';
import { prepareBatch, type BatchContext } from './batch-run.ts';
import { IndexTasks } from './index-tasks.ts';
import { nowMs } from './clock.ts';
import { IndexStore } from './index-store.ts';
import type { NodeState } from './node-state.ts';
import { batchTotals, type Batch, type Task } from './tasks.ts';

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
      return new IndexTasks(this.state).prepare(tasks, last, context);
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
}
