/** Errors that whoever asks the control API meets. */
import { MiroirError } from './base.ts';

/** The port of the control API is taken or may not be listened on. Choose another one with MIROIR_API_PORT; 0 is any free one. */
export class ApiPortError extends MiroirError {
  readonly code = 'miroir_api_port';
  readonly retryable = false;
}

/** Without keys the control API answers under loopback names only, so that no page elsewhere reaches it by rebinding DNS. Ask for localhost. 403. */
export class ApiHostError extends MiroirError {
  readonly code = 'miroir_api_host';
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

/** One key, or one address without keys, asked more often than `api_requests_per_minute`. 429 with Retry-After. */
export class RateLimitedError extends MiroirError {
  readonly code = 'miroir_rate_limited';
  readonly retryable = true;
}

/** A defect of ours while the control API answered. 500; its log says more, please report. */
export class ApiDefectError extends MiroirError {
  readonly code = 'miroir_api_defect';
  readonly retryable = false;
}
