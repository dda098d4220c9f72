/**
 * Every error this project raises on purpose. The comment of a class is what an operator reads at three in the
 * morning: what happened, whether it is normal, what to do. Codes are stable and never reused.
 * `retryable` says whether the same call may succeed later without anybody changing anything.
 */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

export interface MiroirErrorOptions {
  /** The input field at fault, in the words of whoever sent it (`node_id`, `MIROIR_LEASE_TTL_SECS`). */
  field?: string;
  /** What to do about it: one sentence in the imperative. */
  remedy?: string;
  details?: ErrorDetails;
  cause?: unknown;
}

export abstract class MiroirError extends Error {
  abstract readonly code: string;
  abstract readonly retryable: boolean;
  readonly field: string | undefined;
  readonly remedy: string | undefined;
  readonly details: ErrorDetails;

  constructor(message: string, options: MiroirErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.field = options.field;
    this.remedy = options.remedy;
    this.details = options.details ?? {};
  }
}

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

/** The index exists already, or with another shard count, primary key or replication factor. */
export class IndexConflictError extends MiroirError {
  readonly code = 'miroir_index_conflict';
  readonly retryable = false;
}

/** Documents of the index carry no `_miroir_slot` or `_miroir_shard`, so they cannot be moved. Load them through us. */
export class IndexUnsplitError extends MiroirError {
  readonly code = 'miroir_index_unsplit';
  readonly retryable = false;
}

/** A replica group that does not exist. */
export class GroupUnknownError extends MiroirError {
  readonly code = 'miroir_group_unknown';
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

/** Redis would lose or evict our records (eviction policy, no AOF). Change its configuration; see the remedy. */
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
  /** What it waits for, for people: a word of the closed list, then what unblocks it. */
  readonly reason: string;
  /** When to look again (ms from now); absent: by how long it has waited already. */
  readonly afterMs: number | undefined;

  constructor(reason: string, afterMs?: number, options: MiroirErrorOptions = {}) {
    super(`waits: ${reason}`, options);
    this.reason = reason;
    this.afterMs = afterMs;
  }
}

/** A request that a node would take and the gateway cannot serve truthfully over many nodes (yet). 501; docs/gateway.md has the list. */
export class NotSupportedError extends MiroirError {
  readonly code = 'miroir_not_supported';
  readonly retryable = false;
}

/** A read whose answer from many nodes could differ from one node's (`distinct`, exact pages …). 501; docs/gateway.md has the list. */
export class NotMergeableError extends MiroirError {
  readonly code = 'miroir_not_mergeable';
  readonly retryable = false;
}

/** No node that a shard may be read from answered. Normal while its only node restarts; look at the nodes in `details`. */
export class ShardsUnreadableError extends MiroirError {
  readonly code = 'miroir_shards_unreadable';
  readonly retryable = true;
}

/** The gateway holds as many requests or bytes as it may. 503 with Retry-After; normal in a burst, else add a gateway. */
export class OverloadedError extends MiroirError {
  readonly code = 'miroir_overloaded';
  readonly retryable = true;
}

/** This router has not confirmed its routing tables for 6 s, or not yet. Normal after a pause or a cut from Redis: it registers again by itself. 503 with Retry-After. */
export class RouterUnconfirmedError extends MiroirError {
  readonly code = 'miroir_router_unconfirmed';
  readonly retryable = true;
}

/** Redis shows an older routing table of the index than this router has served by: Redis lost writes. The index is not served until its epoch is past the one seen. */
export class EpochRegressedError extends MiroirError {
  readonly code = 'miroir_epoch_regressed';
  readonly retryable = true;
}

/** A write waited longer than it may, for a switch, a settling document, another write or a busy node. Nothing was written; send it again. */
export class WriteWaitedError extends MiroirError {
  readonly code = 'miroir_write_waited';
  readonly retryable = true;
}

/** No replica group accepted the write with a majority of its owners. Owners that may have it or missed it are on repair lists; send it again when nodes are back. */
export class NoQuorumError extends MiroirError {
  readonly code = 'miroir_no_quorum';
  readonly retryable = true;
}

/** Nobody knows whether the write was accepted, wholly or in part: an answer was lost, or the owners changed meanwhile. Send all of it again. */
export class OutcomeUnknownError extends MiroirError {
  readonly code = 'miroir_outcome_unknown';
  readonly retryable = true;
}

/** What is asked would disturb the index's moves, so it waits until the plan named in `details` is done. Send it again then. */
export class IndexMovingError extends MiroirError {
  readonly code = 'miroir_index_moving';
  readonly retryable = true;
}

/** The gateway's port is taken or may not be listened on. Choose another one with MIROIR_GATEWAY_PORT; 0 is any free one. */
export class GatewayPortError extends MiroirError {
  readonly code = 'miroir_gateway_port';
  readonly retryable = false;
}

/** A promise that our own records make does not hold. The move stops and stays visible: never repaired silently. */
export class InvariantError extends MiroirError {
  readonly code = 'miroir_invariant';
  readonly retryable = false;
}

/** True for errors of ours; what is not ours is a defect or a library's failure and is reported with its stack. */
export const isMiroirError = (error: unknown): error is MiroirError => error instanceof MiroirError;

/** The message of anything thrown, in one line. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
