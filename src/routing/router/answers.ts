/** Answers of the router's own to what clients write and manage, in the shape of a node. */
import { IndexMovingError, InvalidInputError, isMiroirError, SettingsInFlightError } from '../../errors.ts';
import type { ClientAnswer } from '../api.ts';
import { nodeError, ownError } from '../search/error-answers.ts';

export const ok = (value: unknown, status = 200): ClientAnswer => ({
  status,
  headers: {},
  body: JSON.stringify(value),
});

export const accepted = (receipt: string, headers: Readonly<Record<string, string>> = {}): ClientAnswer => ({
  status: 202,
  headers,
  body: receipt,
});

/** What anything thrown becomes; null for a defect, which the caller reports. */
export function answerOf(error: unknown): ClientAnswer | null {
  if (!isMiroirError(error)) return null;
  const message = error.remedy === undefined ? error.message : `${error.message}; ${error.remedy}`;
  if (error instanceof IndexMovingError || error instanceof SettingsInFlightError)
    return nodeError(409, error.code, message, { 'retry-after': '1' });
  if (!(error instanceof InvalidInputError)) return ownError(error);
  const { nodeCode, nodeMessage } = error.details;
  const words = typeof nodeMessage === 'string' ? nodeMessage : message;
  return nodeError(400, typeof nodeCode === 'string' ? nodeCode : error.code, words);
}
