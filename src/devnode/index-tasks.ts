import { failed, settled, type Outcome, type PreparedBatch } from './batch.ts';
import type { BatchContext } from './batch-run.ts';
import { ApiError, errorView, indexNotFound } from './errors.ts';
import type { IndexStore } from './index-store.ts';
import type { NodeState } from './node-state.ts';
import type { IndexSwap, Task } from './tasks.ts';

/** Tasks about whole indexes or about other tasks. */
export class IndexTasks {
  private readonly state: NodeState;

  constructor(state: NodeState) {
    this.state = state;
  }

  /** Tasks that share a batch with nothing, or only with what they swallow. */
  prepare(tasks: readonly Task[], last: Task, context: BatchContext): PreparedBatch {
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
        case 'import':
        case 'settings':
        case 'clear':
        case 'deleteIds':
        case 'deleteFilter':
        case undefined:
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
