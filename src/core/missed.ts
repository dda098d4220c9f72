/** What a score on a repair list says. Lists are written by `src/redis/lua/include/repair.lua`. */

/** Scores below are of writes that nobody was told are written; misses of acknowledged ones have Redis' time (us). */
const UNKNOWN_BELOW_US = 1e15;

/** Whether the owner missed something that was acknowledged without it. */
export const missedAcknowledged = (score: string | number): boolean => Number(score) >= UNKNOWN_BELOW_US;
