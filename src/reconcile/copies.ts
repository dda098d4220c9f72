/** The copies of some documents on the owners of their shard: opened, waited for and read. */
import { scalarText, splitKeyed } from '../core/json-text.ts';
import type { IndexEntry } from '../core/routing.ts';
import { sameDocument } from '../core/same-document.ts';
import { lossSince, type Sighting } from '../core/sightings.ts';
import type { TopologyNode } from '../core/topology.ts';
import { isMiroirError, messageOf } from '../errors.ts';
import type { ShardAt } from '../phases/context.ts';
import { readIds } from '../phases/read-window.ts';
import { settleWrites } from '../phases/watermark.ts';
import type { Clock, NodeClient, Nodes, Permit, Records } from '../ports.ts';
import { hasMiroirRule } from '../routing/fields.ts';

/** Node → the document's text as the node gives it, or null where it has none. */
export type Copies = ReadonlyMap<string, string | null>;

/** Documents of one page, per owner: accepted by a node within some 50 ms (R2), and little memory. */
const PAGE_BYTES = 1_000_000;

/** An owner that answers, has the index as we made it, and has applied what it had accepted. */
export interface OpenOwner {
  readonly client: NodeClient;
  readonly look: ShardAt;
}

export interface OwnersOpened {
  readonly open: ReadonlyMap<string, OpenOwner>;
  /** Owner → why its word does not count now. */
  readonly unread: ReadonlyMap<string, string>;
}

export interface CopiesParts {
  readonly records: Pick<Records, 'sightings'>;
  readonly nodes: Pick<Nodes, 'client'>;
  readonly clock: Clock;
}

export interface ShardOf {
  readonly entry: IndexEntry;
  readonly shard: number;
  readonly permit: Permit;
}

async function openOwner(
  { nodes, clock }: Pick<CopiesParts, 'nodes' | 'clock'>,
  node: TopologyNode,
  { entry, shard, permit }: ShardOf,
  seen: Sighting | undefined,
): Promise<OpenOwner | string> {
  try {
    const client = nodes.client(node, permit);
    const settings = await client.settings(entry.uid);
    // Wiped, and made anew by the next write: it would say of every document that it is gone.
    if (!hasMiroirRule(settings)) return `index ${entry.uid} is not as it was made: its data is lost`;
    // Restarted with an older disk a moment ago, and no planner has looked yet: what it has says nothing of what it lost.
    const loss = seen === undefined ? null : await lossSince(client, entry.uid, seen);
    if (loss !== null) return `index ${entry.uid} has less than it had: ${loss}`;
    const { embedders } = settings;
    const vectors = typeof embedders === 'object' && embedders !== null && Object.keys(embedders).length > 0;
    const look = { entry, move: { shard, vectors }, settings: { windowBytes: PAGE_BYTES }, permit, clock };
    await settleWrites(look, client);
    return { client, look };
  } catch (error) {
    permit.signal.throwIfAborted();
    if (isMiroirError(error)) return messageOf(error);
    throw error;
  }
}

/** Opens the owners; those that do not answer are named, and the others go on without them. */
export async function openOwners(
  parts: CopiesParts,
  owners: readonly TopologyNode[],
  at: ShardOf,
): Promise<OwnersOpened> {
  const open = new Map<string, OpenOwner>();
  const unread = new Map<string, string>();
  const sightings = await parts.records.sightings(at.entry.uid);
  const opened = await Promise.all(owners.map((node) => openOwner(parts, node, at, sightings.get(node.id)?.sighting)));
  owners.forEach(({ id }, position) => {
    const result = opened[position] ?? '';
    if (typeof result === 'string') unread.set(id, result);
    else open.set(id, result);
  });
  return { open, unread };
}

const textsById = (page: string, primaryKey: string): ReadonlyMap<string, string> =>
  new Map(
    splitKeyed(page, primaryKey).flatMap(({ span, field }) =>
      field === undefined ? [] : [[scalarText(page, field.start, field.end), page.slice(span.start, span.end)]],
    ),
  );

/** Id → its copies on these owners; null when they do not fit a page and have to be read in parts. */
export async function readCopies(
  open: ReadonlyMap<string, OpenOwner>,
  primaryKey: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Copies> | null> {
  const pages = await Promise.all(
    [...open].map(async ([owner, { client, look }]) => [owner, await readIds(look, client, ids)] as const),
  );
  const found = new Map<string, ReadonlyMap<string, string>>();
  for (const [owner, page] of pages) {
    if (page === null) return null;
    found.set(owner, textsById(page.documents.toString('utf8'), primaryKey));
  }
  return new Map(
    ids.map((id) => [id, new Map([...found].map(([owner, texts]) => [owner, texts.get(id) ?? null] as const))]),
  );
}

/** Whether a copy is what it shall be, but for what a node's own reading does to doubles. */
export const isSame = (copy: string | null, wanted: string | null): boolean =>
  copy === wanted || (copy !== null && wanted !== null && sameDocument(copy, wanted));
