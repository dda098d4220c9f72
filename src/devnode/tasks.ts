import { durationText, timeText } from './clock.ts';
import type { ErrorView } from './errors.ts';
import type { SettingsPatch } from './settings.ts';

export const TASK_STATUSES = ['enqueued', 'processing', 'succeeded', 'failed', 'canceled'] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

export const TASK_TYPES = [
  'documentAdditionOrUpdate',
  'documentEdition',
  'documentDeletion',
  'settingsUpdate',
  'indexCreation',
  'indexDeletion',
  'indexUpdate',
  'indexSwap',
  'taskCancelation',
  'taskDeletion',
  'dumpCreation',
  'snapshotCreation',
  'export',
  'upgradeDatabase',
  'indexCompaction',
  'networkTopologyChange',
  'dsrUpdate',
  'dsrClear',
] as const;
export type TaskType = (typeof TASK_TYPES)[number];

export interface IndexSwap {
  readonly indexes: readonly [string, string];
  readonly rename: boolean;
}

/** What a task has to do. */
export type Work =
  | {
      readonly kind: 'import';
      /** PUT keeps the fields that are not sent. */
      readonly isMerge: boolean;
      readonly primaryKey: string | null;
      readonly skipCreation: boolean;
      readonly mayCreateIndex: boolean;
      readonly isLines: boolean;
      /** Invariant: valid JSON or NDJSON; dropped when the task is finished. */
      readonly payload: Buffer;
    }
  | { readonly kind: 'deleteIds'; readonly ids: readonly string[] }
  | { readonly kind: 'deleteFilter'; readonly filter: unknown }
  | { readonly kind: 'clear' }
  | { readonly kind: 'settings'; readonly patch: SettingsPatch; readonly mayCreateIndex: boolean }
  | { readonly kind: 'createIndex'; readonly primaryKey: string | null }
  | { readonly kind: 'updateIndex'; readonly primaryKey: string | null; readonly newUid: string | null }
  | { readonly kind: 'deleteIndex' }
  | { readonly kind: 'swap'; readonly swaps: readonly IndexSwap[] }
  | { readonly kind: 'cancelTasks'; readonly uids: readonly number[] }
  | { readonly kind: 'deleteTasks'; readonly uids: readonly number[] };

export interface Task {
  readonly uid: number;
  batchUid: number | null;
  indexUid: string | null;
  status: TaskStatus;
  readonly type: TaskType;
  canceledBy: number | null;
  details: Record<string, unknown>;
  error: ErrorView | null;
  readonly enqueuedAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  readonly customMetadata?: string;
  /** Set by a test switch: the task will fail with this. */
  readonly doom?: { readonly code: string; readonly message: string };
  /** Null once the task is finished. */
  work: Work | null;
}

/** A task as the routes give it out. */
export function taskView(task: Task): Record<string, unknown> {
  const { startedAt, finishedAt } = task;
  return {
    uid: task.uid,
    batchUid: task.batchUid,
    indexUid: task.indexUid,
    status: task.status,
    type: task.type,
    canceledBy: task.canceledBy,
    details: task.details,
    error: task.error,
    duration: startedAt !== null && finishedAt !== null ? durationText(finishedAt - startedAt) : null,
    enqueuedAt: timeText(task.enqueuedAt),
    startedAt: startedAt === null ? null : timeText(startedAt),
    finishedAt: finishedAt === null ? null : timeText(finishedAt),
    ...(task.customMetadata === undefined ? {} : { customMetadata: task.customMetadata }),
  };
}

/** The short form with which a write is answered. */
export function taskReceipt(task: Task): Record<string, unknown> {
  return {
    taskUid: task.uid,
    indexUid: task.indexUid,
    status: task.status,
    type: task.type,
    enqueuedAt: timeText(task.enqueuedAt),
    ...(task.customMetadata === undefined ? {} : { customMetadata: task.customMetadata }),
  };
}

