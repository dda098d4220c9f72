import { describe, expect, it } from 'vitest';
import { isSuperseded } from '../../../src/core/superseded.ts';

const doc = (stamp: number, name = 'a'): string => `{"id":1,"name":"${name}","_miroir_updated_at":${stamp}}`;

describe('a copy that nobody reads', () => {
  it('tells nothing any more where every owner has the same or a later one', () => {
    expect(isSuperseded(doc(5), [doc(5), doc(9, 'b')], null)).toBe(true);
    expect(isSuperseded('{"id":1,"a":1,"b":2}', ['{"id":1,"b":2,"a":1}'], null)).toBe(true);
  });

  it('may be all that is left where an owner has an older one, another one of the same time, or none', () => {
    expect(isSuperseded(doc(5), [doc(5), doc(4)], null)).toBe(false);
    expect(isSuperseded(doc(5), [doc(5, 'b')], null)).toBe(false);
    expect(isSuperseded(doc(5), [doc(5), null], null)).toBe(false);
    expect(isSuperseded(doc(5), [], 9)).toBe(false);
  });

  it('tells nothing where an owner lacks it that was deleted later', () => {
    expect(isSuperseded(doc(5), [null, null], 5)).toBe(true);
    expect(isSuperseded(doc(5), [null, doc(6)], 7)).toBe(true);
    expect(isSuperseded(doc(5), [null], 4)).toBe(false);
  });
});
