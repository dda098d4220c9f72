/**
 * Before a mover does anything: Redis may have lost what it needs to know (decision 0016). Then it neither writes nor
 * deletes a copy.
 */
import { MoveWaitingError } from '../errors.ts';
import type { MoveState, Records } from '../ports.ts';

/** The planner takes a new run up within seconds. */
const RUN_WAIT_MS = 1_000;

export async function assertMayAct(
  records: Pick<Records, 'runAccepted' | 'route'>,
  { index, shard }: MoveState,
): Promise<void> {
  if (!(await records.runAccepted()))
    throw new MoveWaitingError('redis_restarted: routers hand in what they know first', RUN_WAIT_MS);
  const { route } = await records.route(index, shard);
  if (route.frozen === undefined) return;
  throw new MoveWaitingError(
    `redis_lost_writes: shard ${shard} of ${index} is frozen; compare its copies, then \`miroir index thaw\``,
  );
}
