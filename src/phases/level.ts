/**
 * Bringing a shard level on a node that left it with its copy: source and target are compared window by window, and only
 * what differs is sent, or deleted there. The target's copy may be as old as it likes: what counts is that nothing which
 * was queued in it lands later, and that clients' writes since are in the journal, so the rest of the move is any move's.
 * A node that has less than it had is not built on all the same: what it kept may be of any time, and costs more to compare
 * than it saves.
 */
import { SLOTS } from '../core/windows.ts';
import type { NodeClient, RouteRead } from '../ports.ts';
import { takeUp } from './audit.ts';
import type { PhaseContext } from './context.ts';
import { doubtOf } from './doubt.ts';
import { shardFilter } from './filters.ts';
import { assertNotHeld } from './held.ts';
import { Verifier } from './verify.ts';
import { assertNodesIntact, settleWrites } from './watermark.ts';

/** Whether the target left the shard when it failed, and still has the data that it had then. */
export async function isLevelable(context: PhaseContext, { route }: RouteRead, target: NodeClient): Promise<boolean> {
  const { move, entry, log } = context;
  if (route.left?.includes(move.target) !== true) return false;
  const doubt = await doubtOf(context, target);
  if (doubt !== null) {
    log.warn(
      { node: move.target, doubt },
      'what the node still has is not trusted: it is cleared, and the shard copied anew',
    );
    return false;
  }
  return (await target.count(entry.uid, shardFilter(move.shard))) > 0;
}

const bytesOf = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);

/** Compares every window from where the record says, and makes the target equal; ids in the journal are left to it. */
export async function levelShard(context: PhaseContext): Promise<void> {
  const { move, observer, log } = context;
  const target = context.node(move.target);
  await Promise.all([takeUp(context, target), assertNodesIntact(context)]);
  // Where both sides look equal nothing is sent, so what the target has accepted lands first: clients' writes of when it
  // owned the shard, and what an earlier holder has sent. What comes later is found by the gate's look at its tasks.
  await settleWrites(context, target);
  let { docsMigrated, bytes } = move;
  let removed = 0;
  const verifier = new Verifier(context, ({ put, remove }) => {
    docsMigrated += put.length;
    bytes += bytesOf(put);
    removed += remove.length;
  });
  let accepted = { docs: docsMigrated, bytes };
  await verifier.upTo(SLOTS, async ({ verifiedOffset, windowsVerified }) => {
    // Another source means comparing anew, from below what was level with the one before.
    const lastOffset = Math.max(move.lastOffset, verifiedOffset);
    await context.checkpoint({ docsMigrated, lastOffset, fields: { bytes, verifiedOffset, windowsVerified } });
    observer.migrated(docsMigrated - accepted.docs, bytes - accepted.bytes);
    accepted = { docs: docsMigrated, bytes };
    await assertNotHeld(context.planHolds, move);
  });
  log.info({ sent: docsMigrated, removed, documents: move.documents }, 'the shard is level with its source');
}
