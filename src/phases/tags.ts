/** The tag of a write (`customMetadata`): whoever looks at a node's task list can tell whose write it is. */
import type { Window } from '../core/windows.ts';

export interface Tag {
  readonly move: string;
  readonly fence: string;
  readonly shards: readonly number[];
  readonly attempt: number;
  /** Slots of a copied window, both ends included. */
  readonly window?: readonly [number, number];
}

export const writeTag = (tag: Tag): string => JSON.stringify(tag);

/** The tag of ours that the text holds; null for a client's own metadata. */
export function readTag(text: string | null): Tag | null {
  if (text === null || !text.startsWith('{"move":')) return null;
  try {
    return JSON.parse(text) as Tag;
  } catch {
    // A client's text that begins like ours is still not ours.
    return null;
  }
}

export const windowOf = (tag: Tag): Window | null =>
  tag.window === undefined ? null : { from: tag.window[0], to: tag.window[1] };
