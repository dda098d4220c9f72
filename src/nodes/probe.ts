/**
 * Two small questions to a node, over connections of their own: what waits in the lines of movers and clients says nothing
 * about whether the node lives. The second takes our key, since a node that lets nobody in serves nobody.
 */
import { setMaxListeners } from 'node:events';
import type { Seen } from '../core/sights.ts';
import { isMiroirError, messageOf } from '../errors.ts';
import type { NodeProbe } from '../ports.ts';
import type { Exchange } from './exchange.ts';
import { attemptOnce } from './requests.ts';
import type { RequestParts } from './requests.ts';

/** A few dozen bytes, or a proxy's page. */
const ANSWER_BYTES_MAX = 65_536;
/** A proxy answers 502 and the like for a node that is gone, and a node that cannot do anything says 500. */
const NO_ANSWER_FROM = 500;
const REFUSALS = new Set([401, 403]);

/** What every node we speak to lets us ask: it was asked when the node was added. */
const QUESTIONS = [
  { operation: 'health', method: 'GET', path: '/health', maxBytes: ANSWER_BYTES_MAX },
  { operation: 'version', method: 'GET', path: '/version', maxBytes: ANSWER_BYTES_MAX },
] as const;

function seenIn(result: Exchange): Seen {
  if (result.kind === 'unanswered') return result.why === 'too large' ? 'answers' : 'silent';
  if (REFUSALS.has(result.status)) return 'refused';
  return result.status < NO_ANSWER_FROM ? 'answers' : 'silent';
}

export function createNodeProbe(parts: RequestParts): NodeProbe {
  return {
    async look(node, { deadlineMs, signal }) {
      setMaxListeners(0, signal);
      const endsMs = parts.clock.monotonic() + deadlineMs;
      const permit = { signal, budgetMs: () => Math.max(1, endsMs - parts.clock.monotonic()) };
      let seen: Seen = 'answers';
      try {
        for (const question of QUESTIONS) {
          const { result } = await attemptOnce(parts, node, permit, question);
          if (result.kind === 'unanswered' && result.why === 'cancelled') throw signal.reason;
          seen = seenIn(result);
          if (seen !== 'answers') break;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (!isMiroirError(error)) throw error;
        parts.logger?.debug({ node: node.id, problem: messageOf(error) }, 'a node cannot be looked at from here');
        return 'unasked';
      }
      parts.metrics?.nodeReachable.set({ node_id: node.id }, seen === 'silent' ? 0 : 1);
      return seen;
    },
    close: () => parts.dispatcher.close(),
  };
}
