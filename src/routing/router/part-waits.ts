/** Lets the parts of one write wait outside of any choice, bounded in time and in number (R2, R4). */
import type { MiroirError } from '../../errors.ts';
import type { Clock, RouterObserver } from '../../ports.ts';
import type { Bell } from './bell.ts';
import type { PartQueue, Pending } from './part-queue.ts';
import type { RouterLimits } from './parts.ts';
import type { Registration } from './registration.ts';
import { longestMs, lookAfterMs, overdue, roomFull } from './waits.ts';
import type { WaitingRoom, WaitWhy } from './waits.ts';

export interface PartWaitsOptions {
  readonly index: string;
  readonly queue: PartQueue;
  readonly registration: Pick<Registration, 'confirmed'>;
  readonly room: WaitingRoom;
  readonly bell: Bell;
  readonly clock: Clock;
  readonly observer: RouterObserver;
  readonly limits: RouterLimits;
  /** Aborted when the write is over. */
  readonly signal: AbortSignal;
  /** Some part may be looked at again. */
  readonly onDue: () => void;
  readonly onFailure: (failure: MiroirError) => void;
}

/** Whatever it waits for in turn: this many longest waits after its first a part waits no more. */
const LONGEST_WAITS = 2;
/** How often one asks that is not the first in line here; in time enough to keep its place. */
const BEHIND_MS = 250;

export class PartWaits {
  readonly #options: PartWaitsOptions;

  constructor(options: PartWaitsOptions) {
    this.#options = options;
  }

  /** Puts the part back; it is due when one of the names is rung, after `afterMs`, or when its time is over. */
  begin(pending: Pending, why: WaitWhy, names: readonly unknown[], afterMs = 0): void {
    const { clock, limits, room, queue, index, onFailure } = this.#options;
    const nowMs = clock.monotonic();
    const { shard, bytes } = pending.part;
    if (pending.wait?.why !== why) pending.wait = { why, sinceMs: nowMs, looks: 0 };
    const { wait } = pending;
    // Of this part alone: a large load is on its way for longer than any part of it may wait.
    pending.overMs ??= nowMs + LONGEST_WAITS * limits.settleMs;
    const leftMs = Math.min(wait.sinceMs + longestMs(why, limits), pending.overMs) - nowMs;
    queue.putBack(pending);
    pending.isDue = false;
    if (leftMs <= 0) return onFailure(overdue(why, index, shard, pending.problem));
    if (!room.enter(bytes)) return onFailure(roomFull());
    const lookMs = Math.min(leftMs, Math.max(afterMs, this.#lookMs(pending, why, names, wait.looks)));
    wait.looks += 1;
    void this.#wait(pending, why, names, lookMs, nowMs);
  }

  /** Of those in line for a turn only the first asks often, since its predecessor may be another router's. */
  #lookMs(pending: Pending, why: WaitWhy, names: readonly unknown[], looks: number): number {
    const isBehind = why === 'turn' && !this.#options.bell.isFirst(names, rankOf(pending));
    return isBehind ? BEHIND_MS : lookAfterMs(why, looks);
  }

  /** Listens at once: what is rung before would be missed. */
  async #wait(pending: Pending, why: WaitWhy, names: readonly unknown[], ms: number, sinceMs: number): Promise<void> {
    const { bell, registration, room, observer, clock, signal, onDue } = this.#options;
    try {
      if (why === 'reread') await registration.confirmed(signal);
      await bell.wait(names, ms, signal, rankOf(pending));
    } catch (error) {
      // The write is over: nobody looks at this part any more.
      if (!signal.aborted) throw error;
    } finally {
      room.leave(pending.part.bytes);
    }
    observer.waited(why, (clock.monotonic() - sinceMs) / 1_000);
    pending.isDue = true;
    onDue();
  }
}

/** Its number in line, so that the end of a turn wakes those who may be next, not all; or since when it waits. */
const rankOf = ({ place, wait }: Pending): number =>
  place === null ? (wait?.sinceMs ?? 0) : Number.parseInt(place.token, 10);
