// Keys of the gateway: what an entry allows, what a file may hold, and what never gets out.
import { describe, expect, it } from 'vitest';
import { ConfigError, InvalidInputError } from '../../../src/errors.ts';
import { Refusal } from '../../../src/gateway/answers.ts';
import { readKeyFile } from '../../../src/access/key-file.ts';
import { createKeys, KEY_FILE, type KeyWish, newKey } from '../../../src/gateway/keys.ts';

const wish: KeyWish = { actions: ['search', 'documents.*'], indexes: ['cities', 'logs_*'] };
const ALL: KeyWish = { actions: ['*'], indexes: ['*'] };

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof Refusal)
      return `${error.answer.status} ${(JSON.parse(error.answer.body) as { code: string }).code}`;
    throw error;
  }
  return 'allowed';
};

describe('a key', () => {
  const { key, entry } = newKey(wish);
  const other = newKey(ALL);
  const keys = createKeys([entry, other.entry], () => Date.parse('2027-01-01T00:00:00Z'));

  it('is not in its entry', () => {
    const secret = key.split('_').slice(2).join('_');
    expect(JSON.stringify(entry)).not.toContain(secret);
    expect(key).toMatch(/^mk_[0-9a-f]{16}_[\w-]{43}$/);
    expect(newKey(wish).entry).not.toEqual(entry);
  });

  it('allows its actions on its indexes', () => {
    const access = keys.authorize(`Bearer ${key}`, 'documents.add');
    expect(['cities', 'logs_2026', 'logs_'].map((uid) => access.allowsIndex(uid))).toEqual([true, true, true]);
    expect(['citiesX', 'logs', 'other', '*'].map((uid) => access.allowsIndex(uid))).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect(access.indexPatterns).toEqual(['cities', 'logs_*']);
    expect(keys.authorize(`Bearer ${other.key}`, 'keys.get').indexPatterns).toBeNull();
  });

  it.each([
    ['documents.get', 'allowed'],
    ['search', 'allowed'],
    ['settings.get', '403 invalid_api_key'],
    ['documentsX', '403 invalid_api_key'],
  ])('%s: %s', (action, result) => {
    expect(codeOf(() => keys.authorize(`Bearer ${key}`, action))).toBe(result);
  });

  it.each([
    [undefined, '401 missing_authorization_header'],
    ['Basic dTpw', '401 missing_authorization_header'],
    [`bearer ${key}`, '401 missing_authorization_header'],
    [key, '401 missing_authorization_header'],
    ['Bearer', '403 invalid_api_key'],
    ['Bearer ', '403 invalid_api_key'],
    ['Bearer wrong', '403 invalid_api_key'],
    [`Bearer ${key}x`, '403 invalid_api_key'],
    [`Bearer ${key.slice(0, -1)}`, '403 invalid_api_key'],
    [`Bearer ${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`, '403 invalid_api_key'],
    [`Bearer ${key.slice(0, 19)}_${other.key.slice(20)}`, '403 invalid_api_key'],
    [`Bearer mk_0000000000000000_${'A'.repeat(43)}`, '403 invalid_api_key'],
    [`Bearer ${'x'.repeat(100_000)}`, '403 invalid_api_key'],
  ])('header %s: %s', (header, result) => {
    expect(codeOf(() => keys.authorize(header, 'search'))).toBe(result);
  });

  it('ends when it expires', () => {
    const short = newKey({ ...ALL, expiresAt: '2027-01-01T01:00:00+01:00' });
    const at = (time: string): string =>
      codeOf(() => createKeys([short.entry], () => Date.parse(time)).authorize(`Bearer ${short.key}`, 'search'));
    expect(at('2026-12-31T23:59:59.999Z')).toBe('allowed');
    expect(at('2027-01-01T00:00:00Z')).toBe('403 invalid_api_key');
  });

  it('with *.get reads everything but keys', () => {
    const reader = newKey({ actions: ['*.get'], indexes: ['*'] });
    const readers = createKeys([reader.entry], () => 0);
    const may = (action: string): string => codeOf(() => readers.authorize(`Bearer ${reader.key}`, action));
    expect([may('settings.get'), may('keys.get'), may('documents.add')]).toEqual([
      'allowed',
      '403 invalid_api_key',
      '403 invalid_api_key',
    ]);
  });

  it.each([
    [{ ...wish, actions: ['serch'] }, /actions: serch is no action/],
    [{ ...wish, actions: ['document.*'] }, /actions: document\.\* is no action/],
    [{ ...wish, actions: [] }, /actions/],
    [{ ...wish, indexes: ['a b'] }, /indexes: a b is no index/],
    [{ ...wish, indexes: ['*x'] }, /indexes/],
    [{ ...wish, expiresAt: 'tomorrow' }, /expiresAt/],
  ])('is not made of %j', (wrong, message) => {
    expect(() => newKey(wrong)).toThrow(InvalidInputError);
    expect(() => newKey(wrong)).toThrow(message);
  });
});

describe('a key file', () => {
  const { entry } = newKey(wish);

  it('is read back', () => {
    expect(readKeyFile(KEY_FILE, JSON.stringify([entry]), 'keys.json')).toEqual([entry]);
  });

  it.each([
    ['no JSON', `{"hash":"${entry.hash}"`, /is no JSON/],
    ['no array', '{}', /keys\.json: /],
    ['an entry with another field', JSON.stringify([{ ...entry, key: 'mk_secret' }]), /key/],
    ['a hash that is none', JSON.stringify([{ ...entry, hash: 'abc' }]), /0\.hash must be 64 hexadecimal digits/],
    ['an unknown action', JSON.stringify([{ ...entry, actions: ['x'] }]), /0\.actions\.0 is no action/],
    ['an id twice', JSON.stringify([entry, entry]), /is there twice/],
  ])('with %s is refused by name and without a hash', (_, text, message) => {
    expect(() => readKeyFile(KEY_FILE, text, 'keys.json')).toThrow(ConfigError);
    expect(() => readKeyFile(KEY_FILE, text, 'keys.json')).toThrow(message);
    expect(() => readKeyFile(KEY_FILE, text, 'keys.json')).not.toThrow(entry.hash);
  });
});
