/** The router's side of a moving shard's journal (R3, R4, R6): each call is one script that checks state and move. */
import type { Clock, Journal, JournalId, JournalRef } from '../ports.ts';
import { createInsist } from './insist.ts';
import { keys } from './keys.ts';
import type { Scripts } from './scripts.ts';

/** Slots that one range covers. */
const BUCKET_SLOTS = 256;
/** Half of a shard's slots as ranges: beyond that the whole shard is what is carried over sooner. */
const MAX_RANGES = 128;
/** How long a mover at its gate may keep a count waiting (R6). */
const GATE_PATIENCE_MS = 2_000;

export interface JournalOptions {
  readonly scripts: Scripts;
  readonly clock: Clock;
  /** Ids a journal holds before it goes on with ranges. */
  readonly maxIds: number;
  /** Life of a router's entry (ms): attempts of one that is gone are over. */
  readonly entryMs: number;
}

export const idsText = (ids: readonly JournalId[]): string => JSON.stringify(ids.map(({ id }) => id));
export const bucketsText = (ids: readonly JournalId[]): string =>
  JSON.stringify(ids.map(({ slot }) => Math.floor(slot / BUCKET_SLOTS)));

export function createJournal({ scripts, clock, maxIds, entryMs }: JournalOptions): Journal {
  const insist = createInsist({ clock, entryMs });
  const name = clock.random().toString(36).slice(2);
  let tries = 0;

  /** Numbers something under a try of its own, which is ended when the answer does not come. */
  const numbered = (
    ref: JournalRef,
    registration: string,
    call: (attempt: string) => Promise<readonly string[]>,
  ): Promise<readonly string[]> => {
    tries += 1;
    const attempt = `${name}-${tries}`;
    const names = [keys.openAttempts(ref.move), keys.reverify(ref.move)];
    return insist.run(
      () => call(attempt),
      () => scripts.run('journal-abandon', names, [attempt, registration]),
    );
  };
  const ending = async (call: () => Promise<unknown>): Promise<void> => {
    await insist.run(call, call);
  };

  return {
    async append(ref, registration, ids) {
      const [answer, attempt] = await numbered(ref, registration, (attempted) =>
        scripts.run(
          'journal-append',
          [
            keys.routing(ref.index),
            keys.move(ref.move),
            keys.journal(ref.move),
            keys.ranges(ref.move),
            keys.openAttempts(ref.move),
            keys.routers,
          ],
          [ref.shard, ref.move, registration, maxIds, MAX_RANGES, idsText(ids), bucketsText(ids), attempted],
        ),
      );
      return answer === 'again' ? 'refused' : { attempt: Number(attempt) };
    },
    async mark(ref, registration, attempt) {
      await ending(() => scripts.run('journal-mark', [keys.openAttempts(ref.move)], [attempt, registration]));
    },
    async lookUp(ref, ids) {
      const [answer, ...waiting] = await scripts.run(
        'journal-look',
        [keys.routing(ref.index), keys.journal(ref.move)],
        [ref.shard, ref.move, idsText(ids)],
      );
      return answer === 'again' ? 'refused' : waiting;
    },
    async raise(ref, registration, waitedMs) {
      const [answer, attempt] = await numbered(ref, registration, (attempted) =>
        scripts.run(
          'journal-raise',
          [keys.routing(ref.index), keys.move(ref.move), keys.reverify(ref.move), keys.routers],
          [ref.shard, ref.move, registration, waitedMs, GATE_PATIENCE_MS, attempted],
        ),
      );
      if (answer === 'again') return 'refused';
      return answer === 'wait' ? 'wait' : { attempt: Number(attempt) };
    },
    async markRaised(ref, registration, attempt) {
      await ending(() => scripts.run('journal-raised', [keys.reverify(ref.move)], [attempt, registration]));
    },
  };
}
