/** The tag of a write (`customMetadata`): whoever looks at a node's task list can tell whose write it is. */
import type { Window } from '../core/windows.ts';

/** A mover's write. */
export interface Tag {
  readonly move: string;
  readonly fence: string;
  readonly shards: readonly number[];
  readonly attempt: number;
  /** Slots of a copied window, both ends included. */
  readonly window?: readonly [number, number];
}

/** A router's write. */
export interface RouterTag {
  /** Its registration. */
  readonly router: string;
  /** Epoch of the table that it chose the owners by. */
  readonly epoch: number;
  readonly shards: readonly number[];
  readonly attempt: number;
}

export const writeTag = (tag: Tag): string => JSON.stringify(tag);

/** The text as an object with these fields; null for a client's own metadata, even one that begins like ours. */
function parsed<T extends { readonly shards: readonly number[] }>(
  text: string | null,
  first: keyof T & string,
  fits: (tag: T) => boolean,
): T | null {
  if (text === null || !text.startsWith(`{"${first}":"`)) return null;
  try {
    const tag = JSON.parse(text) as T;
    return Array.isArray(tag.shards) && tag.shards.every((shard) => Number.isInteger(shard)) && fits(tag) ? tag : null;
  } catch {
    // A client's text that begins like ours is still not ours.
    return null;
  }
}

/** The tag of a mover that the text holds. */
export const readTag = (text: string | null): Tag | null =>
  parsed<Tag>(text, 'move', ({ fence }) => typeof fence === 'string');

/** The tag of a router that the text holds. */
export const readRouterTag = (text: string | null): RouterTag | null =>
  parsed<RouterTag>(text, 'router', ({ epoch }) => Number.isSafeInteger(epoch));

/** Shards that a tagged write touches; null for one without a tag, which may touch any. */
export const shardsOf = (text: string | null): readonly number[] | null =>
  (readTag(text) ?? readRouterTag(text))?.shards ?? null;

export const windowOf = (tag: Tag): Window | null =>
  tag.window === undefined ? null : { from: tag.window[0], to: tag.window[1] };
