/** One node as an end of copies: when this process looked at it last, and what its clients were found to see. */
import type { NodeBatch } from '../ports.ts';

/** Between two looks of this process at one node: three small requests. */
const LOOK_MS = 2_000;
/** What a look found counts this long: nobody looks at a node that no copy reads or writes any more. */
const KEPT_MS = 3 * LOOK_MS;

export class NodeEnd {
  #lookedAtMs = -Infinity;
  #looks = 0;
  #complaint: string | null = null;
  #clientTask: { readonly uid: number; readonly sinceMs: number } | null = null;
  #batch: number | null = null;
  #refusals: number | null = null;
  #readMs: number | null = null;

  /** True once in two seconds: whoever is told so looks. */
  wantsLook(nowMs: number): boolean {
    if (nowMs - this.#lookedAtMs < LOOK_MS) return false;
    this.#lookedAtMs = nowMs;
    return true;
  }

  /** Looks that have come to an end. */
  get looks(): number {
    return this.#looks;
  }

  /** What the last look found, while it counts. */
  complaint(nowMs: number): string | null {
    return nowMs - this.#lookedAtMs > KEPT_MS ? null : this.#complaint;
  }

  found(complaint: string | null): void {
    this.#complaint = complaint;
    this.#looks += 1;
  }

  /** Since when (monotonic ms) this task has been seen as the oldest unfinished one of a client; null: there is none. */
  clientWaitsSinceMs(uid: number | null, nowMs: number): number {
    if (this.#clientTask?.uid !== uid) this.#clientTask = uid === null ? null : { uid, sinceMs: nowMs };
    return this.#clientTask?.sinceMs ?? nowMs;
  }

  /** The longest batch that has ended since the last look; what was before the first is nobody's fault. */
  longestNewBatch(batches: readonly NodeBatch[]): number | null {
    const ended = batches.filter(({ durationMs }) => durationMs !== null);
    const before = this.#batch;
    this.#batch = Math.max(before ?? -1, ...ended.map(({ uid }) => uid));
    const fresh = ended.filter(({ uid }) => before !== null && uid > before);
    return fresh.length === 0 ? null : Math.max(...fresh.map(({ durationMs }) => durationMs ?? 0));
  }

  /** Of all requests so far those since the last look. */
  newRefusals(total: number): number {
    const fresh = total - (this.#refusals ?? total);
    this.#refusals = total;
    return fresh;
  }

  learnRead(ms: number): void {
    this.#readMs = Math.max(this.#readMs ?? 0, ms);
  }

  takeSlowestRead(): number | null {
    const slowest = this.#readMs;
    this.#readMs = null;
    return slowest;
  }
}
