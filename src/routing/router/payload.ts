/** One client write as parts by shard, and as what is sent to a node. */
import { locateKey } from '../../core/hashing.ts';
import type { IndexEntry } from '../../core/routing.ts';
import type { JournalId, NodeAnswer, NodeTraffic, RequestLimits, TurnIds } from '../../ports.ts';
import type { DocumentStore } from '../document-store.ts';
import { type ShardDocuments, stampedAt } from '../split.ts';
import type { PartKind } from './choice.ts';

/** Ids in one piece: scripts go through them one by one, and Redis does nothing else meanwhile. */
const IDS_MAX = 20_000;

/** What a write does to one shard; or, cut, the first or the next piece of it. */
export interface Part {
  readonly shard: number;
  /** Ids as text; empty for a filter. */
  readonly ids: readonly string[];
  /** What is sent for each id, in the same order: the document, to be stamped with its time, or the id as JSON. */
  readonly texts: readonly string[];
  readonly bytes: number;
}

/** Documents of one shard in a store. Ids are made anew each time they are asked for. */
class StoredPart implements Part {
  readonly shard: number;
  readonly documents: readonly number[];
  readonly texts: readonly string[] = [];
  readonly bytes: number;
  readonly #store: DocumentStore;

  constructor(store: DocumentStore, shard: number, documents: readonly number[], bytes: number) {
    this.#store = store;
    this.shard = shard;
    this.documents = documents;
    this.bytes = bytes;
  }

