/**
 * Every old owner of a settling shard is lost, and documents wait that nobody else has the last write of. Readers go to the
 * new owners for all but these, so that one lost node does not close the whole shard until an operator decides.
 *
 * Slots stand for the documents: every index is filtered by slot, few by primary key. It costs the reads of what shares a
 * slot with one of them, some fifteen documents of a million.
 */
import { locateKey } from '../core/hashing.ts';
import type { RouteRead } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { accepted, withholding } from './routes.ts';
import { settleWrites } from './watermark.ts';

/**
 * Enters with the documents' ids. Safe to repeat: a route that withholds already is left as it is; what it withholds can
 * only have become more than it has to be.
 */
export async function withhold(context: PhaseContext, read: RouteRead, ids: readonly string[]): Promise<void> {
  const { move, entry, topology, writer, log } = context;
  if (read.route.withheld !== undefined) return;
  // Who is read has applied what clients were told is done (I7); what comes after tells its task by the new owners (I11).
  await settleWrites(context, context.node(move.target));
  const slots = [...new Set(ids.map((id) => locateKey(id, entry.shards).slot))].sort((a, b) => a - b);
  const reply = await writer.advance(move, {
    route: withholding(read, move, topology, slots),
    // Whose write is late is told by the epoch of the switch, and this raises the shard's.
    fields: { switchEpoch: read.route.epoch },
    what: 'readers without what is lost',
  });
  accepted(reply, 'readers without what is lost');
  log.warn({ failed: move.source, documents: ids.length }, 'the target is read for all but what nobody else has');
}
