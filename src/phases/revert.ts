/**
 * Taking a switched move back when its target is lost with every document that was written since the switch: the copy on
 * `retires`, kept for the grace, owns the shard again. Only where an operator wishes it (`move revert --accept-loss`), and
 * only while that copy is whole and the target is the last owner; where it lives again nothing is lost.
 */
import { isReadable } from '../core/topology.ts';
import { MoveWaitingError } from '../errors.ts';
import type { RouteRead } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { accepted, reverted } from './routes.ts';
import { assertNotRegressed } from './watermark.ts';

/** Whether the wish still fits; else it is taken out, and the move goes on as without it. */
async function fits(context: PhaseContext, { route }: RouteRead): Promise<boolean> {
  const { move, topology, writer, log } = context;
  const serving = route.owners.filter((owner) => isReadable(topology, owner));
  const isKept = move.retires !== null && move.deletingAtMs === null && route.moveId === move.id;
  if (serving.length === 0 && isKept) return true;
  log.warn(
    { serving, deletingAtMs: move.deletingAtMs },
    'the move is not taken back: the shard has an owner that serves',
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
  const error = `reverted to ${move.retires}: writes since ${since} are lost; a copy is left on ${move.target}`;
  accepted(await writer.end(move, 'reverted', { route: reverted(read, move), error }), 'the way back');
  log.error({ owner: move.retires, lost: move.target, since }, 'the move is taken back: writes since then are lost');
  return true;
}
