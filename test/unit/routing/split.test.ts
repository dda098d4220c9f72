import { describe, expect, it } from 'vitest';
import { locateKey } from '../../../src/core/hashing.ts';
import { InvalidInputError } from '../../../src/errors.ts';
import { splitDocuments } from '../../../src/routing/split.ts';

const ENTRY = { shards: 64, primaryKey: 'id' };
const CLOCK = { now: () => 1_700_000_000_123.4 };
const split = (text: string, entry = ENTRY) => [...splitDocuments(text, entry, CLOCK).values()];
const one = (document: string): string | undefined => split(`[${document}]`)[0]?.documents[0];

function refusal(text: string): InvalidInputError {
  try {
    split(text);
  } catch (error) {
    if (error instanceof InvalidInputError) return error;
    throw error;
  }
  throw new Error(`${text} was not refused`);
}

describe('splitDocuments', () => {
  it('adds the three fields as text and leaves every other character as it is', () => {
    const { shard, slot } = locateKey('a-1', 64);
    const stamp = `"_miroir_shard":${shard},"_miroir_slot":${slot},"_miroir_updated_at":1700000000123}`;
    const body = '{ "n":18446744073709551615,"f":1.0, "u":"\\u00e9ß\\/🏙", "id" : "a-1" ,"deep":{"id":7}';
    expect(one(`${body}\n}`)).toBe(`${body}\n,${stamp}`);
    expect(JSON.parse(one(`${body}}`) ?? '')).toMatchObject({ id: 'a-1', _miroir_shard: shard, _miroir_slot: slot });
  });

  it('groups by shard, in the order given, with the ids as text', () => {
    const ids = Array.from({ length: 500 }, (_, index) => index);
    const parts = split(`[${ids.map((id) => `{"id":${id}}`).join(',\n')}]`);
    expect(
      parts
        .flatMap((part) => part.ids)
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual(ids);
    for (const { shard, documents, ids: own } of parts) {
      expect(own).toEqual([...own].sort((a, b) => Number(a) - Number(b)));
      expect(own.map((id) => locateKey(id, 64).shard)).toEqual(own.map(() => shard));
      expect(documents.map((text) => String((JSON.parse(text) as { id: number }).id))).toEqual(own);
    }
  });

  it('treats 1 and "1" as the same document, and 64-bit numbers exactly', () => {
    expect(split('[{"id":1},{"id":"1"}]').map(({ ids }) => ids)).toEqual([['1', '1']]);
    expect(split('[{"id":18446744073709551615}]')[0]?.ids).toEqual(['18446744073709551615']);
    expect(split('[{"id":-9223372036854775808}]')[0]?.ids).toEqual(['-9223372036854775808']);
  });

  it('decodes the primary key, whatever its name and spelling', () => {
    expect(split('[{"\\u0069d":"\\u0061"}]')[0]?.ids).toEqual(['a']);
    expect(split('[{"key":"x","id":[]}]', { shards: 1, primaryKey: 'key' })[0]?.ids).toEqual(['x']);
  });

  it('has nothing to say of an empty array', () => {
    expect(split(' [] ')).toEqual([]);
  });

  it.each([
    ['[{"id":1},{"name":"x"}]', 1, 10, 'no field id'],
    ['[{}]', 0, 1, 'no field id'],
    ['[1]', 0, 1, 'no object'],
    ['[{"id":null}]', 0, 7, 'neither a string nor a number'],
    ['[{"id":true}]', 0, 7, 'neither a string nor a number'],
    ['[{"id":["a"]}]', 0, 7, 'neither a string nor a number'],
    ['[{"id":""}]', 0, 7, 'not allowed'],
    ['[{"id":"a b"}]', 0, 7, 'not allowed'],
    ['[{"id":"ä"}]', 0, 7, 'not allowed'],
    ['[{"id":"a/b"}]', 0, 7, 'not allowed'],
    [`[{"id":"${'x'.repeat(512)}"}]`, 0, 7, 'not allowed'],
    ['[{"id":1.0}]', 0, 7, 'not allowed'],
    ['[{"id":1e2}]', 0, 7, 'not allowed'],
    ['[{"id":-0}]', 0, 7, 'not allowed'],
    ['[{"id":18446744073709551616}]', 0, 7, 'not allowed'],
    ['[{"id":-9223372036854775809}]', 0, 7, 'not allowed'],
    ['[{"id":1,"_miroir_shard":3}]', 0, 1, 'reserved field _miroir_shard'],
    ['[{"id":1,"\\u005fmiroir_slot":3}]', 0, 1, 'reserved field _miroir_slot'],
    ['[{"id":1,"_miroir_updated_at":null}]', 0, 1, 'reserved field _miroir_updated_at'],
    ['[{"id":1,"x":"\\ud800"}]', 0, 1, 'surrogate'],
  ])('refuses %s, naming document %i and character %i', (text, document, position, words) => {
    const error = refusal(text);
    expect(error.details).toMatchObject({ document, position });
    expect(error.message).toContain(words);
    expect(error.remedy).toBeTruthy();
  });

  it('takes our names as values and in deeper objects: only top-level fields are reserved', () => {
    expect(one('{"id":1,"x":"_miroir_shard","y":{"_miroir_slot":1}}')).toContain(
      '"y":{"_miroir_slot":1},"_miroir_shard"',
    );
  });

  it.each(['', '{}', '[{"id":1}', '[{"id":1},]', '[{"id":1}] x', 'null'])('refuses the text %j', (text) => {
    expect(() => split(text)).toThrow(InvalidInputError);
  });
});
