/**
 * Deletes by filter, delete all among them (R6): never a node's own clear, and on each owner restricted to the shards
 * that the table names there.
 */
import type { IndexEntry } from '../../core/routing.ts';
import { InvalidInputError } from '../../errors.ts';
import { filterFor } from '../search/filter.ts';
import { filterPayload } from './payload.ts';
import type { Payload } from './payload.ts';

/** `filter`: JSON text as the client sent it; null for every document. Throws `InvalidInputError`. */
export function deletionByFilter(entry: Pick<IndexEntry, 'uid' | 'shards'>, filter: string | null): Payload {
  // Our restriction would hide from the node that the client's filter is empty, and everything would go.
  if (filter !== null && isEmpty(parsed(filter))) refuse('Sending an empty filter is forbidden.');
  return filterPayload(entry, (shards) => filterFor(filter, shards) ?? refuse('a filter is a string or an array'));
}

function parsed(filter: string): unknown {
  try {
    return JSON.parse(filter);
  } catch {
    return refuse('the filter is not JSON'); // the parser's words quote it
  }
}

const isEmpty = (value: unknown): boolean =>
  value === null ||
  (typeof value === 'string' && value.trim() === '') ||
  (Array.isArray(value) && value.every((member) => isEmpty(member)));

function refuse(message: string): never {
  throw new InvalidInputError(message, { field: 'filter', details: { nodeCode: 'invalid_document_filter' } });
}
