/**
 * What comes between choosing the owners of a part and sending it: its turn (R9), its note in the journal (R3, R6) or
 * its look-up there (R4). Whatever was begun is ended again where the part has to wait, so that it keeps nothing.
 */
import type { ShardRoute } from '../../core/routing.ts';
import { messageOf } from '../../errors.ts';
import type { Attempt, Journal, JournalRef, Logger, TurnRequest, Turns, TurnToken } from '../../ports.ts';
import type { Bell } from './bell.ts';
import { stepOf } from './choice.ts';
import { journalIdsOf, turnIdsOf } from './payload.ts';
import type { Part, Payload } from './payload.ts';
import type { Session } from './registration.ts';
import type { Snapshot } from './tables.ts';
import type { WaitWhy } from './waits.ts';

/** A place in line for a turn, kept from one choice to the next. */
export interface LinePlace {
  readonly request: TurnRequest;
  readonly token: TurnToken;
}

/** A part with the owners it is sent to; in flight until `release`. */
export interface Chosen {
  readonly part: Part;
  readonly route: ShardRoute;
  readonly snapshot: Snapshot;
  readonly session: Session;
  readonly release: () => void;
  turn: LinePlace | null;
  attempt: { readonly ref: JournalRef; readonly attempt: Attempt; readonly kind: 'append' | 'raise' } | null;
}

export interface PreparationOptions {
  readonly journal: Journal;
  readonly turns: Turns;
  readonly bell: Bell;
  readonly logger: Logger;
}

/** Woken by the end of a turn; the others ask again by themselves. */
export const NEXT_IN_LINE = 4;

export const turnBell = (index: string, shard: number): string => `turn:${index}:${shard}`;

export class Preparation {
  readonly #options: PreparationOptions;

  constructor(options: PreparationOptions) {
    this.#options = options;
  }

  /** `ready`: it may be sent now. Else why it waits; `place` is where it stands in line, if it does. */
  async prepare(
    payload: Payload,
    chosen: Chosen,
    place: LinePlace | null,
    /** How long it has waited at the mover's gate so far. */
    gateMs: number,
  ): Promise<{ readonly result: 'ready' | WaitWhy; readonly place: LinePlace | null }> {
    const { route } = chosen;
    const step = stepOf(route, payload.kind);
    if (step.kind === 'wait') {
      await this.leave(place);
      return { result: step.why, place: null };
    }
    try {
      const result = await this.#lookUp(payload, chosen);
      if (result !== 'ready' || !step.turn) {
        await this.leave(place);
        if (result !== 'ready') return { result, place: null };
      }
      const line = step.turn ? await this.#takeTurn(payload, chosen, place) : null;
      if (line !== null && chosen.turn === null) return line;
      const noted = await this.#note(payload, chosen, gateMs);
      if (noted !== 'ready') await this.end(chosen, []);
      return { result: noted, place: null };
    } catch (error) {
      // What a script may have opened without our knowledge the adapter ends.
      this.#options.logger.debug({ problem: messageOf(error) }, 'a write could not be prepared');
      await this.end(chosen, []);
      return { result: 'reread', place: null };
    }
  }

  /**
   * Ends what was begun for a part: its turn, listing its ids for the owners that missed it, and its attempt. False when
   * the turn was not ours any more: then the outcome is unknown (R9). `removedAtMs`: when it deleted them.
   */
  async end(chosen: Chosen, missed: readonly string[], removedAtMs?: number): Promise<boolean> {
    const [isOurs] = await Promise.all([this.#endTurn(chosen, missed, removedAtMs), this.#mark(chosen)]);
    return isOurs;
  }

  async leave(place: LinePlace | null): Promise<void> {
    if (place === null) return;
    await this.#options.turns.leave(place.request, place.token).catch((error: unknown) => {
      this.#options.logger.debug({ problem: messageOf(error) }, 'place in line left to run out');
    });
  }

