/**
 * Taking a switched move back when its target is lost with every document that was written since the switch: the copy on
 * `retires`, kept for the grace, owns the shard again. Only where an operator wishes it (`move revert --accept-loss`), and
 * only while that copy is whole and the target and every other owner are gone; where one is back nothing is lost.
 */
import { isGone, isReadable } from '../core/topology.ts';
import { MoveWaitingError } from '../errors.ts';
import type { RouteRead } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { accepted, reverted } from './routes.ts';
import { assertNotRegressed } from './watermark.ts';

/** Whether the wish still fits; else it is taken out, and the move goes on as without it. */
async function fits(context: PhaseContext, { route }: RouteRead): Promise<boolean> {
  const { move, topology, writer, log } = context;
  // One that is being restored does not serve yet, but has what was written.
  const back = [move.target, ...route.owners].filter((owner) => !isGone(topology, owner));
  const isKept = move.retires !== null && move.deletingAtMs === null && route.moveId === move.id;
  if (back.length === 0 && isKept) return true;
  log.warn(
    { back: [...new Set(back)], deletingAtMs: move.deletingAtMs },
    'the move is not taken back: a node is there that has what was written since the switch',
  );
  await writer.note(move.id, { fields: { wish: '' } });
  return false;
}

/** True when the move has been taken back and ended. */
export async function revert(context: PhaseContext, read: RouteRead): Promise<boolean> {
  const { move, entry, topology, writer, log } = context;
  if (!(await fits(context, read)) || move.retires === null) return false;
  if (!isReadable(topology, move.retires)) {
    throw new MoveWaitingError(`last_copy: ${move.target} and ${move.retires} have failed, no copy can be read`);
  }
  const retiring = context.node(move.retires);
  const index = await retiring.index(entry.uid);
  const created = move.retires === move.source ? move.sourceCreated : (index?.createdAt ?? null);
  await assertNotRegressed(context, retiring, { created, floor: move.retiresFloor });
  const since = new Date(move.switchedAtMs ?? 0).toISOString();
  const lost = [...new Set([move.target, ...read.route.owners])];
  const error = `reverted to ${move.retires}: writes since ${since} are lost; a copy is left on ${lost.join(', ')}`;
  accepted(
    await writer.end(move, 'reverted', { route: reverted(read, move.retires, topology), error }),
    'the way back',
  );
  log.error({ owner: move.retires, lost, since }, 'the move is taken back: writes since then are lost');
  return true;
}
