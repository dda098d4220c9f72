/**
 * What Redis' clock says, by our monotonic one. Each answer that tells Redis' time bounds it on both sides, by when it
 * was asked for and when it came; the bounds of the last answers together are narrower than those of any.
 */

interface Sample {
  /** Redis time less monotonic time lies between these two. */
  readonly least: number;
  readonly most: number;
  readonly atMs: number;
}

/** Two clocks drift apart by this much at most; ten times what a quartz does. */
const DRIFT = 2e-4;
const SAMPLES = 8;
/** Redis tells its time in whole us. */
const RESOLUTION_MS = 1e-3;

export class RedisTime {
  #samples: Sample[] = [];

  /** `nowMs`, exact to the us, was asked for at `askedMs` and came at `toldMs`, monotonic times. */
  tell(nowMs: number, askedMs: number, toldMs: number): void {
    // While the answer was under way the clocks drifted, too.
    const driftMs = DRIFT * (toldMs - askedMs);
    const least = nowMs - toldMs - driftMs;
    const sample: Sample = { least, most: nowMs + RESOLUTION_MS - askedMs + driftMs, atMs: toldMs };
    this.#samples = [...this.#samples, sample].slice(-SAMPLES);
    // Redis' clock was set: what it told before says nothing any more.
    if (this.earliest(toldMs) > this.latest(toldMs)) this.#samples = [sample];
  }

  /** It is not earlier than this; -Infinity before anything was told. */
  earliest(monotonicMs: number): number {
    return Math.max(...this.#samples.map(({ least, atMs }) => monotonicMs + least - DRIFT * (monotonicMs - atMs)));
  }

  /** It is not later than this; Infinity before anything was told. */
  latest(monotonicMs: number): number {
    return Math.min(...this.#samples.map(({ most, atMs }) => monotonicMs + most + DRIFT * (monotonicMs - atMs)));
  }
}