  /** The look-up comes before the turn, so that no turn is kept while documents settle. */
  async #lookUp({ kind }: Payload, { part, route, snapshot }: Chosen): Promise<'ready' | WaitWhy> {
    const step = stepOf(route, kind);
    if (step.kind !== 'send' || step.journal !== 'lookUp') return 'ready';
    const ids = journalIdsOf(part, snapshot.entry.shards);
    const found = await this.#options.journal.lookUp(refOf(snapshot, route), ids);
    if (found === 'refused') return 'reread';
    return found.length === 0 ? 'ready' : 'settling';
  }

  async #takeTurn(
    { kind }: Payload,
    chosen: Chosen,
    place: LinePlace | null,
  ): Promise<{ readonly result: WaitWhy; readonly place: LinePlace | null }> {
    const { part, route, session, snapshot } = chosen;
    const request: TurnRequest = {
      index: snapshot.entry.uid,
      shard: route.shard,
      registration: session.id,
      ids: turnIdsOf(kind, part),
      owners: route.owners,
    };
    // A place under another registration or for other owners is not this one.
    const isSame =
      place?.request.registration === session.id &&
      place.request.owners.join() === route.owners.join() &&
      place.request.ids.length === request.ids.length;
    if (!isSame) await this.leave(place);
    const answer = await this.#options.turns.take(request, isSame ? place.token : null);
    if (answer === 'refused') return { result: 'reread', place: null };
    if ('waiting' in answer) return { result: 'turn', place: { request, token: answer.waiting } };
    chosen.turn = { request, token: answer.taken };
    return { result: 'turn', place: null };
  }

  async #note({ kind }: Payload, chosen: Chosen, gateMs: number): Promise<'ready' | WaitWhy> {
    const { part, route, session, snapshot } = chosen;
    const step = stepOf(route, kind);
    if (step.kind !== 'send' || (step.journal !== 'append' && step.journal !== 'raise')) return 'ready';
    const { journal } = this.#options;
    const ref = refOf(snapshot, route);
    const answer =
      step.journal === 'append'
        ? await journal.append(ref, session.id, journalIdsOf(part, snapshot.entry.shards))
        : await journal.raise(ref, session.id, gateMs);
    if (answer === 'refused') return 'reread';
    if (answer === 'wait') return 'gate';
    chosen.attempt = { ref, attempt: answer.attempt, kind: step.journal };
    return 'ready';
  }

  /** Without an answer the turn is not known to have been ours to the end; the adapter goes on ending it. */
  async #endTurn(chosen: Chosen, missed: readonly string[], removedAtMs?: number): Promise<boolean> {
    const { turn } = chosen;
    if (turn === null) return true;
    chosen.turn = null;
    try {
      const done = removedAtMs === undefined ? {} : { removedAtMs };
      return await this.#options.turns.end(turn.request, turn.token, missed, done);
    } catch (error) {
      this.#options.logger.warn({ problem: messageOf(error) }, 'a turn could not be ended');
      return false;
    } finally {
      this.#options.bell.ring(turnBell(turn.request.index, turn.request.shard), NEXT_IN_LINE);
    }
  }

  async #mark(chosen: Chosen): Promise<void> {
    const { attempt, session } = chosen;
    if (attempt === null) return;
    chosen.attempt = null;
    const { journal } = this.#options;
    try {
      if (attempt.kind === 'append') await journal.mark(attempt.ref, session.id, attempt.attempt);
      else await journal.markRaised(attempt.ref, session.id, attempt.attempt);
    } catch (error) {
      // The adapter goes on marking it; until then the mover waits, and nothing is lost.
      this.#options.logger.warn({ problem: messageOf(error) }, 'an attempt could not be marked');
    }
  }
}

function refOf({ entry }: Snapshot, { shard, moveId }: ShardRoute): JournalRef {
  return { index: entry.uid, shard, move: moveId ?? '' };
}
