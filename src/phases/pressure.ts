/**
 * What happens when nodes or the journal do not keep up, so that a shard cannot switch: first the target takes no new
 * windows of other moves, then clients' writes of the shard are answered later.
 */
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

/** Counts a refusal and does what the count asks for; the move waits then. */
export async function press(context: PhaseContext, read: RouteRead): Promise<void> {
  const { move, writer, loads, clock, log } = context;
  const refused = move.gateRefused + 1;
  await writer.note(move.id, { fields: { gateRefused: refused } });
  if (refused >= RESERVE_AT) loads.of(move.target).reserve(move.id, clock.monotonic() + RESERVED_MS);
  const delayMs = delayFor(refused);
  if (delayMs <= (read.route.delayMs ?? 0)) return;
  log.warn({ refused, delayMs }, 'catching up does not win: writes of the shard are answered later');
  const route = tracking(read, move, delayMs);
  accepted(await writer.advance(move, { route, unlessCancelled: true, what: 'back-pressure' }), 'back-pressure');
}

/** Whether what the journal holds may be left to settling. */
export const isShort = ({ size, ranges }: JournalState, context: PhaseContext): boolean =>
  ranges === 0 && size <= context.settings.gateJournalIds;

export const sizeText = ({ size, ranges }: JournalState): string => `${size} entries, ${ranges} of them ranges`;

export const stateOf = (context: PhaseContext): Promise<JournalState> => context.journal.state(journalOf(context.move));
