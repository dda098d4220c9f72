/** Comparing the replicas of a shard for whoever wants to know, without changing anything. */
import type { IndexEntry } from '../core/routing.ts';

/** `unread`: fewer than two owners could be read. `moving`: it is being switched to others. */
export type ReplicaResult = 'equal' | 'differs' | 'one copy' | 'moving' | 'unread';

export interface ReplicaCheck {
  readonly shard: number;
  readonly owners: readonly string[];
  readonly result: ReplicaResult;
  /** Compared, of the owner that has most. */
  readonly documents: number;
  /** Documents that are not the same on every owner that was read, each looked at again for a while. */
  readonly differing: number;
  /** Documents that every owner had otherwise at each look: they are being written. */
  readonly changing: number;
  /** False: so many differ that the rest was not looked at. */
  readonly isComplete: boolean;
  /** Some that differ: owner → digest of its copy, null where it has none. */
  readonly some: readonly { readonly id: string; readonly copies: Readonly<Record<string, string | null>> }[];
  /** Owner → why it could not be read. */
  readonly unread: Readonly<Record<string, string>>;
}

export interface ReplicaChecks {
  /** `silent`: nodes that could not be read, and why; they are not asked again, and those found here are added. */
  check(entry: IndexEntry, shard: number, silent: Map<string, string>, signal: AbortSignal): Promise<ReplicaCheck>;
}
