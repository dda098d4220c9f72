/**
 * Every error this project raises on purpose. The comment of a class is what an operator reads at three in the
 * morning: what happened, whether it is normal, what to do. Codes are stable and never reused.
 * `retryable` says whether the same call may succeed later without anybody changing anything.
 */
import { MiroirError, type MiroirErrorOptions } from './errors/base.ts';
import type { WaitText } from './errors/waits.ts';

export * from './errors/api.ts';
export * from './errors/base.ts';
export * from './errors/clients.ts';
export * from './errors/waits.ts';

/** A topology event or a command has a missing, unknown or wrong field. Nothing was changed: correct it, send again. */
export class InvalidInputError extends MiroirError {
  readonly code = 'miroir_invalid_input';
  readonly retryable = false;
}

/** The job's name is none of the four topology events. Nothing was changed; send one of the four. */
export class UnknownEventError extends MiroirError {
  readonly code = 'miroir_unknown_event';
  readonly retryable = false;
}

/** A node id that the topology does not know. Add the node first, or correct the id (`miroir node list`). */
export class NodeUnknownError extends MiroirError {
  readonly code = 'miroir_node_unknown';
  readonly retryable = false;
}

/** A node with this id is known under another URL or group, or was removed. Ids are never given to another node. */
export class NodeConflictError extends MiroirError {
  readonly code = 'miroir_node_conflict';
  readonly retryable = false;
}

/** A node's URL is not http(s), or not within `node_origins`, or its key belongs to another origin. */
export class NodeOriginError extends MiroirError {
  readonly code = 'miroir_node_origin';
  readonly retryable = false;
}

/** A node does not answer, or answers too late. Normal while it restarts; the move waits and says so. */
export class NodeUnreachableError extends MiroirError {
  readonly code = 'miroir_node_unreachable';
  readonly retryable = true;
}

/** A node is full or busy (503, 429, 422 system codes). The move waits; `details` hold the node's own words. */
export class NodeBusyError extends MiroirError {
  readonly code = 'miroir_node_busy';
  readonly retryable = true;
}

/** A node refused a request for good (4xx). Usually a key without the right, or an index changed by hand. */
export class NodeRefusedError extends MiroirError {
  readonly code = 'miroir_node_refused';
  readonly retryable = false;
}

/** A node answered what no Meilisearch node answers, or more bytes than asked for. Look at its version and at proxies between. */
export class NodeProtocolError extends MiroirError {
  readonly code = 'miroir_node_protocol';
  readonly retryable = true;
}

/** A page is larger than the caller allows. Normal: the window is cut in two. */
export class PageTooLargeError extends MiroirError {
  readonly code = 'miroir_page_too_large';
  readonly retryable = false;
}

/** A task on a node failed. `details.taskCode` is the node's code; `retryable` follows it (full, busy: yes). */
export class NodeTaskFailedError extends MiroirError {
  readonly code = 'miroir_node_task_failed';
  readonly retryable = false;
}

/** The target rejects a document (its id is in `details`). The move is undone, the source is untouched. */
export class DocumentRejectedError extends MiroirError {
  readonly code = 'miroir_document_rejected';
  readonly retryable = false;
}

/** A node came back with less than it had (wiped, older backup): its watermarks do not count. Look at the node. */
export class NodeRegressedError extends MiroirError {
  readonly code = 'miroir_node_regressed';
  readonly retryable = true;
}

/** Source and target differ in version or settings, or the target has no room. The move waits; make them equal. */
export class PreflightError extends MiroirError {
  readonly code = 'miroir_preflight';
  readonly retryable = true;
}

/** An index that the registry does not know. Create it with `miroir index create`, or correct the name. */
export class IndexUnknownError extends MiroirError {
  readonly code = 'miroir_index_unknown';
  readonly retryable = false;
}

/** The index exists already, or with another shard count, primary key or replication factor, or cannot be taken over as it is: `field` says why. */
export class IndexConflictError extends MiroirError {
  readonly code = 'miroir_index_conflict';
  readonly retryable = false;
}

/** Documents of shards that their node owns carry no `_miroir_slot` or `_miroir_shard`, so they cannot be moved. `miroir index adopt` gives them these. */
export class IndexUnsplitError extends MiroirError {
  readonly code = 'miroir_index_unsplit';
  readonly retryable = false;
}

/** A replica group that does not exist. */
export class GroupUnknownError extends MiroirError {
  readonly code = 'miroir_group_unknown';
  readonly retryable = false;
}

/** A replica group with this number is there with other nodes, or in a state that what is asked does not fit. Nothing was changed. */
export class GroupConflictError extends MiroirError {
  readonly code = 'miroir_group_conflict';
  readonly retryable = false;
}

