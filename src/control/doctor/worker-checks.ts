/** Who moves shards: whoever holds the lease of an index, and workers that only wait for one. */
import type { MoveState } from '../../ports.ts';
import { isHeld } from './work-checks.ts';
import { fail, ok, warn, type Finding } from './finding.ts';
import type { DoctorParts } from './parts.ts';

const SUBJECT = 'workers';
const START = 'start one: `miroir worker`';

/** `moves`: those that are unfinished. */
export async function workerChecks(parts: DoctorParts, moves: readonly MoveState[]): Promise<Finding[]> {
  const wanting = moves.filter((move) => !isHeld(move));
  const indexes = [...new Set(wanting.map(({ index }) => index))];
  const holders = await Promise.all(indexes.map((index) => parts.holderOf(index)));
  const serving = new Set(holders.filter((holder) => holder !== null));
  const waiting = await parts.workers.names();
  const count = waiting?.length ?? serving.size;
  if (count + serving.size > 0) return [ok(SUBJECT, `${Math.max(count, serving.size)} run`)];
  if (wanting.length > 0) return [fail(SUBJECT, `none runs: ${wanting.length} moves are unfinished`, START)];
  return waiting === null
    ? [ok(SUBJECT, 'whether one runs cannot be told while nothing moves: Redis denies CLIENT LIST')]
    : [warn(SUBJECT, 'none runs: nothing that is planned would move', START)];
}
