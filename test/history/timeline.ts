// What one read of one document may have seen, by rules that need no search: each names the write that contradicts it.
import { KeyWrite } from './registers.ts';
import type { KeyRead, Register } from './registers.ts';

/**
 * - `lost`: an owner has no document although an acknowledged write made it and nothing deleted it afterwards.
 * - `missing`: the same, of a read that began after the write was seen applied.
 * - `stale`: an older value than that of a write that was applied before the read began (or, on an owner, at the end).
 * - `resurrected`: there, although deleted, and nothing that could make it again came after the delete.
 * - `phantom`: a value that nobody wrote, that was refused, or that is written only later.
 */
export type Contradiction = 'lost' | 'missing' | 'stale' | 'resurrected' | 'phantom';

export interface Contradicted {
  readonly kind: Contradiction;
  /** Whose value was seen, when there was one. */
  readonly writer: KeyWrite | null;
  /** What should have been seen instead. */
  readonly by: KeyWrite | null;
}

/** For each moment, the latest of the writes seen applied before it. Latest: begun last. */
class Applied {
  readonly #atMs: number[] = [];
  readonly #latest: KeyWrite[] = [];

  constructor(writes: readonly KeyWrite[]) {
    for (const write of [...writes].sort((a, b) => a.appliedMs - b.appliedMs)) {
      const before = this.#latest.at(-1);
      this.#atMs.push(write.appliedMs);
      this.#latest.push(before !== undefined && before.startMs > write.startMs ? before : write);
    }
  }

  before(ms: number): KeyWrite | null {
    return this.#latest[countBelow(this.#atMs, ms) - 1] ?? null;
  }
}

/** For each moment, until when a write begun before it may still have found its place in the order. */
class Begun {
  readonly #startMs: number[] = [];
  readonly #orderedMs: number[] = [];

  constructor(writes: readonly KeyWrite[]) {
    for (const { startMs, orderedMs } of writes) {
      this.#startMs.push(startMs);
      this.#orderedMs.push(Math.max(orderedMs, this.#orderedMs.at(-1) ?? -Infinity));
    }
  }

  /** Whether one of those begun before `ms` may come after this write. */
  mayFollow(write: KeyWrite, ms: number): boolean {
    return (this.#orderedMs[countBelow(this.#startMs, ms) - 1] ?? -Infinity) >= write.startMs;
  }
}

/** How many of the ascending numbers are less than `limit`. */
function countBelow(ascending: readonly number[], limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? Infinity) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class Timeline {
  readonly #register: Register;
  readonly #makers: { applied: Applied; begun: Begun };
  readonly #deletes: { applied: Applied; begun: Begun };
  /** What replaces each field; `puts` is what brings a base. */
  readonly #bases: Applied;
  readonly #patches: Applied;
  readonly #puts: Applied;

  /** Of the register's recent writes; with `idleAtMs`, of all, and from then on every accepted one counts as applied. */
  constructor(register: Register, idleAtMs: number | null = null) {
    const writes = idleAtMs === null ? register.recent : register.writes.map((write) => settledBy(write, idleAtMs));
    this.#register = register;
    const only = (...kinds: readonly KeyWrite['kind'][]): KeyWrite[] =>
      writes.filter(({ kind }) => kinds.includes(kind));
    const both = (some: readonly KeyWrite[]): { applied: Applied; begun: Begun } => ({
      applied: new Applied(some),
      begun: new Begun(some),
    });
    this.#makers = both(only('put', 'update'));
    this.#deletes = both(only('delete'));
    this.#bases = new Applied(only('put', 'delete'));
    this.#patches = new Applied(writes);
    this.#puts = new Applied(only('put'));
  }

  /** What contradicts the read, if anything does. */
  contradicts({ node, startMs, endMs, seen }: KeyRead): Contradicted | null {
    const made = this.#makers.applied.before(startMs);
    if (seen === null) {
      if (made === null || this.#deletes.begun.mayFollow(made, endMs)) return null;
      return { kind: node === null ? 'missing' : 'lost', writer: null, by: made };
    }
    const patcher = this.#register.writerOf(seen.patch ?? '');
    const baser = seen.base === null ? null : this.#register.writerOf(seen.base);
    const isPhantom = (writer: KeyWrite | null): boolean =>
      writer === null || writer.call.outcome === 'refused' || writer.startMs > endMs;
    if (patcher === null || isPhantom(patcher)) return { kind: 'phantom', writer: patcher, by: null };
    if (seen.base !== null && (isPhantom(baser) || baser?.kind !== 'put')) {
      return { kind: 'phantom', writer: baser, by: null };
    }
    const deleted = this.#deletes.applied.before(startMs);
    if (deleted !== null && !this.#makers.begun.mayFollow(deleted, endMs)) {
      return { kind: 'resurrected', writer: patcher, by: deleted };
    }
    const newerPatch = this.#patches.before(startMs);
    if (newerPatch !== null && newerPatch.startMs > patcher.orderedMs) {
      return { kind: 'stale', writer: patcher, by: newerPatch };
    }
    const put = this.#puts.before(startMs);
    const newerBase = this.#bases.before(startMs);
    if (baser !== null && newerBase !== null && newerBase.startMs > baser.orderedMs) {
      return { kind: 'stale', writer: baser, by: newerBase };
    }
    // A partial update leaves the base alone: without one, the put before it has got lost.
    if (baser === null && put !== null && !this.#deletes.begun.mayFollow(put, endMs)) {
      return { kind: 'stale', writer: patcher, by: put };
    }
    return null;
  }
}

/** The write as it is once every node is idle: accepted means applied then. */
function settledBy(write: KeyWrite, idleAtMs: number): KeyWrite {
  if (write.appliedMs < Infinity || write.orderedMs === Infinity) return write;
  const finishedAtMs = Math.max(idleAtMs, write.orderedMs);
  return new KeyWrite({ ...write.call, outcome: 'applied', finishedAtMs });
}
