/**
 * Ms since now, by the larger of the monotonic and the wall-clock difference (the lease, R1): a suspended machine stops
 * the one, a set clock moves the other; both errors only make a holder or a router stop early.
 */
export function stopwatch(clock: { now(): number; monotonic(): number }): () => number {
  const [monotonicMs, wallMs] = [clock.monotonic(), clock.now()];
  return () => Math.max(clock.monotonic() - monotonicMs, clock.now() - wallMs);
}
