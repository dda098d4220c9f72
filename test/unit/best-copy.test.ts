// Which copy of a document all owners shall have.
import { describe, expect, it } from 'vitest';
import type { MissedBy } from '../../src/ports.ts';
import { type Holders, bestCopy } from '../../src/reconcile/best-copy.ts';

const doc = (stamp: number, name = 'a'): string => `{"id":1,"name":"${name}","_miroir_updated_at":${stamp}}`;
/** A score of a miss at this time (ms), and one of a write that nobody was told is written. */
const at = (ms: number): string => `${1_700_000_000_000_000 + ms * 1_000}`;
const unknownAt = (ms: number): string => `${700_000_000_000_000 + ms * 1_000}`;
const stamp = (ms: number): number => 1_700_000_000_000 + ms;

type List = string | null | { readonly whole: string };
const missed = (lists: Readonly<Record<string, List>>): ReadonlyMap<string, MissedBy> =>
  new Map(
    Object.entries(lists).map(([owner, list]) => [
      owner,
      typeof list === 'object' && list !== null
        ? { whole: list.whole, ids: new Map() }
        : { whole: null, ids: new Map(list === null ? [] : [['1', list]]) },
    ]),
  );
const best = (
  copies: Record<string, string | null>,
  lists: Readonly<Record<string, List>>,
  former: [string, string][] = [],
  known: Partial<Pick<Holders, 'lostMs' | 'doubtMs'>> & { readonly removedMs?: number } = {},
) => {
  const { removedMs, ...times } = known;
  return bestCopy('1', new Map(Object.entries(copies)), {
    owners: Object.keys(lists),
    missed: missed(lists),
    former: new Map(former.map(([node, us]) => [node, Number(us)])),
    ...(removedMs === undefined ? {} : { removedAtMs: new Map([['1', removedMs]]) }),
    ...times,
  });
};

