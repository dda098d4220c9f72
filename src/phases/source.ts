/**
 * Which owner is read. Before the copy it is the one that missed least. When the one that is read has failed another one
 * takes its place: its watermark is taken first, and every window is verified against it, since what was copied came from
 * another node.
 */
import { isReadable } from '../core/topology.ts';
import { MoveWaitingError } from '../errors.ts';
import type { PhaseContext } from './context.ts';
import { settleWrites } from './watermark.ts';

/** How many documents the owner missed writes of, as far as is known. */
async function missedBy({ move, repairs }: PhaseContext, owner: string): Promise<number> {
  const size = await repairs.size(move.index, move.shard, owner);
  if (size !== 1) return size;
  return (await repairs.list(move.index, move.shard, owner, 1))[0] === '*' ? Infinity : size;
}

/** Before anything is copied: names the owner that missed least in the record, and has the phase begun anew with it. */
export async function chooseSource(context: PhaseContext, owners: readonly string[]): Promise<void> {
  const { move, topology, writer, log } = context;
  const readable = owners.filter((owner) => isReadable(topology, owner));
  if (readable.length < 2) return;
  const missed = await Promise.all(readable.map((owner) => missedBy(context, owner)));
  const least = Math.min(...missed);
  const best = readable[missed.indexOf(least)] ?? move.source;
  if ((missed[readable.indexOf(move.source)] ?? Infinity) <= least) return;
  await writer.note(move.id, { fields: { source: best } });
  log.info({ planned: move.source, source: best }, 'an owner that missed less is the source');
  throw new MoveWaitingError(`source_changed: ${best} instead of ${move.source}`, 0);
}

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
