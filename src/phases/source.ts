/**
 * Another owner becomes the source when the one that is read has failed. Its watermark is taken first, and every window
 * is verified against it, since what was copied came from another node.
 */
import { isReadable } from '../core/topology.ts';
import { MoveWaitingError } from '../errors.ts';
import type { PhaseContext } from './context.ts';
import { settleWrites } from './watermark.ts';

/** Returns when the source may be read; else names another one in the record and has the phase begun anew. */
export async function ensureSource(context: PhaseContext): Promise<void> {
  const { move, topology, records, writer, entry, log } = context;
  if (isReadable(topology, move.source)) return;
  const { route } = await records.route(move.index, move.shard);
  const other = route.owners.find((owner) => owner !== move.target && isReadable(topology, owner));
  if (other === undefined) {
    throw new MoveWaitingError(`source_failed: ${move.source} has failed and no other owner can be read`);
  }
  const node = context.node(other);
  const sourceFloor = await settleWrites(context, node);
  const sourceCreated = (await node.index(entry.uid))?.createdAt ?? '';
  await writer.note(move.id, { fields: { source: other, sourceFloor, sourceCreated, verifiedOffset: 0 } });
  log.warn(
    { failed: move.source, source: other },
    'another owner is the source now; every window is verified against it',
  );
  throw new MoveWaitingError(`source_changed: ${other} instead of ${move.source}`, 0);
}
