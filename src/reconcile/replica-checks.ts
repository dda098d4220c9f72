/**
 * Compares the replicas of one shard, window by window, and changes nothing. What differs is looked at again after a
 * while, when what was on its way is applied: writes in flight are no difference.
 *
 * Safe to repeat because it only reads. Meanwhile everything goes on.
 */
import { canonicalDocument, documentDigest } from '../core/digest.ts';
import { type PageCopies, areDone } from '../core/replicas.ts';
import type { ShardRoute } from '../core/routing.ts';
import type { TopologyNode } from '../core/topology.ts';
import { isMiroirError } from '../errors.ts';
import type { Permit, Records, ReplicaCheck, ReplicaChecks, ReplicaResult } from '../ports.ts';
import { type CopiesParts, type OpenOwner, type ShardOf, openOwners, readCopies } from './copies.ts';
import type { PacedReads } from './paced-reads.ts';
import { pairedWindows, type Seen } from './paired-windows.ts';

export interface ReplicaChecksParts extends CopiesParts {
  readonly records: Pick<Records, 'topology' | 'route' | 'sightings'>;
  readonly reads: PacedReads;
  readonly pageDocs: number;
  readonly pageBytes: number;
  /** Before each further look at what differs. */
  readonly waitsMs: readonly number[];
  permitOf(this: void, signal: AbortSignal): Permit;
}

/** Looked at again together; a shard in which more differ is not looked at to its end. */
const IDS_MAX = 1_000;
/** Read again at a time. */
const AGAIN_IDS = 200;
/** Told by name. */
const IDS_TOLD = 5;

export const createReplicaChecks = (parts: ReplicaChecksParts): ReplicaChecks => ({
  async check(entry, shard, silent, signal) {
    const [topology, { route }] = await Promise.all([parts.records.topology(), parts.records.route(entry.uid, shard)]);
    const nothing = { ...NOTHING, shard, owners: route.owners };
    if (route.state === 'held' || route.state === 'settling') return { ...nothing, result: 'moving' };
    const owners = topology.nodes.filter(({ id }) => route.owners.includes(id));
    if (owners.length < 2) return { ...nothing, result: 'one copy' };
    const at = { entry, shard, permit: parts.permitOf(signal) };
    const asked = owners.filter(({ id }) => !silent.has(id));
    const { open, unread } = await openOwners(parts, asked, at);
    for (const [node, why] of unread) silent.set(node, why);
    const without = Object.fromEntries(
      owners.flatMap(({ id }) => (silent.has(id) ? [[id, silent.get(id) ?? '']] : [])),
    );
    if (open.size < 2) return { ...nothing, result: 'unread', unread: without };
    const read = owners.filter(({ id }) => open.has(id));
    const check = await new Check(parts, { ...at, route, owners: read }).run(open).catch(onFault(parts, at, read));
    for (const [node, why] of Object.entries(check.unread)) silent.set(node, why);
    return { ...check, unread: { ...without, ...check.unread } };
  },
});

/** An owner that went away meanwhile is one that was not read. Throws where all of them answer. */
const onFault =
  (parts: ReplicaChecksParts, at: ShardOf, owners: readonly TopologyNode[]) =>
  async (error: unknown): Promise<ReplicaCheck> => {
    at.permit.signal.throwIfAborted();
    if (!isMiroirError(error)) throw error;
    const { unread } = await openOwners(parts, owners, at);
    if (unread.size === 0) throw error;
    const names = owners.map(({ id }) => id);
    return { ...NOTHING, shard: at.shard, owners: names, result: 'unread', unread: Object.fromEntries(unread) };
  };

const NOTHING = { documents: 0, differing: 0, changing: 0, isComplete: true, some: [], unread: {} };

type Open = ReadonlyMap<string, OpenOwner>;

interface ShardRead extends ShardOf {
  readonly route: ShardRoute;
  readonly owners: readonly TopologyNode[];
}

