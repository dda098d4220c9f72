/** Errors that whoever asks the control API meets. */
import { MiroirError } from './base.ts';

/** The port of the control API is taken or may not be listened on. Choose another one with MIROIR_API_PORT; 0 is any free one. */
export class ApiPortError extends MiroirError {
  readonly code = 'miroir_api_port';
  readonly retryable = false;
}

/** Without keys the control API answers under loopback names only, so that no page elsewhere reaches it by rebinding DNS. Ask for localhost, or set MIROIR_API_KEYS_FILE. 403. */
export class ApiHostError extends MiroirError {
  readonly code = 'miroir_api_host';
  readonly retryable = false;
}

/** A request to the control API without a key, where there are keys. 401; send it as a bearer token. */
export class KeyMissingError extends MiroirError {
  readonly code = 'miroir_key_missing';
  readonly retryable = false;
}

/** A key that is not in the file of `api_keys_file`, or is over. 401; a key that was just added is known within 5 s. */
export class KeyInvalidError extends MiroirError {
  readonly code = 'miroir_key_invalid';
  readonly retryable = false;
}

/** The key is good and may not do this: its scope is too small. 403. */
export class KeyScopeError extends MiroirError {
  readonly code = 'miroir_key_scope';
  readonly retryable = false;
}

/** A browser sent a change for a page of another origin. 403; no such page may change anything. */
export class CrossOriginError extends MiroirError {
  readonly code = 'miroir_cross_origin';
  readonly retryable = false;
}

/** The control API has no such path. 404; /docs lists them. */
export class RouteUnknownError extends MiroirError {
  readonly code = 'miroir_route_unknown';
  readonly retryable = false;
}

/** The path is there, with other methods: the header Allow names them. 405. */
export class MethodError extends MiroirError {
  readonly code = 'miroir_method';
  readonly retryable = false;
}

/** A change came without a JSON body. 415; send `content-type: application/json`, and `{}` where nothing has to be said. */
export class ContentTypeError extends MiroirError {
  readonly code = 'miroir_content_type';
  readonly retryable = false;
}

/** The body is larger than any request to the control API has to be. 413. */
export class BodyTooLargeError extends MiroirError {
  readonly code = 'miroir_body_too_large';
  readonly retryable = false;
}

/** One key, or everybody on loopback without keys, asked more often than `api_requests_per_minute`. 429 with Retry-After. */
export class RateLimitedError extends MiroirError {
  readonly code = 'miroir_rate_limited';
  readonly retryable = true;
}

/** What the request was made for has changed since: `If-Match` names another version. 412; look again, then decide anew. */
export class StaleVersionError extends MiroirError {
  readonly code = 'miroir_stale_version';
  readonly retryable = false;
}

/** A plan that was shown is not what it would be now: the topology has changed, or other moves have. 412; `details.difference` says what, make the plan again. */
export class StalePlanError extends MiroirError {
  readonly code = 'miroir_stale_plan';
  readonly retryable = false;
}

/** The same `Idempotency-Key` came with another event before. 409; every event has a key of its own. */
export class IdempotencyError extends MiroirError {
  readonly code = 'miroir_idempotency';
  readonly retryable = false;
}

/** An event that was never sent, or is older than the queue keeps (a day, a thousand). See `miroir status` for what came of it. */
export class EventUnknownError extends MiroirError {
  readonly code = 'miroir_event_unknown';
  readonly retryable = false;
}

/** A defect of ours while the control API answered. 500; its log says more, please report. */
export class ApiDefectError extends MiroirError {
  readonly code = 'miroir_api_defect';
  readonly retryable = false;
}