/** All indexes that a task is about; a rename and a swap have several. */
function indexesOf(task: Task): string[] {
  const uids = task.indexUid === null ? [] : [task.indexUid];
  const { newIndexUid, swaps } = task.details;
  if (typeof newIndexUid === 'string') uids.push(newIndexUid);
  if (Array.isArray(swaps)) uids.push(...(swaps as IndexSwap[]).flatMap((swap) => swap.indexes));
  return uids;
}

/** Which tasks a list, a cancelation or a deletion is about; an absent part lets everything through. */
export interface TaskFilter {
  readonly uids?: ReadonlySet<number>;
  readonly batchUids?: ReadonlySet<number>;
  readonly canceledBy?: ReadonlySet<number>;
  readonly statuses?: ReadonlySet<string>;
  readonly types?: ReadonlySet<string>;
  readonly indexUids?: ReadonlySet<string>;
  /** Bounds in milliseconds since the epoch, both excluded. */
  readonly times?: readonly {
    readonly field: 'enqueuedAt' | 'startedAt' | 'finishedAt';
    readonly after?: number;
    readonly before?: number;
  }[];
}

export function matchesFilter(task: Task, filter: TaskFilter): boolean {
  if (filter.uids && !filter.uids.has(task.uid)) return false;
  if (filter.statuses && !filter.statuses.has(task.status)) return false;
  if (filter.types && !filter.types.has(task.type)) return false;
  if (filter.batchUids && (task.batchUid === null || !filter.batchUids.has(task.batchUid))) return false;
  if (filter.canceledBy && (task.canceledBy === null || !filter.canceledBy.has(task.canceledBy))) return false;
  if (filter.indexUids && !hasIndex(task, filter.indexUids)) return false;
  return (filter.times ?? []).every(({ field, after, before }) => {
    const time = task[field];
    return time !== null && (after === undefined || time > after) && (before === undefined || time < before);
  });
}

function hasIndex(task: Task, uids: ReadonlySet<string>): boolean {
  if (task.indexUid !== null && uids.has(task.indexUid)) return true;
  return (task.type === 'indexUpdate' || task.type === 'indexSwap') && indexesOf(task).some((uid) => uids.has(uid));
}

/** A finished or running batch with what it adds up to. */
export interface Batch {
  readonly uid: number;
  readonly startedAt: number;
  finishedAt: number | null;
  readonly strategy: string;
  readonly taskUids: readonly number[];
  /** Set when the batch is finished; tasks may be deleted later. */
  totals: BatchTotals | null;
}

export interface BatchTotals {
  readonly details: Record<string, unknown>;
  readonly status: Record<string, number>;
  readonly types: Record<string, number>;
  readonly indexUids: Record<string, number>;
}

/** Sums up the tasks of a batch: numbers are added, other details are taken from the last task that has them. */
export function batchTotals(tasks: readonly Task[]): BatchTotals {
  const details: Record<string, unknown> = {};
  const count = (into: Record<string, number>, key: string): void => {
    into[key] = (into[key] ?? 0) + 1;
  };
  const totals: BatchTotals = { details, status: {}, types: {}, indexUids: {} };
  for (const task of tasks) {
    count(totals.status, task.status);
    count(totals.types, task.type);
    if (task.indexUid !== null) count(totals.indexUids, task.indexUid);
    for (const [key, value] of Object.entries(task.details)) {
      const sum = details[key];
      if (typeof value === 'number' && typeof sum === 'number') details[key] = sum + value;
      else if (value !== null || sum === undefined) details[key] = value;
    }
  }
  return totals;
}

export function batchView(batch: Batch, totals: BatchTotals): Record<string, unknown> {
  const { finishedAt } = batch;
  return {
    uid: batch.uid,
    progress: finishedAt === null ? { steps: [], percentage: 0 } : null,
    details: totals.details,
    stats: {
      totalNbTasks: batch.taskUids.length,
      status: totals.status,
      types: totals.types,
      indexUids: totals.indexUids,
    },
    duration: finishedAt === null ? null : durationText(finishedAt - batch.startedAt),
    startedAt: timeText(batch.startedAt),
    finishedAt: finishedAt === null ? null : timeText(finishedAt),
    batchStrategy: batch.strategy,
  };
}
