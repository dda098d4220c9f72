/** Time, as the engine sees it. */
/** Time, timers and randomness: the only source of them in core, phases, lease and routing. */
export interface Clock {
  /** Wall clock, ms since 1970. For records and people, never for deadlines. */
  now(): number;
  /** Ms that never go backward; stands still while the machine is suspended. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fn` once after `ms`; the returned function calls it off. */
  timer(ms: number, fn: () => void): () => void;
  /** 0 ≤ x < 1. */
  random(): number;
}
