/** Reading one window of a shard, or documents by their ids, as raw text. */
import type { Window } from '../core/windows.ts';
import { MoveWaitingError, PageTooLargeError } from '../errors.ts';
import type { DocumentPage, NodeClient } from '../ports.ts';
import type { ShardAt } from './context.ts';
import { windowFilter } from './filters.ts';

/** A single slot cannot be cut: 65,536 slots a shard make more than this in one of them a skewed or broken hash. */
export const SLOT_DOCS_MAX = 100_000;
const SLOT_BYTES_MAX = 64_000_000;

/** Throws `MoveWaitingError` where a slot holds more documents than one page may: nothing smaller can be read. */
export function assertSlotFits(
  { move }: ShardAt,
  { node }: NodeClient,
  { from }: Window,
  documents: number,
  limit: number,
): void {
  if (documents <= limit) return;
  throw new MoveWaitingError(
    `slot_full: slot ${from} of shard ${move.shard} has ${documents} documents on ${node.id}, ${limit} can be read`,
  );
}

/** The window's documents, or null when they do not fit and the window has to be cut. */
export async function readWindow(
  context: ShardAt,
  node: NodeClient,
  window: Window,
  limits: { readonly docs: number; readonly bytes: number; readonly vectors: boolean },
): Promise<DocumentPage | null> {
  const single = window.from === window.to;
  const limit = single ? SLOT_DOCS_MAX : limits.docs;
  try {
    const page = await node.page(context.entry.uid, {
      filter: windowFilter(context.move.shard, window),
      limit,
      maxBytes: single ? SLOT_BYTES_MAX : limits.bytes,
      ...(limits.vectors ? { retrieveVectors: true } : {}),
    });
    if (single) assertSlotFits(context, node, window, page.total, limit);
    return page.total > limit ? null : page;
  } catch (error) {
    if (error instanceof PageTooLargeError && !single) return null;
    throw error;
  }
}

/** Documents of these ids, those that exist; null when they do not fit and the ids have to be read in parts. */
export async function readIds(
  context: ShardAt,
  node: NodeClient,
  ids: readonly string[],
): Promise<DocumentPage | null> {
  const single = ids.length === 1;
  try {
    return await node.page(context.entry.uid, {
      ids,
      limit: ids.length,
      maxBytes: single ? SLOT_BYTES_MAX : context.settings.windowBytes,
      ...(context.move.vectors ? { retrieveVectors: true } : {}),
    });
  } catch (error) {
    if (error instanceof PageTooLargeError && !single) return null;
    throw error;
  }
}

/** Whether the index computes or stores vectors, so that reads have to ask for them. */
export async function hasVectors(node: NodeClient, index: string): Promise<boolean> {
  const { embedders } = await node.settings(index);
  return typeof embedders === 'object' && embedders !== null && Object.keys(embedders).length > 0;
}
