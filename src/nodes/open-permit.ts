/**
 * A permit for callers whose writes no lease protects: creating an index, loading into one that has no moves, looking.
 * Movers never use it.
 */
import type { Permit } from '../ports.ts';

const NEVER = new AbortController().signal;

/** Each request may last `budgetMs`; aborting the signal ends those under way and lets no other begin. */
export const openPermit = (budgetMs: number, signal: AbortSignal = NEVER): Permit => ({
  signal,
  budgetMs: () => budgetMs,
});
