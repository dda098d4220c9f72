/**
 * What an answer that is not a success means: one table from HTTP status and Meilisearch's code to our classes. The
 * node's own words go into `details`, never our key.
 */
import {
  LeaseLostError,
  messageOf,
  NodeBusyError,
  NodeProtocolError,
  NodeRefusedError,
  NodeUnreachableError,
  PageTooLargeError,
} from '../errors.ts';
import type { ErrorDetails, MiroirError, MiroirErrorOptions } from '../errors.ts';
import type { Exchange } from './exchange.ts';

/** Which call it was about. */
export interface CallContext {
  readonly nodeId: string;
  readonly origin: string;
  readonly operation: string;
  readonly isWrite: boolean;
  readonly maxBytes: number;
  /** Whether `maxBytes` is the caller's wish, so that more is normal, or our bound, so that more is a fault. */
  readonly isPage: boolean;
  readonly apiKey: string | null;
}

export interface Fault {
  readonly error: MiroirError;
  /** Also the value of the label `error_type`. */
  readonly type: FaultType;
  /** Sending the same again soon may succeed and cannot be applied twice. */
  readonly mayRetry: boolean;
  /** The node's wish; 0 without one. */
  readonly retryAfterMs: number;
  /** Meilisearch's code, for callers to whom it is an answer. */
  readonly code: string | null;
  readonly status: number | null;
}

const CLASSES = {
  unreachable: NodeUnreachableError,
  busy: NodeBusyError,
  refused: NodeRefusedError,
  protocol: NodeProtocolError,
  too_large: PageTooLargeError,
  lease: LeaseLostError,
} as const;
export type FaultType = keyof typeof CLASSES;

interface Rule {
  readonly from: number;
  readonly to: number;
  readonly codes?: readonly string[];
  readonly type: FaultType;
  /** The same request may succeed within seconds. */
  readonly isBrief: boolean;
  /** A write with this answer may have been accepted all the same. */
  readonly isAmbiguous: boolean;
  readonly remedy: string;
}

const rule = (
  [from, to]: readonly [number, number],
  type: FaultType,
  flags: '' | 'brief' | 'brief ambiguous',
  remedy: string,
  codes?: readonly string[],
): Rule => ({
  from,
  to,
  type,
  isBrief: flags !== '',
  isAmbiguous: flags === 'brief ambiguous',
  remedy,
  ...(codes === undefined ? {} : { codes }),
});

const WAIT = 'nothing to do while it is brief; look at the node when it lasts';
const FULL = 'make room on the node’s disk, or raise its limit; the move goes on by itself';

/** The first that fits counts. Known codes of a 5xx are the node's own refusal, so nothing was accepted. */
const RULES: readonly Rule[] = [
  rule([401, 401], 'refused', '', 'give the node a key: api_key_ref names MIROIR_NODE_KEY_<REF> or a file in keys_dir'),
  rule([403, 403], 'refused', '', 'check that the key is of this node and has the right to do this for this index'),
  rule([404, 404], 'refused', '', 'check the index and, when a proxy stands between, its paths'),
  rule([408, 408], 'busy', 'brief', WAIT),
  rule([413, 413], 'refused', '', 'lower MIROIR_WINDOW_BYTES or raise the node’s --http-payload-size-limit'),
  rule([422, 422], 'busy', '', FULL, ['no_space_left_on_device', 'database_size_limit_reached']),
  rule([422, 422], 'busy', '', WAIT, ['too_many_open_files', 'io_error']),
  rule([429, 429], 'busy', 'brief', WAIT),
  rule([400, 499], 'refused', '', 'read the node’s words; the request will not be sent again as it is'),
  rule([500, 500], 'busy', '', FULL, ['no_space_left_on_device', 'database_size_limit_reached']),
  rule([500, 500], 'busy', 'brief ambiguous', WAIT),
  rule([502, 502], 'unreachable', 'brief ambiguous', WAIT),
  rule([503, 503], 'busy', 'brief', WAIT, ['too_many_search_requests']),
  // Without a node's own code it is a proxy's, which may have passed the request on.
  rule([503, 503], 'busy', 'brief ambiguous', WAIT),
  rule([504, 504], 'unreachable', 'brief ambiguous', WAIT),
  rule([300, 399], 'protocol', '', 'give the node’s own URL: redirects are not followed'),
  rule([0, 999], 'protocol', '', 'check that the URL is a Meilisearch node’s'),
];

const WORDS_MAX = 500;
/** No node asks for longer; a longer wish is a mistake of a clock or a proxy. */
const RETRY_AFTER_MS_MAX = 3_600_000;

type Answered = Extract<Exchange, { kind: 'answered' }>;
type Unanswered = Extract<Exchange, { kind: 'unanswered' }>;

export const isSuccess = (result: Exchange): result is Answered =>
  result.kind === 'answered' && result.status >= 200 && result.status < 300;

