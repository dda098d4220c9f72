/** Errors that clients of routers and gateways meet. */
import { MiroirError } from './base.ts';

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

/** The library's call was answered with an error: `cause` is the node's (or the router's) `{message, code, type, link}`, `details.status` its HTTP status. */
export class AnswerError extends MiroirError {
  readonly code = 'miroir_answer';
  readonly retryable = false;
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

/** Another change of the index's settings is under way, or moves or its deletion have to wait for one. Send it again when its task has ended; `miroir settings show` tells how far it is. */
export class SettingsInFlightError extends MiroirError {
  readonly code = 'miroir_settings_in_flight';
  readonly retryable = true;
}

/** Nodes of the index could not be brought to the same settings, and its writes are refused with 503 until they are: change the settings again with success, or end it with `miroir settings thaw` once the nodes are equal. */
export class SettingsDivergenceError extends MiroirError {
  readonly code = 'miroir_settings_divergence';
  readonly retryable = true;
}

/** Some shard of the index has no node at the settings version that the read asks for (`X-Miroir-Min-Settings-Version`). Normal while settings are changed or a node is behind: ask again, or for less. */
export class SettingsStaleError extends MiroirError {
  readonly code = 'miroir_settings_version_stale';
  readonly retryable = true;
}
