/**
 * Records for a process that is asked again and again: moves and routing tables that were read are kept, and before each
 * answer Redis says what has changed since, so an answer is never older than its question. Every script that changes a move
 * notes it (`include/changed.lua`).
 */
import type { Redis } from 'ioredis';
import type { RoutingTable } from '../core/routing.ts';
import type { MoveState, Records } from '../ports.ts';
import { reading } from './fault.ts';
import { keepOpenMoves } from './kept-open-moves.ts';
import { keys } from './keys.ts';
import { pageAt } from './record-pages.ts';
import type { Scripts } from './scripts.ts';

export interface KeptRecordsOptions {
  readonly records: Records;
  readonly redis: Redis;
  readonly scripts: Scripts;
}

/** Some 2 kB each. */
const MOVES_MAX = 20_000;

export function keepRecords({ records, redis, scripts }: KeptRecordsOptions): Records {
  const moves = keptMoves(records);
  let run = '';
  let changes = '0';
  const look = oneForAll(async () => {
    const [, now = '', count = '0', ...changed] = await scripts.run(
      'changes-read',
      [keys.moveChanges, keys.movesChanged],
      [changes],
    );
    // Another run may have forgotten changes, and the notes of them as well.
    if (now !== run || Number(count) < Number(changes)) moves.forgetAll();
    else moves.forget(changed);
    [run, changes] = [now, count];
  });
  const open = keepOpenMoves({
    ids: () => reading('unfinishedMoves', () => redis.smembers(keys.moves)),
    read: (ids) => moves.read(ids),
    async changed() {
      await look();
      return moves.takeChanged();
    },
  });
  const unfinished = oneForAll(open);

  return {
    ...records,
    async unfinishedByIndex() {
      return (await unfinished()).byIndex;
    },
    async unfinishedMoves() {
      const { byIndex } = await unfinished();
      return [...byIndex.values()].flat().sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    async moves(ids) {
      await look();
      return moves.read(ids);
    },
    async movePage(state, wish) {
      return state === 'ended' ? records.movePage(state, wish) : pageAt((await unfinished()).ids, wish);
    },
    table: keptTables(records, scripts),
  };
}

/** Every change of a table raises its epoch; an epoch of another run of Redis may be another change. */
function keptTables(records: Records, scripts: Scripts): Records['table'] {
  const kept = new Map<string, { readonly run: string; readonly table: RoutingTable }>();
  const look = oneForAll(async () => {
    const [, run = '', ...flat] = await scripts.run('epochs-read', [keys.indexes], [keys.routingPrefix]);
    const epochs = new Map<string, string>();
    for (let at = 0; at + 1 < flat.length; at += 2) epochs.set(flat[at] ?? '', flat[at + 1] ?? '');
    for (const index of kept.keys()) if (!epochs.has(index)) kept.delete(index);
    return { run, epochs };
  });
  return async (index) => {
    const { run, epochs } = await look();
    const known = kept.get(index);
    if (known?.run === run && String(known.table.epoch) === epochs.get(index)) return known.table;
    const table = await records.table(index);
    if (table !== null && epochs.has(index)) kept.set(index, { run, table });
    return table;
  };
}

/** Who asks while a look is under way gets the next one, together with all who ask until that begins. */
function oneForAll<T>(ask: () => Promise<T>): () => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | null = null;
  const begin = (): Promise<T> => {
    next = null;
    return ask();
  };
  return () => {
    if (next === null) {
      next = last.then(begin, begin);
      last = next;
    }
    return next;
  };
}

function keptMoves(records: Pick<Records, 'moves'>) {
  /** In the order in which they were read. */
  const kept = new Map<string, MoveState>();
  /** Of each reading that is under way: what has changed since it began. */
  const underWay = new Set<Set<string>>();
  /** Since it was taken last; null: anything may have. */
  let changedSince: Set<string> | null = null;

  async function fetch(ids: readonly string[]): Promise<ReadonlyMap<string, MoveState>> {
    const changed = new Set<string>();
    underWay.add(changed);
    try {
      const found = new Map((await records.moves(ids)).map((move) => [move.id, move]));
      if (!underWay.has(changed)) return found;
      for (const [id, move] of found) if (!changed.has(id)) kept.set(id, move);
      for (const id of kept.keys()) {
        if (kept.size <= MOVES_MAX) break;
        kept.delete(id);
      }
      return found;
    } finally {
      underWay.delete(changed);
    }
  }

  return {
    forget(ids: readonly string[]): void {
      for (const id of ids) {
        kept.delete(id);
        changedSince?.add(id);
        for (const changed of underWay) changed.add(id);
      }
    },
    forgetAll(): void {
      kept.clear();
      underWay.clear();
      changedSince = null;
    },
    takeChanged(): readonly string[] | null {
      const changed = changedSince;
      changedSince = new Set();
      return changed === null ? null : [...changed];
    },
    /** As they are after a look that began after the question. */
    async read(ids: readonly string[]): Promise<MoveState[]> {
      const known = ids.map((id) => kept.get(id));
      const missing = new Set(ids.filter((_, at) => known[at] === undefined));
      if (missing.size === 0) return known.filter((move) => move !== undefined);
      const found = await fetch([...missing]);
      return ids.map((id, at) => known[at] ?? found.get(id)).filter((move) => move !== undefined);
    },
  };
}
