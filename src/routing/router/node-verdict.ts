/** What an owner's answer to a write means: accepted, refused for its content, certainly not accepted, or nobody knows. */
import { isMiroirError, messageOf } from '../../errors.ts';
import type { NodeAnswer } from '../../ports.ts';

export type NodeVerdict =
  | { readonly kind: 'accepted'; readonly taskUid: number }
  /** The node refuses this very request: the client's to correct. */
  | { readonly kind: 'refused'; readonly answer: NodeAnswer }
  /** Certainly not accepted; the node may take it in a moment. */
  | { readonly kind: 'busy'; readonly why: string; readonly afterMs: number }
  /** Certainly not accepted: the node is down, or does not let us in. */
  | { readonly kind: 'down'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string };

/** What says something about the node or our key, and nothing about the request. */
const OURS = new Set([401, 403, 404, 405]);
const BUSY = new Set([408, 429, 503]);
/** Without a node's own code a proxy has said so, which may have passed the request on. */
const MAYBE_PASSED_ON = new Set([408, 503]);
/** Full or short of something: the node's own refusal, so nothing was accepted. */
const SYSTEM_CODES = new Set([
  'no_space_left_on_device',
  'database_size_limit_reached',
  'too_many_open_files',
  'io_error',
]);

export function verdictOfAnswer(answer: NodeAnswer): NodeVerdict {
  const { status, body, retryAfterS } = answer;
  const text = body.toString('utf8');
  if (status >= 200 && status < 300) {
    const taskUid = fieldOf(text, 'taskUid');
    if (typeof taskUid === 'number') return { kind: 'accepted', taskUid };
    return { kind: 'unknown', why: `answered ${status} without a task` };
  }
  const code = fieldOf(text, 'code');
  const why = `answered ${status}${typeof code === 'string' ? ` ${code}` : ''}`;
  if (typeof code !== 'string' && MAYBE_PASSED_ON.has(status)) return { kind: 'unknown', why };
  if (BUSY.has(status) || (typeof code === 'string' && SYSTEM_CODES.has(code))) {
    return { kind: 'busy', why, afterMs: (retryAfterS ?? 0) * 1_000 };
  }
  if (OURS.has(status) || (status >= 300 && status < 400)) return { kind: 'down', why };
  return status >= 400 && status < 500 ? { kind: 'refused', answer } : { kind: 'unknown', why };
}

/** Nothing was sent unless the error says that it may have arrived, or says nothing about it. */
export function verdictOfError(error: unknown): NodeVerdict {
  const why = messageOf(error);
  if (!isMiroirError(error)) return { kind: 'unknown', why };
  if (error.code === 'miroir_node_busy') return { kind: 'busy', why, afterMs: 0 };
  const isBeforeSending = ['miroir_node_origin', 'miroir_config', 'miroir_node_unknown'].includes(error.code);
  const isUnsent = error.code === 'miroir_node_unreachable' && error.details['ambiguous'] !== true;
  return isBeforeSending || isUnsent ? { kind: 'down', why } : { kind: 'unknown', why };
}

function fieldOf(text: string, name: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  } catch {
    return undefined; // a proxy's page
  }
}
