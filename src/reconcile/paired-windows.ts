/** A shard's windows, each read of all its open owners at the same time, and what differs in it. */
import { type PageCopies, differing } from '../core/replicas.ts';
import type { IndexEntry } from '../core/routing.ts';
import { type Window, adaptWidth, cut, firstWidth, nextWindow } from '../core/windows.ts';
import { shardFilter } from '../phases/filters.ts';
import { readWindow } from '../phases/read-window.ts';
import type { DocumentPage, Permit } from '../ports.ts';
import type { OpenOwner } from './copies.ts';
import type { PacedReads } from './paced-reads.ts';

export interface WindowsOf {
  readonly entry: IndexEntry;
  readonly shard: number;
  readonly permit: Permit;
  readonly pageDocs: number;
  readonly pageBytes: number;
  /** Redis time, ms; null where documents do not expire. */
  readonly expiryMs: number | null;
}

/** Id → its copies, in the order of the owners. */
export type Seen = ReadonlyMap<string, PageCopies>;

export interface PairedWindow {
  readonly documents: number;
  /** Documents that are not the same on every owner. */
  readonly found: Seen;
}

type Open = ReadonlyMap<string, OpenOwner>;

/** Every window in turn; the next one is read when the one before has been dealt with. */
export async function* pairedWindows(reads: PacedReads, of: WindowsOf, open: Open): AsyncGenerator<PairedWindow> {
  const { entry, permit, pageDocs, pageBytes, expiryMs } = of;
  let width = firstWidth(await count(reads, of, open), pageDocs);
  const windows: Window[] = [];
  for (let offset = 0; ;) {
    permit.signal.throwIfAborted();
    const window = windows.shift() ?? nextWindow(offset, width);
    if (window === null) return;
    offset = Math.max(offset, window.to + 1);
    const pages = await readPages(reads, of, open, window);
    if (pages === null) {
      windows.unshift(...(cut(window) ?? []));
      continue;
    }
    const documents = Math.max(...pages.map(({ total }) => total));
    const bytes = Math.max(...pages.map((page) => page.documents.length));
    width = adaptWidth(window.to - window.from + 1, documents, bytes, pageDocs, pageBytes);
    const texts = pages.map((page) => page.documents);
    yield { documents, found: differing(texts, entry.primaryKey, expiryMs) };
  }
}

async function count(reads: PacedReads, { entry, shard, permit }: WindowsOf, open: Open): Promise<number> {
  const [first] = open;
  if (first === undefined) return 0;
  const [owner, { client }] = first;
  return reads.read(owner, permit.signal, () => client.count(entry.uid, shardFilter(shard)));
}

/** Of every owner at the same time; null when one of them does not fit. */
async function readPages(
  reads: PacedReads,
  { pageDocs, pageBytes, permit }: WindowsOf,
  open: Open,
  window: Window,
): Promise<readonly DocumentPage[] | null> {
  const pages = await Promise.all(
    [...open].map(([owner, { client, look }]) => {
      const limits = { docs: pageDocs, bytes: pageBytes, vectors: look.move.vectors };
      return reads.read(owner, permit.signal, () => readWindow(look, client, window, limits));
    }),
  );
  const read = pages.filter((page) => page !== null);
  return read.length === pages.length ? read : null;
}
