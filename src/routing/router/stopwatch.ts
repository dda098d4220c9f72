import type { Clock } from '../../ports.ts';

/**
 * Ms since now, by the larger of the monotonic and the wall-clock difference (R1): a suspended machine stops the one, a
 * set clock moves the other; both errors only make a router stop early.
 */
export function stopwatch(clock: Pick<Clock, 'now' | 'monotonic'>): () => number {
  const [monotonicMs, wallMs] = [clock.monotonic(), clock.now()];
  return () => Math.max(clock.monotonic() - monotonicMs, clock.now() - wallMs);
}
