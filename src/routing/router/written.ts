/** What became of a client's write. */
import type { NodeAnswer } from '../../ports.ts';
import type { Part } from './payload.ts';

/** A part as it was written: who has accepted it, and which documents. */
export interface WrittenPart {
  readonly part: Part;
  readonly owners: readonly string[];
  /** Node → its task. */
  readonly accepted: ReadonlyMap<string, number>;
  /** When it was sent, as its documents say. */
  readonly stampMs: number;
}

export type WriteResult =
  | {
      readonly kind: 'written';
      readonly parts: readonly WrittenPart[];
      readonly shortGroups: readonly number[];
    }
  /** A node refuses the request, in its own words. */
  | { readonly kind: 'refused'; readonly answer: NodeAnswer };
