import type { IndexStore } from './index-store.ts';
import type { Task } from './tasks.ts';

export interface PickedBatch {
  readonly tasks: readonly Task[];
  readonly strategy: string;
}

/**
 * Chooses what is processed next: cancelations and task deletions first, then everything that may share a batch with
 * the oldest task of the queue. So an index is in order of uids, and between indexes there is no order.
 */
export function pickBatch(
  pending: Iterable<Task>,
  indexes: ReadonlyMap<string, IndexStore>,
  sizeMax: number,
): PickedBatch | null {
  const queue = [...pending].filter((task) => task.status === 'enqueued');
  const urgent =
    queue.findLast((task) => task.type === 'taskCancelation') ?? queue.find((task) => task.type === 'taskDeletion');
  if (urgent) return alone(urgent);
  const first = queue[0];
  if (!first) return null;
  if (first.indexUid === null) return alone(first);
  const candidates = queue.filter((task) => task.indexUid === first.indexUid);
  const tasks = takeCompatible(candidates, indexes.get(first.indexUid)).slice(0, sizeMax);
  if (tasks.length === 1 && ['createIndex', 'updateIndex'].includes(first.work?.kind ?? '')) return alone(first);
  const isAll = tasks.length === queue.length;
  const strategy = isAll ? 'batched all enqueued tasks' : `batched all enqueued tasks for index \`${first.indexUid}\``;
  const next = candidates[tasks.length];
  return {
    tasks,
    strategy: next
      ? `stopped after task with id ${tasks[tasks.length - 1]?.uid ?? first.uid} because task with id ${next.uid} of type \`${next.type}\` cannot be batched with it`
      : strategy,
  };
}

function alone(task: Task): PickedBatch {
  return {
    tasks: [task],
    strategy: `created batch containing only task with id ${task.uid} of type \`${task.type}\` that cannot be batched with any other task.`,
  };
}

/** What the tasks taken so far are together. */
type Mix = 'empty' | 'writes' | 'deletions' | 'settings' | 'cleared' | 'clearedSettings';

function takeCompatible(candidates: readonly Task[], index: IndexStore | undefined): readonly Task[] {
  const taken: Task[] = [];
  let mix: Mix = 'empty';
  let primaryKey = index?.primaryKey ?? null;
  let mayCreateIndex: boolean | null = null;
  for (const task of candidates) {
    const { work } = task;
    if (!work) break;
    if (work.kind === 'deleteIndex') return [...taken, task];
    if (work.kind === 'createIndex' || work.kind === 'updateIndex') return taken.length === 0 ? [task] : taken;
    if (work.kind === 'import' || work.kind === 'settings') {
      if (mayCreateIndex !== null && mayCreateIndex !== work.mayCreateIndex && !index) break;
      mayCreateIndex = work.mayCreateIndex;
    }
    if (work.kind === 'import') {
      const isOtherKey = work.primaryKey !== null && primaryKey !== null && work.primaryKey !== primaryKey;
      if (isOtherKey) return taken.length === 0 ? [task] : taken;
      // A deletion from an index that is only about to be created has to fail by itself.
      if (mix === 'deletions' && !index) break;
      primaryKey ??= work.primaryKey;
    }
    const next = join(mix, work.kind);
    if (!next) break;
    mix = next;
    taken.push(task);
  }
  return taken;
}

/** Null when a task of this kind cannot come into the batch. */
function join(mix: Mix, kind: string): Mix | null {
  switch (kind) {
    case 'import':
      return mix === 'empty' || mix === 'writes' || mix === 'deletions' ? 'writes' : null;
    case 'deleteIds':
      if (mix === 'empty') return 'deletions';
      return mix === 'settings' ? null : mix;
    case 'deleteFilter':
      if (mix === 'empty' || mix === 'deletions') return 'deletions';
      return mix === 'cleared' || mix === 'clearedSettings' ? mix : null;
    case 'clear':
      return mix === 'settings' || mix === 'clearedSettings' ? 'clearedSettings' : 'cleared';
    case 'settings':
      return mix === 'empty' || mix === 'settings' || mix === 'clearedSettings'
        ? mix === 'empty'
          ? 'settings'
          : mix
        : null;
    default:
      return null;
  }
}
