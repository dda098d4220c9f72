/**
 * One small question to a node, over connections of its own: what waits in the lines of movers and clients says nothing
 * about whether the node lives.
 */
import { setMaxListeners } from 'node:events';
import type { NodeProbe } from '../ports.ts';
import { attemptOnce } from './requests.ts';
import type { RequestParts } from './requests.ts';

/** `{"status":"available"}`, or a proxy's page. */
const ANSWER_BYTES_MAX = 65_536;
/** A proxy answers 502 and the like for a node that is gone, and a node that cannot do anything says 500. */
const NO_ANSWER_FROM = 500;

export function createNodeProbe(parts: RequestParts): NodeProbe {
  return {
    async answers(node, { deadlineMs, signal }) {
      setMaxListeners(0, signal);
      const permit = { signal, budgetMs: () => deadlineMs };
      const request = { operation: 'health', method: 'GET', path: '/health', maxBytes: ANSWER_BYTES_MAX } as const;
      const { result } = await attemptOnce(parts, node, permit, request);
      if (result.kind === 'unanswered' && result.why === 'cancelled') throw signal.reason;
      const isAlive = result.kind === 'answered' ? result.status < NO_ANSWER_FROM : result.why === 'too large';
      parts.metrics?.nodeHealthy.set({ node_id: node.id }, isAlive ? 1 : 0);
      return isAlive;
    },
    close: () => parts.dispatcher.close(),
  };
}
