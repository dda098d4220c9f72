/**
 * The hold and the switch: for as long as routers' writes in flight take to be accepted, new writes of the shard wait;
 * then one script changes its owners. A hold that does not lead to the switch is ended at once, so that nobody waits for
 * its end time.
 */
import { InvariantError, MoveWaitingError, messageOf } from '../errors.ts';
import type { RouteRead } from '../ports.ts';
import type { Floors } from './audit.ts';
import { passBarrier } from './barrier.ts';
import type { PhaseContext } from './context.ts';
import { accepted, held, settling, tracking, written } from './routes.ts';

/** Clients wait meanwhile, so routers are looked for more often than at other barriers. */
const POLL_MS = 5;
/** Part of the hold in which routers may acknowledge: the rest is for the switch itself. */
const PATIENCE = 0.75;

/** Puts a held shard back to `tracking`, whether the hold is over or not. */
export async function endHold(context: PhaseContext, read: RouteRead): Promise<RouteRead> {
  const { move, writer } = context;
  return written(await writer.advance(move, { route: tracking(read, move), what: 'tracking' }), 'the end of the hold');
}

async function switchOwners(context: PhaseContext, read: RouteRead): Promise<{ read: RouteRead; nowMs: number }> {
  const { move, writer } = context;
  const { heldUntilMs } = read.route;
  if (heldUntilMs === undefined)
    throw new InvariantError(`shard ${move.shard} of ${move.index} is held without an end`);
  const reply = await writer.advance(move, {
    route: settling(read, move),
    holdUntilMs: heldUntilMs,
    unlessCancelled: true,
    unlessCounted: true,
    unlessHeld: true,
    copyRepairs: { from: move.source, to: move.target },
    fields: { switchedAt: '$now' },
    what: 'settling',
  });
  if ('refused' in reply && reply.refused === 'hold_over') {
    throw new MoveWaitingError('hold_over: routers acknowledged too late');
  }
  const { nowMs } = accepted(reply, 'the switch');
  return { read: written(reply, 'the switch'), nowMs };
}

/** Returns the route after the switch and how many routers live. Throws `MoveWaitingError` after putting the shard back. */
export async function holdAndSwitch(
  context: PhaseContext,
  read: RouteRead,
  floors: Floors,
): Promise<{ readonly read: RouteRead; readonly routers: number }> {
  const { move, writer, settings, observer, log } = context;
  const reply = await writer.advance(move, {
    route: held(read, move, settings.holdMs),
    unlessCancelled: true,
    unlessCounted: true,
    unlessHeld: true,
    fields: { gateFloor: floors.source, gateTargetFloor: floors.target, heldAt: '$now' },
    what: 'held',
  });
  const { nowMs: heldAtMs } = accepted(reply, 'the hold');
  const holding = written(reply, 'the hold');
  try {
    const patience = { forMs: settings.holdMs * PATIENCE, pollMs: POLL_MS };
    const routers = await passBarrier(context, holding.route.epoch, patience);
    const switched = await switchOwners(context, holding);
    observer.hold((switched.nowMs - heldAtMs) / 1_000);
    return { read: switched.read, routers };
  } catch (error) {
    // Where the switch got no answer it may have happened: then the route is another, and nothing is put back.
    await endHold(context, holding).catch((problem: unknown) =>
      log.debug({ problem: messageOf(problem) }, 'the hold was not ended here: it is over by itself'),
    );
    throw error;
  }
}
