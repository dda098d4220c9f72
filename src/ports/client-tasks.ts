/** Tasks as clients see them: one per write request, made of the nodes' tasks. */
import type { TaskStatus } from './nodes.ts';

/** What was accepted by one node for one request. */
export interface ClientTaskPart {
  readonly node: string;
  /** The node's own task. */
  readonly taskUid: number;
  readonly shards: readonly number[];
  /** When documents were sent with it, Redis time; absent where none were, and in records of earlier versions. */
  readonly stampMs?: number;
}

/** Stored when the router answers; `outcome` once it is final. */
export interface ClientTaskRecord {
  readonly v: number;
  readonly uid: number;
  readonly indexUid: string;
  /** As a node names it: documentAdditionOrUpdate, documentDeletion, settingsUpdate, indexCreation and the like. */
  readonly type: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** RFC 3339, by the router's clock. */
  readonly enqueuedAt: string;
  readonly customMetadata: string | null;
  readonly parts: readonly ClientTaskPart[];
  /** The broadcast of settings that ends it; it has no parts then. */
  readonly broadcast?: string;
  /** Groups that fell short of their quorum. */
  readonly degradedGroups: readonly number[];
  readonly outcome: ClientTaskOutcome | null;
}

export interface ClientTaskOutcome {
  readonly status: Extract<TaskStatus, 'succeeded' | 'failed' | 'canceled'>;
  /** The node's error as it gave it. */
  readonly error: Readonly<Record<string, unknown>> | null;
  readonly details: Readonly<Record<string, unknown>>;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

export interface ClientTaskQuery {
  readonly uids?: readonly number[];
  readonly indexUids?: readonly string[];
  readonly limit: number;
  /** Uid to start at: downward, or upward in reverse. */
  readonly from?: number;
  readonly reverse?: boolean;
}

export interface ClientTasks {
  /** Stores a task and gives it the next uid. Bounded by count and age: the oldest go. */
  add(task: Omit<ClientTaskRecord, 'v' | 'uid' | 'outcome'>): Promise<number>;
  get(uid: number): Promise<ClientTaskRecord | null>;
  /** Newest first, in reverse the oldest. Fewer than `limit`: there are no more. */
  list(query: ClientTaskQuery): Promise<readonly ClientTaskRecord[]>;
  /** Keeps a final state; a second one is ignored. */
  finish(uid: number, outcome: ClientTaskOutcome): Promise<void>;
  /** Tasks without a final state, oldest first, from this uid on. */
  open(from: number, limit: number): Promise<readonly ClientTaskRecord[]>;
  /** Tasks kept now. */
  count(): Promise<number>;
}
