/** The record of a deletion as Redis keeps it. */
import { assertReadable } from '../core/version.ts';
import type { Deletion } from '../ports.ts';
import { parseJson } from './route-text.ts';

export function parseDeletion(index: string, text: string): Deletion {
  const what = `deletion of ${index}`;
  const { v, nodes, ...rest } = parseJson(text, what) as Omit<Deletion, 'index'> & { readonly v: number };
  assertReadable(v, what);
  // An empty list of a script comes as an empty object.
  return { ...rest, index, nodes: Array.isArray(nodes) ? nodes : [] };
}