/** A replica group is not as far as what is asked needs: not every copy is there and compared, or there is no group to copy from. Wait, and look at `miroir group status`. */
export class GroupNotReadyError extends MiroirError {
  readonly code = 'miroir_group_not_ready';
  readonly retryable = true;
}

/** A replica group is not draining, or still owns shards, so it cannot be removed. Drain it first. */
export class GroupNotDrainedError extends MiroirError {
  readonly code = 'miroir_group_not_drained';
  readonly retryable = false;
}

/** What is asked would leave a shard without a copy or below its replication factor. Add a node first. */
export class LastReplicaError extends MiroirError {
  readonly code = 'miroir_last_replica';
  readonly retryable = false;
}

/** A node still owns shards or is not draining, so it cannot be removed. Drain it first. */
export class NodeNotDrainedError extends MiroirError {
  readonly code = 'miroir_node_not_drained';
  readonly retryable = false;
}

/** A plan that there is not, or that is older than `history_max` keeps. See `miroir plan list`. */
export class PlanUnknownError extends MiroirError {
  readonly code = 'miroir_plan_unknown';
  readonly retryable = false;
}

/** A move that there is not, or that is older than `history_max` keeps. See `miroir move list`. */
export class MoveUnknownError extends MiroirError {
  readonly code = 'miroir_move_unknown';
  readonly retryable = false;
}

/** What is asked of a move does not fit how it stands: not settling, not in grace, or its nodes are not lost. Nothing was changed; the remedy says what to do instead. */
export class MoveStateError extends MiroirError {
  readonly code = 'miroir_move_state';
  readonly retryable = false;
}

/** What is asked of a plan does not fit how it stands: it is over, was cancelled, or waits for an approval. Nothing was changed; the remedy says what to do instead. */
export class PlanStateError extends MiroirError {
  readonly code = 'miroir_plan_state';
  readonly retryable = false;
}

/** The public queue holds `event_channel_capacity` waiting events. Send again after `details.retryAfterMs`. */
export class QueueFullError extends MiroirError {
  readonly code = 'miroir_queue_full';
  readonly retryable = true;
}

/** Somebody else changed the record meanwhile. Normal between two planners; read again and decide anew. */
export class ConflictError extends MiroirError {
  readonly code = 'miroir_conflict';
  readonly retryable = true;
}

/** The lease was lost or is about to end: this process stops acting for the scope. Normal after a pause or a cut. */
export class LeaseLostError extends MiroirError {
  readonly code = 'miroir_lease_lost';
  readonly retryable = true;
}

/** A script was refused: a newer fence holds the scope, or Redis restarted since the grant. Nothing was changed. */
export class StaleFenceError extends MiroirError {
  readonly code = 'miroir_stale_fence';
  readonly retryable = true;
}

/** A move's transition that the protocol's table does not have. A defect of ours: the move stops, please report. */
export class IllegalTransitionError extends MiroirError {
  readonly code = 'miroir_illegal_transition';
  readonly retryable = false;
}

/** A record or job was written by a newer version. Left alone; finish the rolling upgrade. */
export class RecordTooNewError extends MiroirError {
  readonly code = 'miroir_record_too_new';
  readonly retryable = true;
}

/** Redis cannot be reached or did not answer in time. Workers stop acting within 6 s and go on when it is back. */
export class RedisUnreachableError extends MiroirError {
  readonly code = 'miroir_redis_unreachable';
  readonly retryable = true;
}

/** Redis would lose or evict our records (eviction policy, no AOF, two masters after a cut), or is no master. See the remedy. */
export class RedisUnsafeError extends MiroirError {
  readonly code = 'miroir_redis_unsafe';
  readonly retryable = false;
}

/** The configuration is wrong; every wrong key is named. Exit code 78. */
export class ConfigError extends MiroirError {
  readonly code = 'miroir_config';
  readonly retryable = false;
}

/** A wait ended by its deadline. What was waited for goes on. */
export class TimeoutError extends MiroirError {
  readonly code = 'miroir_timeout';
  readonly retryable = true;
}

/** A phase cannot go on now. Normal: its job is delayed, the reason is shown, and it tries again by itself. */
export class MoveWaitingError extends MiroirError {
  readonly code = 'miroir_move_waiting';
  readonly retryable = true;
  /** What it waits for: a word of the closed list, then what it is about, for people. */
  readonly reason: WaitText;
  /** When to look again (ms from now); absent: by how long it has waited already. */
  readonly afterMs: number | undefined;

  constructor(reason: WaitText, afterMs?: number, options: MiroirErrorOptions = {}) {
    super(`waits: ${reason}`, options);
    this.reason = reason;
    this.afterMs = afterMs;
  }
}

/** A promise that our own records make does not hold. The move stops and stays visible: never repaired silently. */
export class InvariantError extends MiroirError {
  readonly code = 'miroir_invariant';
  readonly retryable = false;
}
