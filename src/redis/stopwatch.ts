import type { Clock } from '../ports.ts';

/**
 * Ms since now, by the larger of the monotonic and the wall-clock difference: a suspended machine stops the one, a set
 * clock moves the other; both errors only make a holder stop early.
 */
export function stopwatch(clock: Clock): () => number {
  const monotonic = clock.monotonic();
  const wall = clock.now();
  return () => Math.max(clock.monotonic() - monotonic, clock.now() - wall);
}