  get ids(): readonly string[] {
    return this.documents.map((document) => this.#store.idOf(document));
  }

  cut(maxBytes: number): readonly [Part, Part | null] {
    const { length } = this.documents;
    if ((this.bytes <= maxBytes && length <= IDS_MAX) || length < 2) return [this, null];
    let [count, bytes] = [0, 0];
    for (const document of this.documents) {
      const size = this.#store.sizeOf(document, this.shard);
      if (count === IDS_MAX || (count > 0 && bytes + size > maxBytes)) break;
      bytes += size;
      count += 1;
    }
    if (count === length) return [this, null];
    const of = (documents: readonly number[], size: number): Part =>
      new StoredPart(this.#store, this.shard, documents, size);
    return [of(this.documents.slice(0, count), bytes), of(this.documents.slice(count), this.bytes - bytes)];
  }
}

/** How many ids a part has, without making them. */
export const idCountOf = (part: Part): number => (part instanceof StoredPart ? part.documents.length : part.ids.length);

/** How the parts of one write go to a node. */
export interface Payload {
  readonly index: string;
  readonly kind: PartKind;
  /** It deletes. */
  readonly removes: boolean;
  readonly parts: readonly Part[];
  /** `stampMs`: when it is written, as its documents say. */
  send(
    node: NodeTraffic,
    parts: readonly Part[],
    tag: string,
    stampMs: number,
    limits: RequestLimits,
  ): Promise<NodeAnswer>;
}

/** A filter counts for what its text takes. */
const FILTER_BYTES = 200;

export const turnIdsOf = (kind: PartKind, part: Part): TurnIds => (kind === 'filter' ? 'shard' : part.ids);

export const journalIdsOf = (part: Part, shards: number): JournalId[] =>
  part.ids.map((id) => ({ id, slot: locateKey(id, shards).slot }));

const bytesOf = (texts: readonly string[]): number => {
  let bytes = 0;
  // A comma each; counted exactly, since a text of one kilobyte may be three.
  for (const text of texts) bytes += Buffer.byteLength(text) + 1;
  return bytes;
};

const joined = (parts: readonly Part[], stampMs: number): Buffer =>
  Buffer.from(`[${parts.flatMap(({ texts }) => texts.map((text) => stampedAt(text, stampMs))).join(',')}]`);

export function documentsPayload(
  entry: Pick<IndexEntry, 'uid' | 'primaryKey'>,
  mode: 'replace' | 'update',
  split: Iterable<ShardDocuments>,
): Payload {
  const parts = [...split].map(({ shard, ids, documents }) => ({
    shard,
    ids,
    texts: documents,
    bytes: bytesOf(documents),
  }));
  const { uid, primaryKey } = entry;
  return {
    index: uid,
    kind: 'ids',
    removes: false,
    parts,
    send: (node, some, tag, stampMs, limits) =>
      node.writeDocuments(uid, { mode, primaryKey, tag, documents: joined(some, stampMs) }, limits),
  };
}

/** Of a large write. */
export function storedPayload(
  { uid, primaryKey }: Pick<IndexEntry, 'uid' | 'primaryKey'>,
  mode: 'replace' | 'update',
  store: DocumentStore,
): Payload {
  return {
    index: uid,
    kind: 'ids',
    removes: false,
    parts: [...store.shards].map(([shard, { documents, bytes }]) => new StoredPart(store, shard, documents, bytes)),
    send: async (node, some, tag, stampMs, limits) => {
      const parts = some.filter((part) => part instanceof StoredPart);
      const documents = store.arrayOf(parts, stampMs);
      const answer = await node.writeDocuments(uid, { mode, primaryKey, tag, documents }, limits);
      // Only then it is sure that nothing of it is still to be written to a socket.
      if (answer.status === 202) store.giveBack(documents);
      return answer;
    },
  };
}

export function deletePayload(entry: Pick<IndexEntry, 'uid' | 'shards'>, ids: readonly string[]): Payload {
  const byShard = new Map<number, string[]>();
  for (const id of ids) {
    const { shard } = locateKey(id, entry.shards);
    const some = byShard.get(shard) ?? [];
    some.push(id);
    byShard.set(shard, some);
  }
  const parts = [...byShard].map(([shard, some]) => {
    // Always as a string: `1` and `"1"` are the same document, and a long number would be rounded.
    const texts = some.map((id) => JSON.stringify(id));
    return { shard, ids: some, texts, bytes: bytesOf(texts) };
  });
  return {
    index: entry.uid,
    kind: 'ids',
    removes: true,
    parts,
    send: (node, some, tag, _stampMs, limits) =>
      node.deleteDocuments(
        entry.uid,
        some.flatMap(({ texts }) => texts),
        tag,
        limits,
      ),
  };
}

/** `filterOf`: the client's filter restricted to these shards, as JSON. */
export function filterPayload(
  entry: Pick<IndexEntry, 'uid' | 'shards'>,
  filterOf: (shards: readonly number[]) => string,
): Payload {
  const parts = Array.from({ length: entry.shards }, (_, shard) => ({
    shard,
    ids: [],
    texts: [],
    bytes: FILTER_BYTES,
  }));
  return {
    index: entry.uid,
    kind: 'filter',
    removes: true,
    parts,
    send: (node, some, tag, _stampMs, limits) =>
      node.deleteByFilter(entry.uid, filterOf(some.map(({ shard }) => shard)), tag, limits),
  };
}

/** The first piece of a part that is not over `maxBytes` (one document at least) or `IDS_MAX`, and the rest. */
export function cut(part: Part, maxBytes: number): readonly [Part, Part | null] {
  if (part instanceof StoredPart) return part.cut(maxBytes);
  const { length } = part.texts;
  if ((part.bytes <= maxBytes && length <= IDS_MAX) || length < 2) return [part, null];
  let count = 0;
  let bytes = 0;
  for (const text of part.texts) {
    const size = Buffer.byteLength(text) + 1;
    if (count === IDS_MAX || (count > 0 && bytes + size > maxBytes)) break;
    bytes += size;
    count += 1;
  }
  const piece = (from: number, to: number | undefined, size: number): Part => ({
    shard: part.shard,
    ids: part.ids.slice(from, to),
    texts: part.texts.slice(from, to),
    bytes: size,
  });
  if (count === length) return [part, null];
  return [piece(0, count, bytes), piece(count, undefined, part.bytes - bytes)];
}
