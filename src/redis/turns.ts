/** Turns of ids that more than one owner holds (R9): one write after the other, in order of arrival. */
import type { Clock, TurnRequest, TurnToken, Turns } from '../ports.ts';
import { createInsist } from './insist.ts';
import { keys } from './keys.ts';
import { idsText } from './repairs.ts';
import type { Scripts } from './scripts.ts';

/** One that waits and is not asked about for this long loses its place. */
const ASK_WITHIN_MS = 5_000;
/** Parts that wait in one shard, of all routers: beyond it a client had better come back. */
const MAX_WAITING = 1_000;
/** Of one shard; some 10 MB. */
const MAX_TOMBSTONES = 100_000;
/** Shards looked at by one script: a few ms of Redis. */
const SHARDS_PER_LOOK = 4_096;

export interface TurnsOptions {
  readonly scripts: Scripts;
  readonly clock: Clock;
  /** Life of a router's entry (ms): turns of one that is gone are ended by others. */
  readonly entryMs: number;
  readonly maxWaiting?: number;
  /** Ids that are kept of a shard's deletes. */
  readonly maxTombstones?: number;
}

type Part = Pick<TurnRequest, 'index' | 'shard'>;

const numberOf = (token: TurnToken): string => token.slice(0, token.indexOf(':'));

export function createTurns(options: TurnsOptions): Turns {
  const { scripts, clock, entryMs, maxWaiting = MAX_WAITING, maxTombstones = MAX_TOMBSTONES } = options;
  const insist = createInsist({ clock, entryMs });
  const name = clock.random().toString(36).slice(2);
  let tries = 0;

  const run = (
    script: string,
    { index, shard }: Part,
    args: readonly (string | number)[],
    moreKeys: readonly string[] = [],
  ): Promise<readonly string[]> =>
    scripts.run(
      script,
      [
        keys.turns(index, shard),
        keys.turnClaims(index, shard),
        keys.turnOrder(index, shard),
        keys.turnsWaiting(index, shard),
        keys.routers,
        keys.repairs(index),
        ...moreKeys,
      ],
      [shard, keys.repair(index, shard, ''), ASK_WITHIN_MS, ...args],
    );

  const begin = async (request: TurnRequest): Promise<readonly string[]> => {
    tries += 1;
    const attempt = `${name}-${tries}`;
    const { registration, owners } = request;
    const args = [registration, idsText(request.ids), JSON.stringify(owners), maxWaiting, attempt];
    return insist.run(
      () => run('turn-take', request, args),
      // Its number is not known, so nothing was sent: others must not wait for it.
      () => run('turn-leave', request, [registration, '', attempt]),
    );
  };
  const leave = (request: TurnRequest, token: TurnToken): Promise<unknown> =>
    run('turn-leave', request, [request.registration, numberOf(token), '']);
  /** Places whose ask is not answered (yet): without an answer they are left, since the turn may have been taken by it. */
  const leaving = new Set<TurnToken>();
  const ask = async (request: TurnRequest, waiting: TurnToken): Promise<readonly string[]> => {
    if (leaving.has(waiting)) return begin(request);
    const number = numberOf(waiting);
    leaving.add(waiting);
    const [answer = ''] = await insist.run(
      () => run('turn-ask', request, [request.registration, number]),
      async () => {
        await leave(request, waiting);
        leaving.delete(waiting);
      },
    );
    leaving.delete(waiting);
    return answer === 'lost' ? begin(request) : [answer, number];
  };

  const endDead = async (index: string, shard: number): Promise<number> => {
    const [, ended] = await run('turns-end-dead', { index, shard }, []);
    return Number(ended);
  };

  return {
    async take(request, waiting) {
      const [answer, number = ''] = waiting === null ? await begin(request) : await ask(request, waiting);
      const token = `${number}:${request.registration}`;
      if (answer === 'taken') return { taken: token };
      return answer === 'waiting' ? { waiting: token } : 'refused';
    },
    async end(request, turn, missed, { removedAtMs, sent } = {}) {
      const { index, shard, registration } = request;
      const ids = sent === undefined ? '' : idsText(sent);
      const args = [registration, numberOf(turn), JSON.stringify(missed), removedAtMs ?? '', maxTombstones, ids];
      const tombstones = [keys.tombstones(index, shard), keys.doubt(index)];
      const end = (): Promise<readonly string[]> => run('turn-end', request, args, tombstones);
      const [answer] = await insist.run(end, end);
      return answer === 'ok';
    },
    async leave(request, waiting) {
      const call = (): Promise<unknown> => leave(request, waiting);
      await insist.run(call, call);
    },
    endDead,
    async endAllDead(index, shards) {
      let ended = 0;
      for (let from = 0; from < shards; from += SHARDS_PER_LOOK) {
        const to = Math.min(shards, from + SHARDS_PER_LOOK) - 1;
        const [, ...held] = await scripts.run('turns-held', [keys.turnsPrefix(index)], [from, to]);
        for (const shard of held) ended += await endDead(index, Number(shard));
      }
      return ended;
    },
  };
}