describe('the best copy', () => {
  it('is that of an owner that missed nothing', () => {
    expect(best({ n1: doc(9), n2: doc(1) }, { n1: null, n2: at(1) })).toEqual({ text: doc(9) });
    expect(best({ n1: null, n2: doc(9) }, { n1: null, n2: at(1) })).toEqual({ text: null });
    const lists = { n1: null, n2: null, n3: { whole: at(5) } };
    expect(best({ n1: doc(1), n2: doc(1), n3: null }, lists)).toEqual({ text: doc(1) });
  });

  it('is nobody’s where those that missed nothing differ, or cannot be read', () => {
    const owners = { n1: null, n2: null, n3: at(5) };
    expect(best({ n1: doc(1), n2: doc(2), n3: null }, owners)).toHaveProperty('leave');
    expect(best({ n3: doc(2) }, owners)).toHaveProperty('leave');
  });

  it('is nobody’s where one that is said to have missed a write has a later one', () => {
    expect(best({ n1: doc(1), n2: doc(9) }, { n1: null, n2: at(1) })).toHaveProperty('leave');
    expect(best({ n1: doc(1), n2: doc(9) }, { n1: null, n2: { whole: at(1) } })).toHaveProperty('leave');
    // One that nobody was told is written it may well have.
    expect(best({ n1: doc(1), n2: doc(9) }, { n1: null, n2: unknownAt(1) })).toEqual({ text: doc(1) });
  });

  it('where all missed something is that whose last miss came first: the others missed what it has', () => {
    expect(best({ n1: null, n2: doc(3) }, { n1: at(1), n2: at(2) })).toEqual({ text: null });
    expect(best({ n1: null, n2: doc(3) }, { n1: at(2), n2: at(1) })).toEqual({ text: doc(3) });
    expect(best({ n2: doc(9) }, { n1: at(1), n2: at(2) })).toHaveProperty('leave');
  });

  it('is not changed by a write that nobody was told is written: what was deleted stays deleted', () => {
    expect(best({ n1: null, n2: doc(3) }, { n1: unknownAt(9), n2: at(1) })).toEqual({ text: null });
    expect(best({ n1: doc(3), n2: null }, { n1: unknownAt(9), n2: at(1) })).toEqual({ text: doc(3) });
  });

  it('of one moment is the newest, then the one with the larger hash, whoever asks', () => {
    const same = { n1: unknownAt(1), n2: unknownAt(1) };
    expect(best({ n1: doc(3), n2: doc(7) }, same)).toEqual({ text: doc(7) });
    expect(best({ n1: null, n2: doc(7) }, same)).toEqual({ text: doc(7) });
    const [one, other] = [best({ n1: doc(7), n2: doc(7, 'b') }, same), best({ n2: doc(7), n1: doc(7, 'b') }, same)];
    expect(one).toEqual(other);
    expect(best({ n1: '{"id":1}', n2: doc(1) }, same)).toEqual({ text: doc(1) });
  });

  it('where somebody missed the whole shard is the newest of those that all have it', () => {
    const lists = { n1: { whole: at(3) }, n2: at(4) };
    expect(best({ n1: doc(3), n2: doc(7) }, lists)).toEqual({ text: doc(7) });
    expect(best({ n1: null, n2: doc(7) }, lists)).toEqual({ text: null });
  });

  it('where somebody missed the whole shard, and perhaps before the others, is not what was deleted since', () => {
    const lists = { n1: { whole: at(10) }, n2: at(4) };
    const missedDelete = { n1: null, n2: doc(stamp(3)) };
    expect(best(missedDelete, lists, [], { removedMs: stamp(4) })).toEqual({ text: null });
    // No delete that is known: then n1 missed a write, unless nobody can know.
    expect(best(missedDelete, lists, [])).toEqual({ text: doc(stamp(3)) });
    expect(best(missedDelete, lists, [], { doubtMs: stamp(9) })).toHaveProperty('leave');
    const missedWrite = { n1: doc(stamp(3)), n2: null };
    expect(best(missedWrite, lists, [])).toEqual({ text: doc(stamp(3)) });
    expect(best(missedWrite, lists, [], { removedMs: stamp(4) })).toEqual({ text: null });
    // After n2's last miss everything reached it.
    expect(best({ n1: doc(stamp(6)), n2: null }, lists, [], { doubtMs: stamp(9) })).toEqual({ text: null });
    expect(best({ n1: null, n2: doc(stamp(6)) }, lists, [], { doubtMs: stamp(9) })).toEqual({ text: doc(stamp(6)) });
    expect(best({ n1: null, n2: null }, lists)).toEqual({ text: null });
  });

  it('where several missed the whole shard is nobody’s before all are read', () => {
    const lists = { n1: { whole: at(3) }, n2: at(4), n3: { whole: at(9) } };
    expect(best({ n1: null, n2: doc(stamp(2)) }, lists)).toHaveProperty('leave');
    expect(best({ n1: null, n2: null }, lists)).toHaveProperty('leave');
    expect(best({ n1: null, n2: null, n3: doc(stamp(2)) }, lists)).toEqual({ text: doc(stamp(2)) });
    const both = { n1: { whole: at(3) }, n2: { whole: at(3) } };
    expect(best({ n1: null, n2: doc(stamp(2)) }, both, [], { doubtMs: stamp(3) })).toHaveProperty('leave');
  });

  it('may be on a node that owned the shard then, unless owners were given a later one', () => {
    const lists = { n1: at(10) };
    const left: [string, string][] = [['n2', at(20)]];
    expect(best({ n1: doc(stamp(5)), n2: doc(stamp(9), 'b') }, lists, left)).toEqual({ text: doc(stamp(9), 'b') });
    expect(best({ n1: null, n2: doc(stamp(9)) }, lists, left)).toEqual({ text: doc(stamp(9)) });
    // A delete that the owner missed, and a write that it got after that.
    expect(best({ n1: doc(stamp(5)), n2: null }, lists, left)).toEqual({ text: null });
    expect(best({ n1: doc(stamp(30)), n2: null }, lists, left)).toEqual({ text: doc(stamp(30)) });
    expect(best({ n1: doc(stamp(30)), n2: doc(stamp(9)) }, lists, left)).toEqual({ text: doc(stamp(30)) });
    // It cannot be read, left before the miss, missed it as well, or nothing acknowledged was missed.
    expect(best({ n1: doc(stamp(5)) }, lists, left)).toHaveProperty('leave');
    expect(best({ n1: doc(stamp(5)) }, lists, [['n2', at(5)]])).toEqual({ text: doc(stamp(5)) });
    expect(best({ n1: doc(stamp(5)) }, { n1: unknownAt(10) }, left)).toEqual({ text: doc(stamp(5)) });
  });

  it('is not on a node that owned the shard then, where the document was deleted after it was written there', () => {
    const lists = { n1: at(10) };
    const left: [string, string][] = [['n2', at(20)]];
    const copies = { n1: null, n2: doc(stamp(9)) };
    expect(best(copies, lists, left, { removedMs: stamp(30) })).toEqual({ text: null });
    expect(best(copies, lists, left, { removedMs: stamp(9) })).toEqual({ text: null });
    expect(best(copies, lists, left, { removedMs: stamp(8) })).toEqual({ text: doc(stamp(9)) });
    // Written again after that.
    const again = { n1: doc(stamp(40)), n2: doc(stamp(9)) };
    expect(best(again, lists, left, { removedMs: stamp(30) })).toEqual({ text: doc(stamp(40)) });
  });

  it('is not on a node that owned the shard then, where a filter may have deleted it since: nobody knows', () => {
    const lists = { n1: at(10) };
    const left: [string, string][] = [['n2', at(20)]];
    const copies = { n1: null, n2: doc(stamp(9)) };
    expect(best(copies, lists, left, { doubtMs: stamp(30) })).toHaveProperty('leave');
    // Deleted by a filter before it left, written after the delete, or older than what an owner has.
    expect(best(copies, lists, left, { doubtMs: stamp(19) })).toEqual({ text: doc(stamp(9)) });
    expect(best({ n1: null, n2: doc(stamp(19)) }, lists, left, { doubtMs: stamp(18) })).toHaveProperty('text');
    const again = { n1: doc(stamp(40)), n2: doc(stamp(9)) };
    expect(best(again, lists, left, { doubtMs: stamp(50) })).toEqual({ text: doc(stamp(40)) });
    // The operator's word.
    expect(best(copies, lists, left, { doubtMs: stamp(30), removedMs: stamp(60) })).toEqual({ text: null });
  });

  it.each([
    ['n2', 'n3'],
    ['n3', 'n2'],
  ])('is that of the one that left last (%s before %s), unless it lacks what surely was not deleted', (first, last) => {
    const lists = { n1: at(5) };
    const left: [string, string][] = [
      [first, at(10)],
      [last, at(20)],
    ];
    left.sort(([a], [b]) => (a < b ? -1 : 1));
    const lacking = { n1: null, [first]: doc(stamp(4)), [last]: null };
    const having = { n1: null, [first]: null, [last]: doc(stamp(4)) };
    const old = { doubtMs: Infinity };
    expect(best(lacking, lists, left, old)).toEqual({ text: null });
    expect(best(having, lists, left, old)).toEqual({ text: doc(stamp(4)) });
    expect(best(lacking, lists, left)).toEqual({ text: doc(stamp(4)) });
    expect(best(lacking, lists, left, { removedMs: stamp(15) })).toEqual({ text: null });
    expect(best(lacking, lists, left, { doubtMs: stamp(15) })).toHaveProperty('leave');
    // Of two that left at once one has it.
    const both: [string, string][] = left.map(([node]) => [node, at(20)]);
    for (const copies of [lacking, having]) expect(best(copies, lists, both, old)).toEqual({ text: doc(stamp(4)) });
  });

  describe('where Redis has lost writes', () => {
    const loss = { lostMs: stamp(100) };
    const listed = { n1: null, n2: at(1) };

    it('is not brought to an owner that may rightly lack it, nor deleted where it may rightly be', () => {
      expect(best({ n1: doc(stamp(5)), n2: null }, listed, [], loss)).toHaveProperty('leave');
      expect(best({ n1: null, n2: doc(stamp(5)) }, listed, [], loss)).toHaveProperty('leave');
      const both = { n1: at(1), n2: at(2) };
      expect(best({ n1: doc(stamp(5)), n2: null }, both, [], loss)).toHaveProperty('leave');
      expect(best({ n1: doc(stamp(5)), n2: doc(stamp(9)) }, both, [], loss)).toHaveProperty('leave');
    });

    it('is as ever what was written or deleted since, and what all have', () => {
      expect(best({ n1: doc(stamp(101)), n2: null }, listed, [], loss)).toEqual({ text: doc(stamp(101)) });
      expect(best({ n1: doc(stamp(9)), n2: doc(stamp(5)) }, listed, [], loss)).toEqual({ text: doc(stamp(9)) });
      expect(best({ n1: doc(stamp(5)), n2: doc(stamp(5)) }, listed, [], loss)).toEqual({ text: doc(stamp(5)) });
      const removed = { ...loss, removedMs: stamp(7) };
      expect(best({ n1: null, n2: doc(stamp(5)) }, listed, [], removed)).toEqual({ text: null });
      expect(best({ n1: null, n2: doc(stamp(8)) }, listed, [], removed)).toHaveProperty('leave');
      expect(best({ n1: null, n2: doc(stamp(101)) }, listed, [], loss)).toEqual({ text: null });
    });
  });
});
