/** What the client's task of a change of settings says at its end, in the words of the nodes. */
import type { Settings } from '../../core/settings-text.ts';
import { isMiroirError, messageOf } from '../../errors.ts';
import type { ClientTaskOutcome, Clock, NodeTask } from '../../ports.ts';
import { shownSettings } from '../fields.ts';

interface OutcomeParts {
  /** The change as the client sees it. */
  readonly details: Settings;
  readonly clock: Clock;
}

const nowText = (clock: Clock): string => new Date(clock.now()).toISOString();

/** `task`: that of some node, whose words are shown for what the client has sent; null when no node lacked anything. */
export function success({ details, clock }: OutcomeParts, task: NodeTask | null): ClientTaskOutcome {
  const words = Object.entries(task?.details ?? {}).filter(
    ([name, value]) => name in details && (Array.isArray(value) || value === null),
  );
  const now = nowText(clock);
  return {
    status: 'succeeded',
    error: null,
    details: shownSettings(details, { ...details, ...Object.fromEntries(words) }),
    startedAt: task?.startedAt ?? now,
    finishedAt: task?.finishedAt ?? now,
  };
}

/** A node's own error where it is one, else ours. */
export function failure({ details, clock }: OutcomeParts, error: unknown): ClientTaskOutcome {
  const { nodeCode, nodeMessage } = isMiroirError(error) ? error.details : {};
  const isNodes = typeof nodeCode === 'string';
  const code = isNodes ? nodeCode : isMiroirError(error) ? error.code : 'internal';
  const message = isNodes ? String(nodeMessage ?? messageOf(error)) : messageOf(error);
  const now = nowText(clock);
  return {
    status: 'failed',
    error: {
      message,
      code,
      type: isNodes ? 'invalid_request' : 'system',
      link: isNodes ? `https://docs.meilisearch.com/errors#${code}` : 'docs/errors.md',
    },
    details: shownSettings(details),
    startedAt: now,
    finishedAt: now,
  };
}
