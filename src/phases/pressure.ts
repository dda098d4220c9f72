/**
 * What happens when nodes or the journal do not keep up, so that a shard cannot switch: first the target takes no new
 * windows of other moves, then clients' writes of the shard are answered later.
 */
import { MoveWaitingError } from '../errors.ts';
import type { JournalState, RouteRead } from '../ports.ts';
import { type PhaseContext, journalOf } from './context.ts';
import { accepted, tracking } from './routes.ts';

/** Refusals until other moves hold back, and until clients do. */
const RESERVE_AT = 3;
const PRESS_AT = 10;
/** Longer than a move waits between two tries. */
const RESERVED_MS = 20_000;
/** Delay of a 202 after the first ten refusals; doubled by every ten more, up to what a client takes for slow, not dead. */
const DELAY_MS = 200;
const DELAY_MS_MAX = 1_600;

export const delayFor = (refused: number): number =>
  refused < PRESS_AT ? 0 : Math.min(DELAY_MS_MAX, DELAY_MS * 2 ** (Math.floor(refused / PRESS_AT) - 1));

/** Counts a refusal, does what the count asks for, and has the move wait with the reason. */
export async function refuse(context: PhaseContext, read: RouteRead, reason: string): Promise<never> {
  const { move, writer, loads, clock, log } = context;
  const refused = move.gateRefused + 1;
  await writer.note(move.id, { fields: { gateRefused: refused } });
  if (refused >= RESERVE_AT) loads.of(move.target).reserve(move.id, clock.monotonic() + RESERVED_MS);
  const delayMs = delayFor(refused);
  if (delayMs > (read.route.delayMs ?? 0)) {
    log.warn({ refused, delayMs, reason }, 'catching up does not win: writes of the shard are answered later');
    accepted(
      await writer.advance(move, {
        route: tracking(read, move, delayMs),
        unlessCancelled: true,
        what: 'back-pressure',
      }),
      'back-pressure',
    );
  }
  throw new MoveWaitingError(reason);
}

/** Whether what the journal holds may be left to settling. */
export const isShort = ({ size, ranges }: JournalState, context: PhaseContext): boolean =>
  ranges === 0 && size <= context.settings.gateJournalIds;

export const journalReason = ({ size, ranges }: JournalState): string =>
  `journal: ${size} entries, ${ranges} of them ranges, come as fast as they are carried over`;

export const stateOf = (context: PhaseContext): Promise<JournalState> => context.journal.state(journalOf(context.move));
