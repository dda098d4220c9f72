import { documentId, storedFields } from './document-text.ts';
import { ApiError, indexNotFound } from './errors.ts';
import type { IndexStore } from './index-store.ts';
import { storedText } from './json-tree.ts';
import type { NodeState } from './node-state.ts';

/** A change of one document without a task; `text` is its JSON, or for a deletion the JSON of its id. */
export interface Mutation {
  readonly index: string;
  readonly op: 'put' | 'delete';
  readonly text: string;
}

/** Changes a document silently; the caller has made sure that no batch is running. Returns the document's id. */
export function mutate(state: NodeState, { index: uid, op, text }: Mutation): string {
  const index = state.index(uid);
  if (!index) throw indexNotFound(uid);
  const id = op === 'delete' ? documentId(text) : idOf(index, text);
  if (id === null) throw new ApiError('bad_request', 'The document has no valid id.');
  const document = op === 'put' ? index.reader().readStored(storedText(text)) : null;
  index.commit([{ id, document }]);
  return id;
}

function idOf(index: IndexStore, text: string): string | null {
  const value = storedFields(storedText(text)).get(index.primaryKey ?? '');
  return value === undefined ? null : documentId(value);
}
