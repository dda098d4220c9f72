/**
 * Undoing a move before its switch: what was queued lands first, the partial copy is deleted, then one script makes the
 * shard stable again and ends the move. The source was never touched.
 */
import { InvariantError, MoveWaitingError } from '../errors.ts';
import { isSwitched } from '../core/move.ts';
import type { PhaseContext } from './context.ts';
import { untilSure } from './late-writes.ts';
import { deleteShard } from './leftovers.ts';
import { stable } from './routes.ts';
import { settleWrites } from './watermark.ts';

/** What the plan assumed does not hold any more: the planner is asked again. */
export class OutdatedMove extends Error {}

/** First word of the error of a move that ended because it was out of date; the planner looks for it. */
export const OUTDATED = 'outdated';

export async function undo(context: PhaseContext, outcome: 'cancelled' | 'failed', why: string): Promise<void> {
  const { move, records, writer, topology, log } = context;
  if (isSwitched(move.phase)) throw new InvariantError(`move ${move.id} is past its switch and cannot be undone`);
  let read = await records.route(move.index, move.shard);
  const ours = read.route.moveId === move.id;
  if (ours && read.route.state === 'settling') {
    throw new MoveWaitingError('phase: the switch has happened, the move goes forward', 50);
  }
  if (ours && read.route.state === 'held') {
    if (!(await records.endHold(move.index, read))) throw new MoveWaitingError('hold: the hold is not over', 500);
    read = await records.route(move.index, move.shard);
  }
  const target = topology.nodes.find(({ id }) => id === move.target);
  const owns = read.route.owners.includes(move.target);
  const gone = target === undefined || target.state === 'failed' || target.state === 'removed';
  let note = why;
  if (ours && !owns && !gone) {
    const node = context.node(move.target);
    // Before the copy it has nothing of this move: what it has may be the last copy of something (`last-holder.ts`).
    if (move.phase !== 'Idle' && (await node.index(move.index)) !== null) {
      await untilSure(context, node);
      await settleWrites(context, node);
      // What a node left with is worth keeping: the next move that brings it the shard brings that level.
      if (read.route.left?.includes(move.target) !== true) await deleteShard(context, node);
    }
  } else if (ours && gone) {
    // Never seen by readers, and cleared before that node may own or stage the shard again.
    note = `${why}; a partial copy may be left on ${move.target}, which is gone`;
  }
  const reply = await writer.end(move, outcome, { ...(ours ? { route: stable(read) } : {}), error: note });
  if ('refused' in reply) throw new MoveWaitingError(`${reply.refused}: the end is tried again`, 50);
  log.info({ outcome, why: note }, 'move undone');
}
