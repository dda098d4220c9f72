/**
 * Sends a node's requests: key, headers, failpoints, metrics and the one place in the project where node requests are
 * tried again. Reads are repeated while the trouble is brief. A write is repeated only when the node certainly did not
 * take it; after that its fate is the caller's to find out, since sending it again could put an older document over a
 * newer one.
 */
import type { Dispatcher } from 'undici';
import type { TopologyNode } from '../core/topology.ts';
import { LeaseLostError } from '../errors.ts';
import type { Clock, Failpoint, Permit } from '../ports.ts';
import { exchange } from './exchange.ts';
import type { Call, Exchange } from './exchange.ts';
import { faultOf, isSuccess, leaseFault } from './faults.ts';
import type { CallContext, Fault } from './faults.ts';
import type { Keyring } from './keys.ts';

export interface Request {
  readonly operation: string;
  /** Name for failpoints; default `node:<operation>`. */
  readonly point?: string;
  readonly method: Call['method'];
  readonly path: string;
  readonly query?: URLSearchParams;
  readonly body?: Buffer | string;
  readonly isWrite?: boolean;
  /** For pages only: the caller's bound (bytes). */
  readonly maxBytes?: number;
}

/** The metrics that requests feed; telemetry's facade fits. */
export interface NodeMeters {
  readonly nodeRequestDuration: { observe(labels: { node_id: string; operation: string }, seconds: number): void };
  readonly nodeErrors: { inc(labels: { node_id: string; error_type: string }): void };
  readonly nodeReachable: { set(labels: { node_id: string }, value: number): void };
}

/** The part of a logger that requests use; pino's fits. */
export interface NodeLog {
  debug(fields: object, text: string): void;
}

export interface RequestParts {
  readonly dispatcher: Dispatcher;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly failpoint: Failpoint;
  readonly logger?: NodeLog;
  readonly metrics?: NodeMeters;
  /** By node: requests of this process that it refused for now, or did not answer. */
  readonly refusals?: Map<string, number>;
}

const ATTEMPTS_MAX = 3;
/** Waits of more than this are the caller's, who can put a job aside meanwhile instead of holding it. */
const RETRY_WINDOW_MS = 2_000;
const BACKOFF_MS = 100;
/** Whatever is not a page: task lists of some thousand tasks, settings with long synonym lists. */
const ANSWER_BYTES_MAX = 8_000_000;

/** The body of a success, or the fault that no attempt got around. Throws only `LeaseLostError` and wrong access. */
export async function send(
  parts: RequestParts,
  node: TopologyNode,
  permit: Permit,
  request: Request,
): Promise<{ body: Buffer; date: string | null; context: CallContext } | Fault> {
  const startedMs = parts.clock.monotonic();
  for (let attempt = 1; ; attempt += 1) {
    const { result, context } = await attemptOnce(parts, node, permit, request);
    if (isSuccess(result)) {
      parts.metrics?.nodeReachable.set({ node_id: node.id }, 1);
      return { body: result.body, date: result.date, context };
    }
    const fault = faultOf(result, context, parts.clock.now());
    report(parts, node, fault);
    const waitMs = Math.max(fault.retryAfterMs, backoffMs(attempt, parts.clock));
    const isLast = attempt >= ATTEMPTS_MAX || parts.clock.monotonic() - startedMs + waitMs > RETRY_WINDOW_MS;
    if (!fault.mayRetry || isLast || waitMs >= permit.budgetMs()) return fault;
    parts.logger?.debug(
      { node: node.id, operation: request.operation, attempt, waitMs, code: fault.error.code },
      'asking the node again',
    );
    await pause(parts.clock, waitMs, permit, context);
  }
}

/** One request, sent once. Rejects with what the permit, the failpoint or the keyring throws, and then nothing was sent. */
export async function attemptOnce(
  { dispatcher, keyring, clock, failpoint, metrics }: RequestParts,
  node: TopologyNode,
  permit: Permit,
  request: Request,
): Promise<{ result: Exchange; context: CallContext }> {
  const isWrite = request.isWrite ?? false;
  const point = request.point ?? `node:${request.operation}`;
  if (isWrite) await failpoint.hit(point, 'before');
  const { origin, apiKey } = keyring.access(node);
  const maxBytes = request.maxBytes ?? ANSWER_BYTES_MAX;
  const query = request.query?.toString() ?? '';
  const startedMs = clock.monotonic();
  const result = await exchange(dispatcher, clock, permit, {
    origin,
    method: request.method,
    path: query === '' ? request.path : `${request.path}?${query}`,
    headers: {
      accept: 'application/json',
      // Why: compressing costs a node more than a local network gains.
      'accept-encoding': 'identity',
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    body: request.body ?? null,
    isWrite,
    maxBytes,
  });
  const labels = { node_id: node.id, operation: request.operation };
  metrics?.nodeRequestDuration.observe(labels, (clock.monotonic() - startedMs) / 1_000);
  if (isWrite && result.kind === 'answered') await failpoint.hit(point, 'after');
  const { operation } = request;
  const isPage = request.maxBytes !== undefined;
  return { result, context: { nodeId: node.id, origin, operation, isWrite, maxBytes, isPage, apiKey } };
}

export function report({ metrics, refusals }: RequestParts, node: TopologyNode, fault: Fault): void {
  if (fault.type === 'busy' || fault.type === 'unreachable') refusals?.set(node.id, (refusals.get(node.id) ?? 0) + 1);
  // A page that does not fit and a lost lease are no errors of the node.
  if (metrics === undefined || fault.type === 'lease') return;
  if (fault.type !== 'too_large') metrics.nodeErrors.inc({ node_id: node.id, error_type: fault.type });
  metrics.nodeReachable.set({ node_id: node.id }, fault.type === 'unreachable' ? 0 : 1);
}

/** Half fixed, half random, so that several movers do not come back together. */
const backoffMs = (attempt: number, clock: Clock): number =>
  Math.round(BACKOFF_MS * 2 ** (attempt - 1) * (0.5 + clock.random() / 2));

async function pause(clock: Clock, ms: number, permit: Permit, context: CallContext): Promise<void> {
  try {
    await clock.sleep(ms, permit.signal);
  } catch (error) {
    if (!permit.signal.aborted) throw error;
    throw error instanceof LeaseLostError ? error : leaseFault(context, error, false);
  }
}