class Check {
  readonly #parts: ReplicaChecksParts;
  readonly #at: ShardRead;
  readonly #some: ReplicaCheck['some'][number][] = [];
  readonly #tally = { documents: 0, differing: 0, changing: 0 };

  constructor(parts: ReplicaChecksParts, at: ShardRead) {
    this.#parts = parts;
    this.#at = at;
  }

  async run(open: Open): Promise<ReplicaCheck> {
    const { pageDocs, pageBytes, reads } = this.#parts;
    let found = new Map<string, PageCopies>();
    for await (const window of pairedWindows(reads, { ...this.#at, pageDocs, pageBytes, expiryMs: null }, open)) {
      this.#tally.documents += window.documents;
      for (const [id, copies] of window.found) found.set(id, copies);
      if (found.size < IDS_MAX) continue;
      const end = await this.#again(found);
      if (end !== null) return end;
      if (this.#tally.differing >= IDS_MAX) return { ...this.#result('differs'), isComplete: false };
      found = new Map();
    }
    return (await this.#again(found)) ?? this.#result(this.#tally.differing > 0 ? 'differs' : 'equal');
  }

  #result(result: ReplicaResult, unread: ReplicaCheck['unread'] = {}): ReplicaCheck {
    const { shard, owners } = this.#at.route;
    return { ...NOTHING, shard, owners, result, ...this.#tally, some: this.#some, unread };
  }

  /** Counts what still differs after the last look. Not null: why nothing can be said of it, and the shard's result. */
  async #again(first: Seen): Promise<ReplicaCheck | null> {
    const { entry, route, owners, permit } = this.#at;
    const { records, clock, waitsMs } = this.#parts;
    let left = first;
    for (const waitMs of waitsMs) {
      if (left.size === 0) return null;
      await clock.sleep(waitMs, permit.signal);
      // Again, since that waits until all that they had accepted is applied.
      const { open, unread } = await openOwners(this.#parts, owners, this.#at);
      if (unread.size > 0) return this.#result('unread', Object.fromEntries(unread));
      left = await this.#look(left, open);
    }
    const now = await records.route(entry.uid, route.shard);
    if (String(now.route.owners) !== String(route.owners)) return this.#result('moving');
    for (const [id, copies] of left) this.#count(id, copies, first.get(id) ?? []);
    return null;
  }

  /** Those that are not the same yet, as they are now. */
  async #look(seen: Seen, open: Open): Promise<Seen> {
    const left = new Map<string, PageCopies>();
    const ids = [...seen.keys()];
    for (let at = 0; at < ids.length; at += AGAIN_IDS) {
      for (const [id, copies] of await this.#read(ids.slice(at, at + AGAIN_IDS), open)) {
        if (!areDone(copies, null)) left.set(id, copies);
      }
    }
    return left;
  }

  /** In halves where they do not fit a page together. */
  async #read(ids: readonly string[], open: Open): Promise<Seen> {
    const copies = await readCopies(open, this.#at.entry.primaryKey, ids);
    if (copies !== null) {
      const inOrder = (id: string): PageCopies => [...open.keys()].map((owner) => copies.get(id)?.get(owner) ?? null);
      return new Map(ids.map((id) => [id, inOrder(id)]));
    }
    const half = Math.ceil(ids.length / 2);
    return new Map([...(await this.#read(ids.slice(0, half), open)), ...(await this.#read(ids.slice(half), open))]);
  }

  #count(id: string, now: PageCopies, first: PageCopies): void {
    if (now.every((copy, at) => copy !== first[at])) {
      this.#tally.changing += 1;
      return;
    }
    this.#tally.differing += 1;
    if (this.#some.length >= IDS_TOLD) return;
    this.#some.push({
      id,
      copies: Object.fromEntries(this.#at.owners.map(({ id: owner }, at) => [owner, digestText(now[at] ?? null)])),
    });
  }
}

/** Short, and the same for the same content whatever the order of its fields. */
const digestText = (copy: string | null): string | null =>
  copy === null ? null : documentDigest(canonicalDocument(copy)).toString(16).padStart(16, '0').slice(0, 8);