/** For what is not a success. `nowMs` is wall clock, for a Retry-After that is a date. */
export function faultOf(result: Exchange, context: CallContext, nowMs: number): Fault {
  if (result.kind === 'unanswered') return unansweredFault(result, context);
  const answer = nodeWords(result.body, context.apiKey);
  const found = RULES.find(
    ({ from, to, codes }) =>
      result.status >= from && result.status <= to && (codes === undefined || codes.includes(answer.code ?? '')),
  );
  const { type, isBrief, isAmbiguous, remedy } = found ?? rule([0, 999], 'protocol', '', WAIT);
  const ambiguous = context.isWrite && isAmbiguous;
  const retryAfterMs = parseRetryAfter(result.retryAfter, nowMs);
  return {
    // A write that may have been accepted always has the same class, whoever cut its answer off.
    ...fault(ambiguous ? 'unreachable' : type, context, `answered ${result.status}${answer.text}`, {
      remedy: ambiguous ? 'nothing to do: the sender looks whether the node has the task' : remedy,
      details: {
        status: result.status,
        nodeCode: answer.code,
        nodeMessage: answer.message,
        ...(retryAfterMs > 0 ? { retryAfterMs } : {}),
        ...(context.isWrite ? { ambiguous } : {}),
      },
    }),
    mayRetry: isBrief && !ambiguous,
    retryAfterMs,
    code: answer.code,
    status: result.status,
  };
}

/** An answer that says success and cannot be understood; a write with it was accepted, under a task we do not know. */
export function protocolFault(context: CallContext, why: string): NodeProtocolError {
  return new NodeProtocolError(`node ${context.nodeId}: ${context.operation}: ${why}`, {
    remedy: 'check the version of the node and what stands between',
    details: baseDetails(context, context.isWrite ? { ambiguous: true } : {}),
  });
}

/** The permit ended while the call waited or was under way. */
export function leaseFault(context: CallContext, cause: unknown, isSent: boolean): LeaseLostError {
  return new LeaseLostError(`node ${context.nodeId}: ${context.operation} was given up: ${messageOf(cause)}`, {
    details: baseDetails(context, context.isWrite ? { ambiguous: isSent } : {}),
    cause,
  });
}

function unansweredFault(result: Unanswered, context: CallContext): Fault {
  const ambiguous = context.isWrite && result.isSent;
  const none = { retryAfterMs: 0, code: null, status: null, mayRetry: false };
  const details = context.isWrite ? { ambiguous } : {};
  if (result.why === 'cancelled') {
    return { error: leaseFault(context, result.cause, result.isSent), type: 'lease', ...none };
  }
  if (result.why === 'too large') {
    const type = context.isPage ? 'too_large' : 'protocol';
    const text = `answered more than ${context.maxBytes} bytes`;
    return {
      ...fault(type, context, text, {
        details: { maxBytes: context.maxBytes, ...details },
        remedy: 'ask for less at a time',
      }),
      ...none,
    };
  }
  const { cause } = result;
  const systemCode = cause instanceof Error && 'code' in cause ? String(cause.code) : null;
  return {
    ...fault('unreachable', context, messageOf(cause) || (systemCode ?? 'no connection'), {
      remedy: 'check that the node runs and can be reached from here; moves that use it wait meanwhile',
      details: { reason: result.why, systemCode, ...details },
      cause,
    }),
    ...none,
    mayRetry: !ambiguous,
  };
}

function fault(
  type: FaultType,
  context: CallContext,
  what: string,
  { details = {}, ...options }: MiroirErrorOptions,
): Pick<Fault, 'error' | 'type'> {
  const message = `node ${context.nodeId} (${context.origin}): ${context.operation}: ${what}`;
  return { error: new CLASSES[type](message, { ...options, details: baseDetails(context, details) }), type };
}

const baseDetails = (context: CallContext, more: ErrorDetails): ErrorDetails => ({
  node: context.nodeId,
  origin: context.origin,
  operation: context.operation,
  ...more,
});

/** Meilisearch's code and message, or the beginning of whatever a proxy wrote. */
function nodeWords(body: Buffer, apiKey: string | null): { code: string | null; message: string; text: string } {
  const raw = body.toString('utf8');
  const { code, message } = parseWords(raw) ?? { code: null, message: raw.replace(/[\p{Cc}\s]+/gu, ' ').trim() };
  const shown = (apiKey === null ? message : message.replaceAll(apiKey, '***')).slice(0, WORDS_MAX);
  return { code, message: shown, text: `${code === null ? '' : ` ${code}`}${shown === '' ? '' : `: ${shown}`}` };
}

function parseWords(raw: string): { code: string; message: string } | null {
  try {
    const parsed: unknown = JSON.parse(raw);
    if (typeof parsed !== 'object' || parsed === null || !('code' in parsed) || !('message' in parsed)) return null;
    const { code, message } = parsed;
    return typeof code === 'string' && /^[a-z0-9_]{1,100}$/.test(code) && typeof message === 'string'
      ? { code, message }
      : null;
  } catch {
    return null; // not the node's own error body: a proxy's
  }
}

/** Seconds or an HTTP date, as ms from now. */
export function parseRetryAfter(text: string | null, nowMs: number): number {
  if (text === null) return 0;
  const waitMs = /^\d{1,9}$/.test(text.trim()) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isFinite(waitMs) ? Math.min(Math.max(Math.ceil(waitMs), 0), RETRY_AFTER_MS_MAX) : 0;
}
