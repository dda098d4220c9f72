import { describe, expect, it } from 'vitest';
import { Sights } from '../../../src/core/sights.ts';

const sights = () => new Sights({ intervalMs: 5_000, gapMs: 2_000 });
const NOBODY = (): boolean => false;

describe('what one observer has seen', () => {
  it('is the outcome of its last looks, how many, and for how long', () => {
    const mine = sights();
    mine.note('n1', 'silent', 1_000);
    mine.note('n1', 'silent', 2_500);
    mine.note('n2', 'refused', 2_500);
    mine.note('n3', 'answers', 2_500);
    expect(mine.told(4_000, NOBODY)).toEqual(
      new Map([
        ['n1', { what: 'silent', forMs: 3_000, looks: 2 }],
        ['n2', { what: 'refused', forMs: 1_500, looks: 1 }],
      ]),
    );
    expect(mine.troubled()).toEqual(['n1', 'n2']);
    mine.note('n1', 'answers', 4_000);
    expect(mine.what('n1')).toBe('answers');
    expect(mine.told(4_000, (id) => id === 'n1').get('n1')).toEqual({ what: 'answers', forMs: 0, looks: 1 });
    mine.note('n1', 'silent', 5_000);
    expect(mine.told(5_000, NOBODY).get('n1')).toEqual({ what: 'silent', forMs: 0, looks: 1 });
  });

  it('begins anew after it has not looked for long: frozen itself, it has seen nothing', () => {
    const mine = sights();
    mine.note('n1', 'silent', 1_000);
    mine.note('n1', 'silent', 3_001);
    expect(mine.told(3_001, NOBODY).get('n1')).toMatchObject({ forMs: 0, looks: 1 });
    mine.note('n2', 'answers', 1_000);
    mine.note('n2', 'answers', 8_000);
    expect(mine.told(8_000, () => true).get('n2')).toMatchObject({ forMs: 7_000, looks: 2 });
    mine.note('n2', 'answers', 15_001);
    expect(mine.told(15_001, () => true).get('n2')).toMatchObject({ forMs: 0, looks: 1 });
  });

  it('asks for the next look after the interval, or at once', () => {
    const mine = sights();
    expect(mine.isDue('n1', 0, false)).toBe(true);
    mine.note('n1', 'answers', 1_000);
    expect(mine.isDue('n1', 5_999, false)).toBe(false);
    expect(mine.isDue('n1', 5_999, true)).toBe(true);
    expect(mine.isDue('n1', 6_000, false)).toBe(true);
  });

  it('is forgotten of nodes that are nobody’s concern', () => {
    const mine = sights();
    mine.note('n1', 'silent', 0);
    mine.note('n2', 'silent', 0);
    mine.keep(new Set(['n2']));
    expect(mine.troubled()).toEqual(['n2']);
    expect(mine.what('n1')).toBeUndefined();
  });
});
