/**
 * Enters with: source and target were found equal.
 * Leaves with: clients write and read the shard on its new owners.
 * Safe to repeat because: each step (held, settling, settled) is one compare on the route, and the route says where to
 * go on; a hold that is over goes back to tracking.
 * Meanwhile: old owners are written until the switch, new ones after it; old owners are read until `settled`.
 */
import type { ShardRoute } from '../core/routing.ts';
import { isReadable } from '../core/topology.ts';
import { SLOTS } from '../core/windows.ts';
import { InvariantError, MoveWaitingError } from '../errors.ts';
import type { NodeClient, RouteRead } from '../ports.ts';
import { auditNodes, foreignWrites, takeUp } from './audit.ts';
import { passBarrier } from './barrier.ts';
import type { Phase, PhaseContext } from './context.ts';
import { tasksAbove } from './in-flight.ts';
import { verifyRest } from './migration-complete.ts';
import { accepted, held, settled, settling, written } from './routes.ts';
import { ensureSource } from './source.ts';
import { assertNodesIntact, settleWrites, takeWatermark } from './watermark.ts';

/** Verifications begun anew because somebody wrote past the routers, before the move waits and says so. */
const ROUNDS = 3;

/** Returns the source's newest uid looked at when nobody but this move wrote the shard since it was verified; else verifies again from the start. */
async function gate(context: PhaseContext, source: NodeClient, target: NodeClient): Promise<number> {
  const { move, log } = context;
  const takenFloor = await takeUp(context, target);
  // Another source was named since: every window is verified against it.
  if (move.verifiedOffset < SLOTS) await verifyRest(context, false);
  let floors = { source: move.sourceFloor ?? -1, target: move.targetFloor ?? -1 };
  for (let round = 1; ; round += 1) {
    const [audit] = await Promise.all([
      auditNodes(context, source, target, floors, takenFloor),
      assertNodesIntact(context),
    ]);
    floors = audit.floors;
    if (audit.foreign.length === 0 && audit.isWhole) return floors.source;
    const [first] = audit.foreign;
    log.warn({ task: first?.uid, writes: audit.foreign.length }, 'somebody else wrote the shard: verifying it again');
    if (round > ROUNDS) throw new MoveWaitingError(`gate: task ${first?.uid} wrote the shard past the routers`);
    await settleWrites(context, source);
    await settleWrites(context, target);
    await verifyRest(context, true);
  }
}

async function hold(context: PhaseContext, read: RouteRead, gateFloor: number): Promise<RouteRead> {
  const { move, writer, settings } = context;
  const reply = await writer.advance(move, {
    route: held(read, move, settings.holdMs),
    unlessCancelled: true,
    fields: { gateFloor },
    what: 'held',
  });
  return written(reply, 'the hold');
}

async function switchOwners(context: PhaseContext, read: RouteRead): Promise<RouteRead> {
  const { move, writer, clock, observer } = context;
  const startedMs = clock.monotonic();
  await passBarrier(context, read.route.epoch);
  const { heldUntilMs } = read.route;
  if (heldUntilMs === undefined)
    throw new InvariantError(`shard ${move.shard} of ${move.index} is held without an end`);
  const reply = await writer.advance(move, {
    route: settling(read, move),
    holdUntilMs: heldUntilMs,
    unlessCancelled: true,
    fields: { switchedAt: '$now' },
    what: 'settling',
  });
  const switched = written(reply, 'the switch');
  observer.hold((clock.monotonic() - startedMs) / 1_000);
  return switched;
}

/**
 * The owner whose accepted writes have to be applied before readers change over: the source, or another old owner when
 * it has failed. Null when none is left: then the target, found equal before the switch, has all there is.
 */
function settlingSource(context: PhaseContext, route: ShardRoute): NodeClient | null {
  const { move, topology, log } = context;
  const owner = [move.source, ...route.readers].find((id) => id !== move.target && isReadable(topology, id));
  if (owner === undefined)
    log.warn({ source: move.source }, 'every old owner has failed: the target has what was verified');
  return owner === undefined ? null : context.node(owner);
}

/** One more look: what somebody wrote to the old owner between gate and switch is told, never copied over. */
async function reportPastRouters(context: PhaseContext, source: NodeClient): Promise<void> {
  const { move, entry, writer, log } = context;
  if (move.gateFloor === null || source.node.id !== move.source) return;
  const late = foreignWrites((await tasksAbove(source, entry.uid, move.gateFloor)).tasks, move);
  if (late.length === 0) return;
  const tasks = late.map((task) => task.uid);
  log.error({ node: source.node.id, tasks }, 'writes went past the routers after the last look: compare them by hand');
  await writer.note(move.id, {
    fields: { error: `tasks ${tasks.join(', ')} on ${source.node.id} wrote past the routers` },
  });
}

/** What old owners had accepted before the switch is applied, then what the target had: readers may change over. */
async function settle(context: PhaseContext, target: NodeClient, read: RouteRead): Promise<void> {
  const { move, writer, entry, observer, topology } = context;
  const source = settlingSource(context, read.route);
  const [, , retiring] = await Promise.all([
    source === null ? null : settleWrites(context, source),
    settleWrites(context, target),
    move.retires !== null && isReadable(topology, move.retires)
      ? takeWatermark(context.node(move.retires), entry.uid)
      : -1,
  ]);
  if (source !== null) await reportPastRouters(context, source);
  const reply = await writer.advance(move, {
    to: 'DualWriteStopped',
    route: settled(read, move),
    releasePlaces: true,
    fields: { retiresFloor: retiring },
    what: 'DualWriteStopped',
  });
  const { startedAtMs, nowMs } = accepted(reply, 'settled');
  observer.settled((nowMs - startedAtMs) / 1_000);
}

export const dualWriteStopped: Phase = {
  name: 'DualWriteStopped',
  async run(context) {
    const { move, records } = context;
    const [source, target] = [context.node(move.source), context.node(move.target)];
    let read = await records.route(move.index, move.shard);
    const isOlderHold = read.route.state === 'held';
    if (read.route.moveId !== move.id) throw new InvariantError(`shard ${move.shard} is not in move ${move.id}`);
    if (read.route.state === 'tracking') {
      await ensureSource(context);
      read = await hold(context, read, await gate(context, source, target));
    }
    if (read.route.state === 'held') {
      if (isOlderHold && (await records.endHold(move.index, read)))
        throw new MoveWaitingError('hold_over: trying again', 50);
      read = await switchOwners(context, read);
    }
    if (read.route.state !== 'settling') throw new InvariantError(`shard ${move.shard} is ${read.route.state}`);
    await settle(context, target, read);
  },
};
