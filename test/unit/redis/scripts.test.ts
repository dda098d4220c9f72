// Every script says what it guarantees, and is used; what is used exists.
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { luaSource } from '../../support/lua-at.ts';

const SRC = new URL('../../../src/', import.meta.url);
const files = readdirSync(new URL('redis/lua/', SRC)).filter((name) => name.endsWith('.lua'));
const names = files.map((file) => file.slice(0, -'.lua'.length)).sort();
const includes = readdirSync(new URL('redis/lua/include/', SRC)).map((file) => file.slice(0, -'.lua'.length));

const sources = (readdirSync(SRC, { recursive: true }) as string[])
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(new URL(file, SRC), 'utf8'));
const used = new Set(
  sources.flatMap((text) => [...text.matchAll(/[.\s](?:run|try|said)\(\s*'([a-z-]+)'/g)].map(([, name]) => name ?? '')),
);

const headerOf = (source: string): string[] =>
  source.split('\n').filter((_, at, lines) => lines.slice(0, at + 1).every((each) => each.startsWith('--')));

/** Numbers that a header describes: `KEYS[3]` is one, `KEYS[10..13]` are four. */
const described = (header: string): number[] =>
  [...header.matchAll(/KEYS\[(\d+)(?:\.\.(\d+))?/g)].flatMap(([, from, to]) =>
    Array.from({ length: Number(to ?? from) - Number(from) + 1 }, (_, at) => Number(from) + at),
  );

describe('scripts', () => {
  it('each file is run somewhere, and each that is run has a file', () => {
    expect([...used].sort()).toEqual(names);
  });

  it('each include is used', () => {
    const wanted = new Set(
      names.flatMap((name) => [...luaSource(name).matchAll(/^-- @include (\S+)$/gm)].map(([, part]) => part)),
    );
    expect(wanted).toEqual(new Set(includes));
  });

  it.each(names)('%s begins with its guarantee, KEYS, ARGV where it has any, and what it returns', (name) => {
    const source = luaSource(name);
    const header = headerOf(source);
    // Scripts with the same keys describe them once, in the include that they name.
    const [, shared] = /^-- KEYS, ARGV\[1\.\.\d\] as (\w+) say/m.exec(header.join('\n')) ?? [];
    const text = [...header, ...(shared === undefined ? [] : headerOf(luaSource(`include/${shared}`)))].join('\n');
    expect(header[0]).toMatch(/^-- [A-Z].{30,}/);
    expect(text).toMatch(/^-- KEYS\[1\]/m);
    expect(/ARGV\[/.test(source)).toBe(/^-- ARGV\[1\]/m.test(text));
    expect(text).toMatch(/^-- Returns /m);
    const keysUsed = [...source.slice(header.join('\n').length).matchAll(/KEYS\[(\d+)\]/g)].map(([, number]) =>
      Number(number),
    );
    for (const key of keysUsed) expect(described(text), `KEYS[${key}]`).toContain(key);
  });

  it.each(names.filter((name) => /^(move|moves|plan|topology)-/.test(name)))(
    '%s checks the fence, or says why anybody may run it',
    (name) => {
      const anybody = new Set(['move-wish', 'plan-cancel', 'plan-hold', 'plan-release', 'topology-init']);
      expect(luaSource(name).includes('-- @include fence')).toBe(!anybody.has(name));
    },
  );

  it.each(names.filter((name) => /^moves?-/.test(name)))(
    '%s notes that a move has changed, for whoever keeps what it has read',
    (name) => {
      expect(luaSource(name)).toMatch(/^ *note_change\(/m);
    },
  );

  it('no script turns a fence into a number, except to make a larger one', () => {
    for (const name of [
      ...names.map((each) => luaSource(each)),
      ...includes.map((part) => luaSource(`include/${part}`)),
    ]) {
      for (const line of name.split('\n').filter((text) => /tonumber\([^)]*fence/.test(text)))
        expect(line).toContain('math.max');
    }
  });
});
