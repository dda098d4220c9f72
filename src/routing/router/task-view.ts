/** A client's task as a node would show it. */
import type { ClientTaskRecord, TaskStatus } from '../../ports.ts';
import { messageWithoutOurs } from '../search/own-fields.ts';
import type { TaskState } from './task-state.ts';

export interface TaskView {
  readonly uid: number;
  readonly batchUid: null;
  readonly indexUid: string;
  readonly status: TaskStatus;
  readonly type: string;
  readonly canceledBy: null;
  readonly details: Readonly<Record<string, unknown>>;
  readonly error: Readonly<Record<string, unknown>> | null;
  readonly duration: string | null;
  readonly enqueuedAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly customMetadata?: string;
}

export function viewOf(record: ClientTaskRecord, state: TaskState | null): TaskView {
  const outcome = record.outcome ?? state?.outcome ?? null;
  const startedAt = outcome?.startedAt ?? state?.startedAt ?? null;
  const finishedAt = outcome?.finishedAt ?? null;
  return {
    uid: record.uid,
    batchUid: null,
    indexUid: record.indexUid,
    status: outcome?.status ?? state?.status ?? 'enqueued',
    type: record.type,
    canceledBy: null,
    details: outcome?.details ?? record.details,
    error: withoutOurFields(outcome?.error ?? null),
    duration: startedAt === null || finishedAt === null ? null : durationText(startedAt, finishedAt),
    enqueuedAt: record.enqueuedAt,
    startedAt,
    finishedAt,
    ...(record.customMetadata === null ? {} : { customMetadata: record.customMetadata }),
  };
}

/** A node names every filterable field in its words, ours too. */
function withoutOurFields(error: TaskView['error']): TaskView['error'] {
  const message = error?.['message'];
  return typeof message === 'string' ? { ...error, message: messageWithoutOurs(message) } : error;
}

/** ISO 8601, seconds only: what clients parse. Clocks of two nodes may disagree by a little. */
function durationText(from: string, to: string): string {
  const seconds = Math.max(0, Date.parse(to) - Date.parse(from)) / 1_000;
  return `PT${seconds}S`;
}

/** The 202 that a write is answered with. */
export const receiptOf = (record: Omit<ClientTaskRecord, 'v' | 'outcome'>): string =>
  JSON.stringify({
    taskUid: record.uid,
    indexUid: record.indexUid,
    status: 'enqueued',
    type: record.type,
    enqueuedAt: record.enqueuedAt,
    ...(record.customMetadata === null ? {} : { customMetadata: record.customMetadata }),
  });
