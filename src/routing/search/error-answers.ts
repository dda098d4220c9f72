/** Errors as a client reads them, in the shape of a node: `{message, code, type, link}`. */
import {
  IndexUnknownError,
  NodeProtocolError,
  NotMergeableError,
  NotSupportedError,
  PageTooLargeError,
  ShardsUnreadableError,
} from '../../errors.ts';
import type { MiroirError } from '../../errors.ts';
import type { NodeAnswer } from '../../ports.ts';
import type { ClientAnswer } from '../api.ts';
import { messageWithoutOurs } from './own-fields.ts';

interface ErrorView {
  readonly message: string;
  readonly code: string;
  readonly type: string;
  readonly link: string;
}

const NO_HEADERS: Readonly<Record<string, string>> = {};

const answer = (status: number, view: ErrorView, headers = NO_HEADERS): ClientAnswer => ({
  status,
  headers,
  body: JSON.stringify(view),
});

const nodeLink = (code: string): string => `https://docs.meilisearch.com/errors#${code}`;

/** An error that a node would give itself. */
export const nodeError = (status: number, code: string, message: string, headers = NO_HEADERS): ClientAnswer =>
  answer(status, { message, code, type: 'invalid_request', link: nodeLink(code) }, headers);

export const indexNotFound = (index: string): ClientAnswer =>
  nodeError(404, 'index_not_found', `Index \`${index}\` not found.`, {
    'x-miroir-remedy': 'create the index first: POST /indexes, or miroir index create',
  });

/** A node's refusal as one node would word it that knows nothing of our fields. Null for what is no node's error. */
export function nodeWords({ status, body, retryAfterS }: NodeAnswer): ClientAnswer | null {
  const view = parseView(body.toString('utf8'));
  if (view === null) return null;
  const headers: Record<string, string> = retryAfterS === null ? {} : { 'retry-after': String(retryAfterS) };
  return answer(status, { ...view, message: messageWithoutOurs(view.message) }, headers);
}

function parseView(text: string): ErrorView | null {
  try {
    const view: unknown = JSON.parse(text);
    const isView = typeof view === 'object' && view !== null && 'message' in view && typeof view.message === 'string';
    return isView ? (view as ErrorView) : null;
  } catch {
    return null; // a proxy's page
  }
}

export const codeOf = ({ body }: NodeAnswer): string | null => parseView(body.toString('utf8'))?.code ?? null;

const STATUS = new Map<unknown, number>([
  [NotMergeableError, 501],
  [NotSupportedError, 501],
  [PageTooLargeError, 413],
  [NodeProtocolError, 502],
]);
const RETRY_AFTER_S = 1;

/** An error of ours: its code, and the remedy within the message. Null for a defect, which the caller reports. */
export function ownError(error: MiroirError): ClientAnswer | null {
  const { index } = error.details;
  if (error instanceof IndexUnknownError && typeof index === 'string') return indexNotFound(index);
  const status = STATUS.get(error.constructor) ?? (error.retryable ? 503 : null);
  if (status === null) return null;
  const message = error.remedy === undefined ? error.message : `${error.message}; ${error.remedy}`;
  const type = status < 500 || status === 501 ? 'invalid_request' : 'system';
  const wishedS = error instanceof ShardsUnreadableError ? Number(error.details['retryAfterS'] ?? 0) : 0;
  const headers: Record<string, string> = error.retryable
    ? { 'retry-after': String(Math.max(RETRY_AFTER_S, wishedS)) }
    : {};
  return answer(status, { message, code: error.code, type, link: 'docs/errors.md' }, headers);
}
