import type { ErrorView } from './errors.ts';
import type { Task } from './tasks.ts';

export interface Outcome {
  readonly details: Record<string, unknown>;
  readonly error: ErrorView | null;
}

/** A batch that is ready: nothing of it can be seen until `commit`, which then takes one turn of the event loop. */
export interface PreparedBatch {
  readonly outcomes: ReadonlyMap<Task, Outcome>;
  /** Documents that change; null when nothing changes, and then the batch costs nothing. */
  readonly changedDocuments: number | null;
  commit(): void;
}

/** An index-wide failure: every task of the batch gets it. */
export class BatchFailure extends Error {
  readonly view: ErrorView;

  constructor(view: ErrorView) {
    super(view.message);
    this.view = view;
  }
}

/** What a task shows when it fails: it wrote and deleted nothing. */
export function failed(task: Task, error: ErrorView): Outcome {
  return { details: settled(task.details, 0), error };
}

/** Details of a finished task: what was open becomes a number. */
export function settled(details: Record<string, unknown>, count: number): Record<string, unknown> {
  const open = Object.entries(details).map(([key, value]) => {
    const isCount = /^(indexed|deleted)Documents$|^(canceled|deleted)Tasks$/.test(key);
    return [key, isCount && value === null ? count : value] as const;
  });
  return Object.fromEntries(open);
}
