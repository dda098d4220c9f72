/** Compares a whole shard on two of its owners, window by window, by count and digest (docs/protocol.md, "Verification"). */
import { SLOTS, type Window, adaptWidth, cut, firstWidth, nextWindow } from '../core/windows.ts';
import type { TopologyNode } from '../core/topology.ts';
import { shardFilter } from '../phases/filters.ts';
import { readWindow } from '../phases/read-window.ts';
import { differencesOf, idsOfDifferences } from '../phases/verify.ts';
import { type CopiesParts, type OpenOwner, type ShardOf, openOwners } from './copies.ts';

/** How much is read at a time, as verification does (`verify_window_docs`, `window_bytes`). */
export interface WindowLimits {
  readonly verifyWindowDocs: number;
  readonly windowBytes: number;
}

/** Reads the window on both; null when it does not fit a page and has to be cut. */
async function lookAt(pair: readonly [OpenOwner, OpenOwner], window: Window, limits: WindowLimits, primaryKey: string) {
  const pages = await Promise.all(
    pair.map(({ client, look }) =>
      readWindow(look, client, window, {
        docs: limits.verifyWindowDocs,
        bytes: limits.windowBytes,
        vectors: look.move.vectors,
      }),
    ),
  );
  const [left, right] = pages;
  if (left == null || right == null) return null;
  const found = differencesOf(left, right, primaryKey);
  return {
    ids: found === null ? [] : idsOfDifferences(found, primaryKey),
    documents: Math.max(left.total, right.total),
    bytes: Math.max(left.documents.length, right.documents.length),
  };
}

/**
 * Calls `see` with the ids that differ, window after window, once both owners have applied what they had accepted. Returns
 * null, or why the two could not be compared.
 */
export async function compareShard(
  parts: CopiesParts & { readonly limits: WindowLimits },
  at: ShardOf,
  owners: readonly [TopologyNode, TopologyNode],
  see: (ids: readonly string[]) => Promise<void>,
): Promise<string | null> {
  const { limits } = parts;
  const { open, unread } = await openOwners(parts, owners, at);
  const [left, right] = owners.map(({ id }) => open.get(id));
  if (left === undefined || right === undefined) return [...unread].map((words) => words.join(': ')).join('; ');
  const documents = await left.client.count(at.entry.uid, shardFilter(at.shard));
  let width = firstWidth(documents, limits.verifyWindowDocs);
  let windows: Window[] = [];
  for (let offset = 0; offset < SLOTS || windows.length > 0;) {
    at.permit.signal.throwIfAborted();
    const window = windows.shift() ?? nextWindow(offset, width);
    if (window === null) break;
    const seen = await lookAt([left, right], window, limits, at.entry.primaryKey);
    if (seen === null) {
      windows = [...(cut(window) ?? []), ...windows];
      offset = Math.max(offset, window.to + 1);
      continue;
    }
    offset = Math.max(offset, window.to + 1);
    const slots = window.to - window.from + 1;
    width = adaptWidth(slots, seen.documents, seen.bytes, limits.verifyWindowDocs, limits.windowBytes);
    if (seen.ids.length > 0) await see(seen.ids);
  }
  return null;
}
