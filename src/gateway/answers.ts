/**
 * Answers that the gateway gives by itself, in the shape of a node: `{message, code, type, link}`. Whatever reads a
 * request throws `Refusal`, so that one place sends it.
 */
import { isMiroirError, type MiroirError, NotSupportedError, OverloadedError } from '../errors.ts';
import type { ClientAnswer } from '../routing/api.ts';

/** A request that is answered without asking the router. Not an error of ours: the client reads it, nobody else. */
export class Refusal extends Error {
  readonly answer: ClientAnswer;

  constructor(answer: ClientAnswer) {
    super(answer.body);
    this.name = 'Refusal';
    this.answer = answer;
  }
}

/** Codes of a node that are not 400. */
const STATUS: Readonly<Record<string, number>> = {
  missing_authorization_header: 401,
  invalid_api_key: 403,
  index_not_found: 404,
  task_not_found: 404,
  payload_too_large: 413,
  missing_content_type: 415,
  invalid_content_type: 415,
  internal: 500,
};
const TYPE: Readonly<Record<string, string>> = {
  missing_authorization_header: 'auth',
  invalid_api_key: 'auth',
  internal: 'internal',
};

const NO_HEADERS: Readonly<Record<string, string>> = {};

function errorAnswer(
  status: number,
  view: { readonly message: string; readonly code: string; readonly type: string; readonly link: string },
  headers = NO_HEADERS,
): ClientAnswer {
  return { status, headers, body: JSON.stringify(view) };
}

/** A node's own error, by its code. */
export function nodeError(code: string, message: string): ClientAnswer {
  const link = `https://docs.meilisearch.com/errors#${code}`;
  return errorAnswer(STATUS[code] ?? 400, { message, code, type: TYPE[code] ?? 'invalid_request', link });
}

export function refuse(code: string, message: string): never {
  throw new Refusal(nodeError(code, message));
}

/** When a client that was refused for the time being may ask again. */
const RETRY_AFTER_S = 1;

/** An error of ours as a client reads it: its code, and the remedy within the message. */
export function ownError(error: MiroirError, status: number): ClientAnswer {
  const message = error.remedy === undefined ? error.message : `${error.message}; ${error.remedy}`;
  const type = status === 501 ? 'invalid_request' : 'system';
  const headers = error.retryable ? { 'retry-after': String(RETRY_AFTER_S) } : NO_HEADERS;
  return errorAnswer(status, { message, code: error.code, type, link: 'docs/errors.md' }, headers);
}

export function notSupported(what: string, remedy: string): never {
  throw new Refusal(ownError(new NotSupportedError(`the gateway does not support ${what}`, { remedy }), 501));
}

export function overloaded(what: string): never {
  throw new Refusal(ownError(new OverloadedError(what, { remedy: 'send the request again' }), 503));
}

/** What becomes of anything thrown on the way; null for a defect, which the caller reports. */
export function answerOf(error: unknown): ClientAnswer | null {
  if (error instanceof Refusal) return error.answer;
  return isMiroirError(error) ? ownError(error, error.retryable ? 503 : 500) : null;
}

/** Nothing of a defect goes to a client; the log has it. */
export const DEFECT: ClientAnswer = nodeError('internal', 'an internal error of the gateway; its log says more');

export const INDEX_UID_RULE =
  'is not a valid index uid. Index uid can be an integer or a string containing only alphanumeric ' +
  'characters, hyphens (-) and underscores (_), and can not be more than 512 bytes.';

/** 400 bytes is what a node checks, although its message says 512. */
export const isIndexUid = (uid: string): boolean => /^[A-Za-z0-9_-]{1,400}$/.test(uid);

export const json = (value: unknown, status = 200): ClientAnswer => ({
  status,
  headers: NO_HEADERS,
  body: JSON.stringify(value),
});
