/** How far the task lists of nodes were looked at. */
import type { Lease } from './lease.ts';

export interface TaskMark {
  /** `createdAt` of the index that the uid belongs to: another one means that the node lost its data. */
  readonly created: string;
  readonly uid: number;
}

export interface TaskMarks {
  /** By node. */
  read(index: string): Promise<ReadonlyMap<string, TaskMark>>;
  /** Throws `StaleFenceError`. */
  write(lease: Lease, index: string, node: string, mark: TaskMark): Promise<void>;
}
