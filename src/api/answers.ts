/**
 * Errors as the control API tells them: Meilisearch's four fields, and what to do next. One table from code to status;
 * what it does not name is 503 where asking again may help, else 500.
 */
import type { FastifyError, FastifyReply } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import {
  ApiDefectError,
  BodyTooLargeError,
  ContentTypeError,
  InvalidInputError,
  isMiroirError,
  type MiroirError,
  OverloadedError,
  TimeoutError,
} from '../errors.ts';

export const STATUS_OF: Readonly<Record<string, number>> = {
  miroir_invalid_input: 400,
  miroir_unknown_event: 400,
  miroir_node_origin: 400,
  miroir_key_missing: 401,
  miroir_key_invalid: 401,
  miroir_key_scope: 403,
  miroir_api_host: 403,
  miroir_cross_origin: 403,
  miroir_route_unknown: 404,
  miroir_node_unknown: 404,
  miroir_index_unknown: 404,
  miroir_group_unknown: 404,
  miroir_plan_unknown: 404,
  miroir_move_unknown: 404,
  miroir_event_unknown: 404,
  miroir_method: 405,
  miroir_conflict: 409,
  miroir_node_conflict: 409,
  miroir_index_conflict: 409,
  miroir_group_conflict: 409,
  miroir_last_replica: 409,
  miroir_node_not_drained: 409,
  miroir_group_not_drained: 409,
  miroir_move_state: 409,
  miroir_plan_state: 409,
  miroir_idempotency: 409,
  miroir_index_moving: 409,
  miroir_index_unsplit: 409,
  miroir_settings_in_flight: 409,
  miroir_group_not_ready: 412,
  miroir_stale_plan: 412,
  miroir_stale_version: 412,
  miroir_body_too_large: 413,
  miroir_content_type: 415,
  miroir_rate_limited: 429,
  miroir_node_unreachable: 502,
  miroir_node_refused: 502,
  miroir_node_protocol: 502,
  miroir_node_task_failed: 502,
  miroir_timeout: 504,
};

export interface ErrorBody {
  readonly message: string;
  readonly code: string;
  readonly type: string;
  readonly link: string;
  readonly next_steps: readonly string[];
}

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;
}

/** When who was refused for the time being may ask again, unless the error says. */
const RETRY_AFTER_MS = 1_000;
/** Programs send a bearer token; a browser asks its user for a password, if that comes first. */
const CHALLENGE = 'Basic realm="miroir", charset="UTF-8", Bearer realm="miroir"';
/** A remedy names commands by Markdown's marks; what stands between them can be run. */
const COMMAND = /`(miroir [^`]+)`/g;

const statusOf = ({ code, retryable }: Pick<MiroirError, 'code' | 'retryable'>): number =>
  STATUS_OF[code] ?? (retryable ? 503 : 500);

function typeOf(status: number): string {
  if (status === 401 || status === 403) return 'auth';
  if (status < 500) return 'invalid_request';
  return status === 500 ? 'internal' : 'system';
}

/** Says nothing but where to look. */
const ONLY_SEE = /^see `miroir [^`]+`$/;

/** The remedy, then each command that it names; of one that only names a command, that command. */
function nextSteps({ remedy }: MiroirError): string[] {
  if (remedy === undefined) return [];
  const commands = new Set([...remedy.matchAll(COMMAND)].map(([, command = '']) => command));
  return ONLY_SEE.test(remedy) ? [...commands] : [remedy, ...commands];
}

export function errorAnswer(error: MiroirError): ErrorAnswer {
  const { code, message, field, details } = error;
  const status = statusOf(error);
  const afterMs = typeof details['retryAfterMs'] === 'number' ? details['retryAfterMs'] : RETRY_AFTER_MS;
  const isLater = status === 429 || status === 503;
  return {
    status,
    headers: {
      ...(isLater ? { 'retry-after': String(Math.max(1, Math.ceil(afterMs / 1_000))) } : {}),
      ...(status === 401 ? { 'www-authenticate': CHALLENGE } : {}),
    },
    body: {
      message: field === undefined || message.includes(field) ? message : `${field}: ${message}`,
      code,
      type: typeOf(status),
      link: 'docs/errors.md',
      next_steps: nextSteps(error),
    },
  };
}

/** What the framework refuses by itself, in our words; everything else that is not ours is a defect. */
export function asOurs(error: unknown): MiroirError {
  if (isMiroirError(error)) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const [issue] = error.validation;
    const field = issue?.instancePath.replace(/^\//, '').replaceAll('/', '.') ?? '';
    const where = error.validationContext ?? 'request';
    return new InvalidInputError(issue?.message ?? error.message, {
      field: field === '' ? where : field,
      remedy: `correct the ${where}; /openapi.json says what it may hold`,
    });
  }
  const { code, statusCode = 500, message } = error as FastifyError;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new BodyTooLargeError('the body is too large', { remedy: 'send only the fields of the request' });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ContentTypeError('the body is not said to be JSON', {
        remedy: 'send `content-type: application/json`',
      });
    case 'FST_ERR_HANDLER_TIMEOUT':
      return new TimeoutError('the request took too long', {
        remedy: 'look whether it was carried out, then send it again',
      });
    case 'FST_ERR_REOPENED_CLOSE_SERVER':
      return new OverloadedError('this process is closing', { remedy: 'send it again' });
    default:
  }
  if (statusCode >= 400 && statusCode < 500) {
    return new InvalidInputError(message, { field: 'request', remedy: 'send valid HTTP with a valid JSON body' });
  }
  return new ApiDefectError('an internal error of the control API; its log says more', { cause: error });
}

export function sendError(reply: FastifyReply, error: unknown): FastifyReply {
  const { status, headers, body } = errorAnswer(asOurs(error));
  return reply.code(status).headers(headers).send(body);
}
