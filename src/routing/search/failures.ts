/** Whose fault it is that a node gave no answer: the client's, then every node says the same, or the node's. */
import {
  ConfigError,
  NodeBusyError,
  NodeOriginError,
  NodeUnreachableError,
  ShardsUnreadableError,
} from '../../errors.ts';
import type { NodeAnswer } from '../../ports.ts';
import { codeOf } from './error-answers.ts';

export interface Failure {
  readonly nodeId: string;
  readonly words: string;
  readonly retryAfterS: number;
  readonly isAbsent: boolean;
  /** The connection broke, which may be only its end of life: the same node may be asked again. */
  readonly isBroken: boolean;
}

/** What failing nodes said. */
export interface Why {
  readonly nodes: readonly string[];
  readonly words: readonly string[];
  readonly retryAfterS: number;
  /** Every node that was asked does not have the index. */
  readonly isAbsent: boolean;
}

/** Of our key, of the node's load, or of a node that lost its index: another node may answer. */
const NODES_FAULT: ReadonlySet<number> = new Set([401, 403, 408, 429]);

export function isClientsFault(answer: NodeAnswer): boolean {
  const { status } = answer;
  if (status < 400 || status >= 500 || NODES_FAULT.has(status)) return false;
  return status !== 404 || codeOf(answer) !== 'index_not_found';
}

export function answerFailure(nodeId: string, answer: NodeAnswer): Failure {
  const code = codeOf(answer);
  return {
    nodeId,
    words: `answered ${answer.status}${code === null ? '' : ` ${code}`}`,
    retryAfterS: answer.retryAfterS ?? 0,
    isAbsent: code === 'index_not_found',
    isBroken: false,
  };
}

/** Null for what is no failure of this node: an answer that is too large everywhere, or a defect. */
export function errorFailure(nodeId: string, error: unknown): Failure | null {
  const isFailure =
    error instanceof NodeUnreachableError ||
    error instanceof NodeBusyError ||
    error instanceof NodeOriginError ||
    error instanceof ConfigError;
  if (!isFailure) return null;
  const isBroken = error.details['reason'] === 'transport';
  return { nodeId, words: error.message, retryAfterS: 0, isAbsent: false, isBroken };
}

export const whyOf = (failures: readonly Failure[]): Why => ({
  nodes: failures.map(({ nodeId }) => nodeId),
  words: failures.map(({ nodeId, words }) => `${nodeId}: ${words}`),
  retryAfterS: Math.max(0, ...failures.map(({ retryAfterS }) => retryAfterS)),
  isAbsent: failures.length > 0 && failures.every(({ isAbsent }) => isAbsent),
});

/** For shards that nobody answered for. */
export function unreadable(index: string, missing: readonly number[], why: Why): ShardsUnreadableError {
  const some = missing.slice(0, 10).join(', ');
  return new ShardsUnreadableError(
    `${missing.length} shards of index ${index} cannot be read now (${some}${missing.length > 10 ? ' …' : ''})`,
    {
      remedy: 'send it again in a moment; look at the nodes when it lasts',
      details: { index, shards: missing.length, nodes: why.nodes, words: why.words, retryAfterS: why.retryAfterS },
    },
  );
}
