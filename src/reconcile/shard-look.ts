/**
 * Compares the replicas of one shard, window by window, and brings level what differs. Whatever a repair list names is
 * the list's; what changes while it is looked at is looked at again; what nobody can decide is told of and left.
 *
 * Safe to repeat because: what is equal is only read. Meanwhile clients are served as ever; only writes of ids that are
 * brought level wait, for their turn.
 */
import { type PageCopies, areDone } from '../core/replicas.ts';
import type { IndexEntry, ShardRoute } from '../core/routing.ts';
import { survivorOf } from '../core/survivor.ts';
import type { TopologyNode } from '../core/topology.ts';
import { NodeUnreachableError } from '../errors.ts';
import type { Logger, Permit, Records, RepairLists, Tombstones } from '../ports.ts';
import { type Copies, type OpenOwner, openOwners, readCopies } from './copies.ts';
import { LEVEL_IDS_MAX, type LevelParts, type Verdict, levelIds } from './level.ts';
import type { PacedReads } from './paced-reads.ts';
import { pairedWindows, type Seen } from './paired-windows.ts';

export interface ShardLookParts extends LevelParts {
  readonly records: Pick<Records, 'route' | 'sightings'>;
  readonly repairs: Pick<RepairLists, 'scores'>;
  readonly tombstones: Pick<Tombstones, 'known'>;
  readonly reads: PacedReads;
  readonly logger: Logger;
}

export interface ShardToCompare {
  readonly entry: IndexEntry;
  readonly route: ShardRoute;
  readonly owners: readonly TopologyNode[];
  readonly permit: Permit;
  readonly pageDocs: number;
  readonly pageBytes: number;
  /** Redis time, ms; null where documents do not expire. */
  readonly expiryMs: number | null;
  /** Off: what differs is only told of. */
  readonly isRepaired: boolean;
}

export interface Compared {
  /** False: the shard began to move. */
  readonly isComplete: boolean;
  readonly documents: number;
  readonly mismatches: number;
  /** Documents put or deleted, one for each owner. */
  readonly repaired: number;
  /** Documents that differ and stay so. */
  readonly left: number;
  /** Of these those that were being written all the time. */
  readonly changing: number;
}

/** What every write of ours says: who listens to changes need not hear of it. */
const ORIGIN = 'antientropy';
/** How often a document that changes all the time is looked at. */
const ROUNDS = 3;
/** Ids read again at a time. */
const AGAIN_IDS = 200;
/** Of the documents left, named in the log. */
const IDS_TOLD = 5;
const CHANGED = 'it changes while it is looked at';
const LISTED = 'an owner has missed a write of it: its repair list decides';
const SILENT = 'an owner does not answer';

export class ShardLook {
  readonly #parts: ShardLookParts;
  readonly #shard: ShardToCompare;
  /** The first of those that were left, and why: there may be as many as the shard has documents. */
  readonly #some = new Map<string, string>();
  readonly #tally = { documents: 0, mismatches: 0, repaired: 0, left: 0, changing: 0 };

  constructor(parts: ShardLookParts, shard: ShardToCompare) {
    this.#parts = parts;
    this.#shard = shard;
  }

