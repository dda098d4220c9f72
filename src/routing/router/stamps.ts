/**
 * When a document was written, `_miroir_updated_at`: Redis time, told when a write is sent, after it has taken its turn.
 * A turn ends only when that time has surely passed; so of two writes of a document that has several copies the later one
 * has the later stamp, whichever routers they came through. Where there is one copy, stamps are compared with nothing, and
 * nobody waits: more owners come by a move, whose barriers take longer than any router's doubt about Redis' time.
 */
import type { RedisTime } from '../../core/redis-time.ts';
import type { Clock } from '../../ports.ts';

export interface StampsOptions {
  readonly time: RedisTime;
  readonly clock: Clock;
}

const POLL_MS = 1;
/** Longer only a Redis would ask for whose clock was set back; then lists of missed ids still tell old from new. */
const WAIT_MS_MAX = 200;

export class Stamps {
  readonly #options: StampsOptions;
  #lastMs = 0;

  constructor(options: StampsOptions) {
    this.#options = options;
  }

  /** Not before Redis' time now, nor before any that was given out. */
  next(): number {
    const { time, clock } = this.#options;
    this.#lastMs = Math.max(this.#lastMs, Math.trunc(time.latest(clock.monotonic())));
    return this.#lastMs;
  }

  /** Resolves when whatever is stamped from now on, by any router, gets a later stamp. */
  async passed(stampMs: number): Promise<void> {
    const { time, clock } = this.#options;
    const startedMs = clock.monotonic();
    for (let nowMs = startedMs; nowMs - startedMs < WAIT_MS_MAX; nowMs = clock.monotonic()) {
      if (time.earliest(nowMs) >= stampMs + 1) return;
      await clock.sleep(POLL_MS);
    }
  }
}
