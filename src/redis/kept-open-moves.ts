/**
 * Moves that have not ended, by index, kept between two questions: the list of an index stays the same one as long as none
 * of its moves has changed, so that what was worked out of it still holds.
 */
import { groupedBy } from '../core/grouped.ts';
import type { MoveState } from '../ports.ts';

interface OpenMovesOptions {
  /** Of all that have not ended. */
  readonly ids: () => Promise<string[]>;
  readonly read: (ids: readonly string[]) => Promise<readonly MoveState[]>;
  /** Since it was asked last; null: anything may have changed. */
  readonly changed: () => Promise<readonly string[] | null>;
}

type ByIndex = ReadonlyMap<string, readonly MoveState[]>;

export interface OpenMoves {
  readonly byIndex: ByIndex;
  /** Of all, in order. */
  readonly ids: readonly string[];
}

const byId = (a: MoveState, b: MoveState): number => (a.id < b.id ? -1 : 1);
const isSameIds = (one: readonly MoveState[], other: readonly MoveState[] | undefined): boolean =>
  one.length === other?.length && one.every(({ id }, at) => id === other[at]?.id);

/** What it returns is not to be called again before its answer is there. */
export function keepOpenMoves({ ids, read, changed }: OpenMovesOptions): () => Promise<OpenMoves> {
  let known: ByIndex = new Map();
  let sorted: readonly string[] = [];
  let isKnown = false;

  async function readAll(): Promise<ByIndex> {
    sorted = (await ids()).sort();
    return groupedBy(await read(sorted), ({ index }) => index);
  }

  async function readChanged(which: readonly string[]): Promise<ByIndex> {
    const news = await read(which);
    if (news.length === 0) return known;
    const next = new Map(known);
    let isSameSet = true;
    for (const [index, moves] of groupedBy(news, (move) => move.index)) {
      const replaced = new Set(moves.map(({ id }) => id));
      const stays = (known.get(index) ?? []).filter(({ id }) => !replaced.has(id));
      const open = [...stays, ...moves.filter(({ outcome }) => outcome === undefined)].sort(byId);
      isSameSet &&= isSameIds(open, known.get(index));
      if (open.length === 0) next.delete(index);
      else next.set(index, open);
    }
    if (!isSameSet) sorted = [...next.values()].flatMap((moves) => moves.map(({ id }) => id)).sort();
    return next;
  }

  return async () => {
    const which = await changed();
    const isWhole = which === null || !isKnown;
    // Should the reading fail, what has changed meanwhile is not told a second time.
    isKnown = false;
    known = isWhole ? await readAll() : await readChanged(which);
    isKnown = true;
    return { byIndex: known, ids: sorted };
  };
}
