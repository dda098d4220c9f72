/** What a request may say in headers about when it counts. */
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { EventCondition } from '../control/events.ts';
import { InvalidInputError } from '../errors.ts';
import type { App } from './app.ts';

const IF_MATCH = z
  .string()
  .optional()
  .describe('`ETag` of /v1/topology that this was decided by; 412 when it has changed');
const IDEMPOTENCY_KEY = z.string().optional().describe('sent again with the same key, nothing is done a second time');

/** For the description; a request has other headers as well. */
export const IF_MATCH_HEADER = z.looseObject({ 'if-match': IF_MATCH });
export const CONDITION_HEADERS = z.looseObject({ 'if-match': IF_MATCH, 'idempotency-key': IDEMPOTENCY_KEY });

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * A condition is heeded or refused, never passed over: who sends one relies on it. A change heeds `If-Match` when its schema
 * has one of the two header objects above, and hands `conditionOf` on.
 */
export function refuseUnheeded(app: App): void {
  app.addHook('preValidation', async ({ method, is404, headers, routeOptions }: FastifyRequest) => {
    // Of a hidden route the answer is that the path has no such method.
    if (READING.has(method) || is404 || routeOptions.schema?.hide === true) return;
    const described = routeOptions.schema?.headers;
    const isHeeded = described === IF_MATCH_HEADER || described === CONDITION_HEADERS;
    if (headers['if-match'] !== undefined && !isHeeded) {
      throw new InvalidInputError('If-Match: this change is not decided by a version of the topology', {
        field: 'If-Match',
        remedy: 'send it without; /openapi.json says which changes heed the header',
      });
    }
    if (headers['idempotency-key'] === '') {
      throw new InvalidInputError('Idempotency-Key: it is empty', {
        field: 'Idempotency-Key',
        remedy: 'give each change a key of its own, or send none',
      });
    }
  });
}

const VERSION = /^(?:W\/)?"(\d{1,15})"$/;

/** Throws `InvalidInputError` for a version that is none. */
export function conditionOf(headers: IncomingHttpHeaders): EventCondition {
  const match = headers['if-match']?.trim();
  const key = headers['idempotency-key'];
  const [, version] = VERSION.exec(match ?? '') ?? [];
  if (match !== undefined && match !== '*' && version === undefined) {
    throw new InvalidInputError('If-Match holds no version', {
      field: 'If-Match',
      remedy: 'give the ETag of /v1/topology, such as "7"',
    });
  }
  return {
    ...(version === undefined ? {} : { ifVersion: Number(version) }),
    ...(typeof key === 'string' ? { idempotencyKey: key } : {}),
  };
}

export const LAST_EVENT_HEADER = z.looseObject({
  'last-event-id': z.string().optional().describe('go on behind this entry; `0-0`: from the oldest that is kept'),
});
const ENTRY_ID = /^\d{1,15}-\d{1,15}$/;

/** Null without one. Throws `InvalidInputError` for what is no id of an entry. */
export function lastEventOf(headers: IncomingHttpHeaders): string | null {
  const id = headers['last-event-id'];
  if (id === undefined || id === '') return null;
  if (typeof id === 'string' && ENTRY_ID.test(id)) return id;
  throw new InvalidInputError('Last-Event-ID is no id of an entry', {
    field: 'Last-Event-ID',
    remedy: 'give the id of the last event that came, or 0-0',
  });
}
