// Which copy of a document all owners shall have.
import { describe, expect, it } from 'vitest';
import type { MissedBy } from '../../src/ports.ts';
import { bestCopy } from '../../src/reconcile/best-copy.ts';

const doc = (stamp: number, name = 'a'): string => `{"id":1,"name":"${name}","_miroir_updated_at":${stamp}}`;
const missed = (lists: Record<string, string | null | { whole: string }>): ReadonlyMap<string, MissedBy> =>
  new Map(
    Object.entries(lists).map(([owner, list]) => [
      owner,
      typeof list === 'object' && list !== null
        ? { whole: list.whole, ids: new Map() }
        : { whole: null, ids: new Map(list === null ? [] : [['1', list]]) },
    ]),
  );
const best = (copies: Record<string, string | null>, lists: Parameters<typeof missed>[0]) =>
  bestCopy('1', new Map(Object.entries(copies)), Object.keys(lists), missed(lists));

describe('the best copy', () => {
  it('is that of an owner that missed nothing, whatever the stamps say', () => {
    expect(best({ n1: doc(1), n2: doc(9) }, { n1: null, n2: '100' })).toEqual({ text: doc(1) });
    expect(best({ n1: null, n2: doc(9) }, { n1: null, n2: '100' })).toEqual({ text: null });
    expect(best({ n1: doc(1), n2: doc(1), n3: null }, { n1: null, n2: null, n3: { whole: '5' } })).toEqual({
      text: doc(1),
    });
  });

  it('is nobody’s where those that missed nothing differ, or cannot be read', () => {
    const owners = { n1: null, n2: null, n3: '5' };
    expect(best({ n1: doc(1), n2: doc(2), n3: null }, owners)).toHaveProperty('leave');
    expect(best({ n3: doc(2) }, owners)).toHaveProperty('leave');
  });

  it('where all missed something is that whose first miss came last: what was deleted stays deleted', () => {
    expect(best({ n1: null, n2: doc(3) }, { n1: '200', n2: '100' })).toEqual({ text: null });
    expect(best({ n1: null, n2: doc(3) }, { n1: '100', n2: '200' })).toEqual({ text: doc(3) });
    expect(best({ n1: doc(9) }, { n1: '100', n2: '200' })).toHaveProperty('leave');
  });

  it('of one moment is the newest, then the one with the larger hash, whoever asks', () => {
    const same = { n1: '100', n2: '100' };
    expect(best({ n1: doc(3), n2: doc(7) }, same)).toEqual({ text: doc(7) });
    expect(best({ n1: null, n2: doc(7) }, same)).toEqual({ text: doc(7) });
    const [one, other] = [best({ n1: doc(7), n2: doc(7, 'b') }, same), best({ n2: doc(7), n1: doc(7, 'b') }, same)];
    expect(one).toEqual(other);
    expect(best({ n1: '{"id":1}', n2: doc(1) }, same)).toEqual({ text: doc(1) });
  });

  it('where somebody missed the whole shard is the newest of those that all have it', () => {
    const lists = { n1: { whole: '300' }, n2: '100' };
    expect(best({ n1: doc(3), n2: doc(7) }, lists)).toEqual({ text: doc(7) });
    expect(best({ n1: null, n2: doc(7) }, lists)).toEqual({ text: null });
  });
});
