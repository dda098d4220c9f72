/**
 * Which waiting moves may start: one of a shard at a time and in the order of its steps, and few enough per node that
 * neither a node that many shards leave nor one that many arrive at is swamped.
 */
import type { PlanMove } from '../../src/core/plan.ts';

/**
 * Most moves into and most out of one node at a time. A node's queue is filled by four (its batches are shared, so more
 * adds waiting and no speed), and a reader beyond the fourth takes from the clients of the source.
 */
export const MOVES_PER_NODE = 4;

type Scheduled = Pick<PlanMove, 'index' | 'shard' | 'source' | 'target'>;

/**
 * The moves of `waiting` (in the plan's order) that may start beside those in `running`, most urgent first. A move in
 * its grace is not running: it costs a node nothing.
 */
export function startable<M extends Scheduled>(
  waiting: readonly M[],
  running: readonly Scheduled[],
  movesPerNode: number = MOVES_PER_NODE,
): M[] {
  const into = new Map<string, number>();
  const outOf = new Map<string, number>();
  const shards = new Set<string>();
  const place = ({ index, shard, source, target }: Scheduled): void => {
    shards.add(`${index} ${shard}`);
    into.set(target, (into.get(target) ?? 0) + 1);
    outOf.set(source, (outOf.get(source) ?? 0) + 1);
  };
  for (const move of running) place(move);
  const started: M[] = [];
  for (const move of waiting) {
    const key = `${move.index} ${move.shard}`;
    if (shards.has(key)) continue;
    // Also when it has to wait: a later step must not overtake it.
    shards.add(key);
    const isFull = (into.get(move.target) ?? 0) >= movesPerNode || (outOf.get(move.source) ?? 0) >= movesPerNode;
    if (isFull) continue;
    place(move);
    started.push(move);
  }
  return started;
}