  /** Throws what keeps an owner from being read, and the permit's end. */
  async run(): Promise<Compared> {
    const open = await this.#open();
    if (typeof open === 'string') throw new NodeUnreachableError(open);
    const isComplete = await this.#windows(open);
    this.#tell();
    return { isComplete, ...this.#tally };
  }

  /** The owners once they have applied what they had accepted, or why they cannot be compared. */
  async #open(): Promise<ReadonlyMap<string, OpenOwner> | string> {
    const { entry, route, owners, permit } = this.#shard;
    const { open, unread } = await openOwners(this.#parts, owners, { entry, shard: route.shard, permit });
    return unread.size === 0 ? open : [...unread].map(([owner, why]) => `${owner}: ${why}`).join('; ');
  }

  /** False: the shard began to move. */
  async #windows(open: ReadonlyMap<string, OpenOwner>): Promise<boolean> {
    const { entry, route } = this.#shard;
    const { records, reads } = this.#parts;
    for await (const { documents, found } of pairedWindows(reads, { ...this.#shard, shard: route.shard }, open)) {
      this.#tally.documents += documents;
      if (found.size === 0) continue;
      const now = await records.route(entry.uid, route.shard);
      if (now.route.epoch !== route.epoch) return false;
      await this.#see(found);
    }
    return true;
  }

  async #see(found: Seen): Promise<void> {
    const listed = await this.#listed([...found.keys()]);
    let seen: Seen = new Map([...found].filter(([id]) => !this.#leave(id, listed.has(id) ? LISTED : null)));
    for (let round = 1; round <= ROUNDS && seen.size > 0; round += 1) seen = await this.#round(seen, round === ROUNDS);
    for (const id of seen.keys()) this.#leave(id, CHANGED);
  }

  /**
   * Looks at the documents once more, when what was on its way is applied: those that are equal by now never differed.
   * Those that still are as they were seen are brought level; the last time all are, by what they are under the turn: nobody
   * writes them there, so they are what all writes have made of them. Returns those that changed, as they are now.
   */
  async #round(seen: Seen, isLast: boolean): Promise<Seen> {
    const { entry, expiryMs, isRepaired } = this.#shard;
    const open = await this.#open();
    if (typeof open === 'string') {
      for (const id of seen.keys()) this.#leave(id, SILENT);
      return new Map();
    }
    const changed = new Map<string, PageCopies>();
    const still: string[] = [];
    for (const ids of inParts([...seen.keys()], AGAIN_IDS)) {
      const copies = await readCopies(open, entry.primaryKey, ids);
      for (const id of ids) {
        // Too large to be read together: under the turn they are read in smaller parts.
        const now = copies === null ? seen.get(id)! : this.#inOrder(copies.get(id));
        if (areDone(now, expiryMs)) continue;
        if (isAsSeen(now, seen.get(id))) still.push(id);
        else changed.set(id, now);
      }
    }
    this.#tally.mismatches += still.length;
    if (isLast && isRepaired) {
      for (const ids of inParts([...still, ...changed.keys()], LEVEL_IDS_MAX)) await this.#level(ids, seen, true);
      return new Map();
    }
    for (const ids of inParts(still, LEVEL_IDS_MAX)) {
      for (const [id, copies] of await this.#level(ids, seen, false)) changed.set(id, copies);
    }
    return changed;
  }

  async #level(ids: readonly string[], seen: Seen, isLast: boolean): Promise<Seen> {
    const { entry, route, owners, permit, isRepaired } = this.#shard;
    const changed = new Map<string, PageCopies>();
    if (!isRepaired) {
      for (const id of ids) this.#leave(id, 'anti_entropy_auto_repair is off');
      return changed;
    }
    const { left, repaired } = await levelIds(this.#parts, {
      entry,
      shard: route.shard,
      owners,
      ids,
      origin: ORIGIN,
      permit,
      decide: (copies) => this.#decide(copies, seen, isLast ? null : changed),
    });
    this.#tally.repaired += repaired;
    for (const [id, why] of left) if (!changed.has(id)) this.#leave(id, why);
    return changed;
  }

  /** Under the turn. Notes in `changed` what is not as it was seen; null: that is decided, too. */
  async #decide(
    copies: ReadonlyMap<string, Copies>,
    seen: Seen,
    changed: Map<string, PageCopies> | null,
  ): Promise<ReadonlyMap<string, Verdict>> {
    const { entry, route, owners, expiryMs } = this.#shard;
    const ids = [...copies.keys()];
    const [known, listed] = await Promise.all([
      this.#parts.tombstones.known(entry.uid, route.shard, ids),
      this.#listed(ids),
    ]);
    const verdictOf = (id: string, found: Copies): Verdict => {
      if (listed.has(id)) return { leave: LISTED };
      if (found.size !== owners.length || owners.some((owner) => !found.has(owner.id))) return { leave: SILENT };
      const now = this.#inOrder(found);
      if (!isAsSeen(now, seen.get(id))) {
        if (changed !== null) {
          changed.set(id, now);
          return { leave: CHANGED };
        }
        if (!areDone(now, expiryMs)) this.#tally.mismatches += 1;
      }
      const removedAtMs = known.atMs.get(id) ?? null;
      const survivor = survivorOf(now, { removedAtMs, doubtMs: known.doubtMs, expiryMs });
      return 'open' in survivor ? { leave: survivor.open } : survivor;
    };
    return new Map([...copies].map(([id, found]) => [id, verdictOf(id, found)]));
  }

  /** Ids on a list of what an owner missed: that says who has them right. */
  async #listed(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const { entry, route } = this.#shard;
    const missed = await this.#parts.repairs.scores(entry.uid, route.shard, route.owners, ids);
    return new Set([...missed.values()].flatMap((by) => (by.whole === null ? [...by.ids.keys()] : ids)));
  }

  #inOrder(copies: Copies | undefined): PageCopies {
    return this.#shard.owners.map(({ id }) => copies?.get(id) ?? null);
  }

  #leave(id: string, why: string | null): boolean {
    if (why === null) return false;
    this.#tally.left += 1;
    if (why === CHANGED) this.#tally.changing += 1;
    if (this.#some.size < IDS_TOLD) this.#some.set(id, why);
    return true;
  }

  #tell(): void {
    const { left } = this.#tally;
    if (left === 0) return;
    const { entry, route } = this.#shard;
    const fields = { index: entry.uid, shard: route.shard, documents: left, some: Object.fromEntries(this.#some) };
    this.#parts.logger.warn(fields, 'replicas differ, and were left as they are');
  }
}

const isAsSeen = (now: PageCopies, seen: PageCopies | undefined): boolean =>
  now.length === seen?.length && now.every((copy, at) => copy === seen[at]);

const inParts = (ids: readonly string[], size: number): (readonly string[])[] =>
  Array.from({ length: Math.ceil(ids.length / size) }, (_, at) => ids.slice(at * size, (at + 1) * size));
