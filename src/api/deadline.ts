/** Until when a request is worked on. */
import type { FastifyReply } from 'fastify';
import { TimeoutError } from '../errors.ts';

/** A little less than the server waits for a handler, so that the answer says what was late. */
const HANDLER_MS = 55_000;

const late = (what: string): TimeoutError =>
  new TimeoutError(what, { remedy: 'look whether it was carried out, then send it again' });

/** Ends when the answer is due or the client is gone. The framework's own signal ends as soon as a body has come in. */
export function deadlineOf({ raw }: FastifyReply): AbortSignal {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(late('the request took too long')), HANDLER_MS);
  raw.once('close', () => {
    clearTimeout(timer);
    over.abort(late('the client did not wait for the answer'));
  });
  return over.signal;
}
