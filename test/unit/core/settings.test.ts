// Settings as values: fingerprints, what a change makes of them, what a node lacks, and what is kept of secrets.
import { describe, expect, it } from 'vitest';
import {
  comparedSettings,
  settingsAfter,
  settingsLacking,
  settingsPatch,
  wordedSettings,
} from '../../../src/core/settings-change.ts';
import {
  hasOwnSecrets,
  hasSecrets,
  withKeys,
  withoutSecrets,
  withReferences,
} from '../../../src/core/settings-secrets.ts';
import { byBytes, differingSettings, fingerprintOf, settingsText } from '../../../src/core/settings-text.ts';

describe('fingerprints', () => {
  it('of nothing is the original’s', async () => {
    expect(await fingerprintOf({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
  });

  it('do not depend on the order of keys, nested ones too, and do on that of arrays', async () => {
    const one = await fingerprintOf({ a: { c: 1, b: [1, 2] }, d: null });
    expect(await fingerprintOf({ d: null, a: { b: [1, 2], c: 1 } })).toBe(one);
    expect(await fingerprintOf({ d: null, a: { b: [2, 1], c: 1 } })).not.toBe(one);
    expect(settingsText({ b: undefined, a: 'x' })).toBe('{"a":"x","b":null}');
  });

  it('of two nodes differ in the settings that are named, not in one that is left out or null', () => {
    const one = { stopWords: ['a'], synonyms: { a: ['b'] }, separatorTokens: null };
    expect(differingSettings(one, { synonyms: { a: ['b'] }, stopWords: [], dictionary: ['x'] })).toEqual([
      'dictionary',
      'stopWords',
    ]);
    expect(differingSettings(one, { ...one })).toEqual([]);
  });

  it('sort keys by the bytes of UTF-8', () => {
    const [astral, private_] = ['\u{1f600}', '\ue000'];
    expect(astral < private_).toBe(true); // the order of JavaScript
    expect(byBytes(astral, private_)).toBeGreaterThan(0);
    expect(['b', 'ab', 'a', ''].sort(byBytes)).toEqual(['', 'a', 'ab', 'b']);
    expect(settingsText({ [astral]: 1, [private_]: 2 })).toBe(`{"${private_}":2,"${astral}":1}`);
  });
});

describe('a change of settings', () => {
  const base = settingsAfter({}, { pagination: {}, stopWords: null, synonyms: {}, typoTolerance: { enabled: true } });

  it('resets to what a node has by default, merges parts, and sorts what a node keeps as a set', () => {
    expect(base).toMatchObject({ pagination: { maxTotalHits: 1_000 }, stopWords: [], synonyms: {} });
    const after = settingsAfter(base, {
      stopWords: ['the', 'a', 'a'],
      rankingRules: ['words', 'typo'],
      typoTolerance: { disableOnWords: ['b', 'a'], minWordSizeForTypos: { oneTypo: 4 } },
      pagination: { maxTotalHits: null },
      synonyms: { b: ['a'] },
      unknown: null,
    });
    expect(after).toMatchObject({
      stopWords: ['a', 'the'],
      rankingRules: ['words', 'typo'],
      typoTolerance: { enabled: true, disableOnWords: ['a', 'b'], minWordSizeForTypos: { oneTypo: 4, twoTypos: 9 } },
      pagination: { maxTotalHits: 1_000 },
      synonyms: { b: ['a'] },
      unknown: null,
    });
  });

  it('takes an embedder away with null', () => {
    const one = settingsAfter({}, { embedders: { x: { source: 'rest' }, y: { source: 'rest' } } });
    expect(settingsAfter(one, { embedders: { x: null } })).toEqual({ embedders: { y: { source: 'rest' } } });
    expect(settingsAfter({ embedders: 1 }, { embedders: { x: { a: 1 } } })).toEqual({ embedders: { x: { a: 1 } } });
  });
});

describe('what a node lacks', () => {
  it('is nothing where it has what is wanted, whatever else it shows', () => {
    const wanted = { stopWords: ['a'], distinctAttribute: null };
    expect(settingsLacking(wanted, { distinctAttribute: null, stopWords: ['a'], newer: 1 })).toEqual({});
  });

  it('is the difference alone, with null for what is too much', () => {
    const wanted = { stopWords: ['a'], faceting: { max: 1, sort: { '*': 'alpha' } }, embedders: {}, synonyms: {} };
    const shown = {
      stopWords: ['b'],
      faceting: { max: 1, sort: { '*': 'count', x: 'count' } },
      embedders: { old: { source: 'rest' } },
      synonyms: {},
    };
    expect(settingsLacking(wanted, shown)).toEqual({
      stopWords: ['a'],
      faceting: { sort: { '*': 'alpha', x: null } },
      embedders: { old: null },
    });
  });

  it('counts secrets by whether there are some', () => {
    const wanted = { embedders: { x: { source: 'rest', apiKey: { ref: 'A' } } } };
    expect(settingsLacking(wanted, { embedders: { x: { source: 'rest', apiKey: 'My suXXX' } } })).toEqual({});
    expect(settingsLacking(wanted, { embedders: { x: { source: 'rest' } } })).toEqual({
      embedders: { x: { apiKey: { ref: 'A' } } },
    });
    expect(settingsLacking({ embedders: { x: {} } }, { embedders: { x: { apiKey: 'y' } } })).toEqual({});
  });
});

describe('what a node is sent', () => {
  const shown = {
    stopWords: ['a'],
    pagination: { max: 1 },
    embedders: { old: {}, e: { apiKey: 'hidXX' } },
    distinct: 'x',
  };
  const patch = (change: Record<string, unknown>, isFirst = true): object =>
    settingsPatch(settingsAfter(shown, change), change, shown, isFirst);

  it('is what it lacks, in the words of the change', () => {
    expect(patch({ stopWords: ['b', 'a'], distinct: null })).toEqual({ stopWords: ['b', 'a'], distinct: null });
    expect(patch({ stopWords: ['a'] })).toEqual({});
    expect(patch({ pagination: { max: 2 } })).toEqual({ pagination: { max: 2 } });
  });

  it('is at first also what it does not show, and resets that it may refuse', () => {
    const change = { wrong: null, pagination: { nope: null }, embedders: { old: null, e: { apiKey: 'new' } } };
    expect(patch(change)).toEqual(change);
    expect(patch(change, false)).toEqual({ embedders: { old: null } });
    expect(patch({ embedders: { e: { apiKey: { ref: 'K' } } } })).toEqual({
      embedders: { e: { apiKey: { ref: 'K' } } },
    });
  });
});

describe('the nodes’ words', () => {
  const wanted = { stopWords: ['a'], rankingRules: ['x'], embedders: { e: { source: 'rest', apiKey: { ref: 'K' } } } };

  it('stand for what was asked for where all nodes say the same', () => {
    const shown = {
      stopWords: ['a'],
      rankingRules: ['x', 'y'],
      embedders: { e: { source: 'rest', apiKey: 'hidXX', dimensions: 3 } },
    };
    expect(wordedSettings(wanted, [shown, shown])).toEqual({
      stopWords: ['a'],
      rankingRules: ['x', 'y'],
      embedders: { e: { source: 'rest', apiKey: { ref: 'K' }, dimensions: 3 } },
    });
  });

  it('do not where they differ among themselves, or one shows what was asked for', () => {
    const right = { ...wanted, embedders: { e: { source: 'rest', apiKey: 'hidXX' } } };
    const wrong = { ...right, stopWords: ['b'], rankingRules: ['z'] };
    expect(wordedSettings(wanted, [right, wrong])).toEqual(wanted);
    expect(wordedSettings(wanted, [wrong, { ...wrong, stopWords: ['c'], rankingRules: ['w'] }])).toEqual(wanted);
    expect(wordedSettings(wanted, [])).toEqual(wanted);
    expect(wordedSettings({ embedders: null }, [{ embedders: { e: { apiKey: 'x' } } }])).toEqual({
      embedders: { e: { apiKey: 'XXX...' } },
    });
  });

  it('are compared key by key of what is wanted', () => {
    expect(comparedSettings({ a: 1, b: 2 }, { a: 3, c: 4 })).toEqual({ a: 3, b: null });
  });
});

describe('secrets of embedders', () => {
  const settings = {
    embedders: {
      named: { apiKey: { ref: 'OPEN' }, headers: null },
      own: { apiKey: 'sk-secret', headers: { authorization: 'Bearer secret' } },
    },
  };

  it('are never kept: only names of keys are', () => {
    expect(JSON.stringify(withReferences(settings))).not.toContain('secret');
    expect(withReferences(settings).embedders).toEqual({
      named: { apiKey: { ref: 'OPEN' }, headers: null },
      own: { apiKey: 'XXX...', headers: 'XXX...' },
    });
    expect(JSON.stringify(withoutSecrets(settings))).not.toContain('OPEN');
    expect(withoutSecrets({ stopWords: [] })).toEqual({ stopWords: [] });
  });

  it('are looked up by their names when they are sent, and what only stands for one is not', () => {
    expect(withKeys(withReferences(settings), (ref) => `key of ${ref}`).embedders).toEqual({
      named: { apiKey: 'key of OPEN', headers: null },
      own: {},
    });
  });

  it('are told apart by who knows them', () => {
    expect(hasOwnSecrets(settings)).toBe(true);
    expect(hasOwnSecrets(withReferences(settings))).toBe(false);
    expect(hasSecrets(withReferences(settings))).toBe(true);
    expect(hasSecrets({ embedders: { own: { apiKey: 'XXX...' } } })).toBe(false);
    expect(hasSecrets({})).toBe(false);
  });
});
