import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../../src/errors.ts';
import {
  filterableSettings,
  MIROIR_FIELDS,
  searchesOurFields,
  shownSettings,
  withMiroirSettings,
} from '../../../src/routing/fields.ts';

const OURS = {
  attributePatterns: ['_miroir_shard', '_miroir_slot'],
  features: { facetSearch: false, filter: { equality: true, comparison: true } },
};

describe('MIROIR_FIELDS', () => {
  it('never end in "id", which a node would take for a candidate of the primary key', () => {
    for (const name of MIROIR_FIELDS) expect(name).not.toMatch(/id$/i);
  });
});

describe('withMiroirSettings', () => {
  it('puts our granular rule first and keeps everything of the user', () => {
    const rule = { attributePatterns: ['genre', '_miroir_*'], features: { facetSearch: true } };
    const settings = { stopWords: ['the'], filterableAttributes: ['country', rule, '*'], synonyms: { a: ['b'] } };
    expect(withMiroirSettings(settings)).toEqual({ ...settings, filterableAttributes: [OURS, 'country', rule, '*'] });
    expect(settings.filterableAttributes).toEqual(['country', rule, '*']);
  });

  it.each([[{}], [{ filterableAttributes: null }], [{ filterableAttributes: [] }]])('fits into %j', (settings) => {
    expect(withMiroirSettings(settings)).toEqual({ filterableAttributes: [OURS] });
  });

  it('applied again changes nothing, and replaces older forms of our own rule', () => {
    const once = withMiroirSettings({ filterableAttributes: ['x'] });
    expect(withMiroirSettings(once)).toEqual(once);
    const older = {
      filterableAttributes: ['_miroir_shard', 'x', { attributePatterns: ['_miroir_slot'], features: {} }],
    };
    expect(withMiroirSettings(older)).toEqual(once);
  });

  it('leaves searchableAttributes alone unless told', () => {
    expect(withMiroirSettings({ searchableAttributes: ['*'] })['searchableAttributes']).toEqual(['*']);
    expect(withMiroirSettings({}, { searchableAttributes: ['name'] })['searchableAttributes']).toEqual(['name']);
  });

  it.each(['*', ...MIROIR_FIELDS])('refuses to make %s searchable', (name) => {
    expect(() => withMiroirSettings({}, { searchableAttributes: ['name', name] })).toThrow(InvalidInputError);
  });

  it('gives each caller a rule of its own', () => {
    expect(filterableSettings()).not.toBe(filterableSettings());
    expect(filterableSettings()).toEqual(OURS);
  });
});

describe('searchesOurFields', () => {
  it.each([
    [{}, true],
    [{ searchableAttributes: null }, true],
    [{ searchableAttributes: ['*'] }, true],
    [{ searchableAttributes: ['name', '_miroir_slot'] }, true],
    [{ searchableAttributes: ['name'] }, false],
    [{ searchableAttributes: [] }, false],
  ])('%j -> %s', (settings, isSearched) => {
    expect(searchesOurFields(settings)).toBe(isSearched);
  });
});

describe('shownSettings', () => {
  it('shows what was sent as the node words it, without our rule', () => {
    const sent = { stopWords: ['the', 'a'], filterableAttributes: ['x'] };
    const worded = { stopWords: ['a', 'the'], filterableAttributes: [OURS, 'x'] };
    expect(shownSettings(sent, worded)).toEqual({ stopWords: ['a', 'the'], filterableAttributes: ['x'] });
    expect(shownSettings({ stopWords: [] })).toEqual({ stopWords: [] });
  });

  it.each([
    [{}, null],
    [{ filterableAttributes: null }, null],
    [{ filterableAttributes: [] }, []],
  ])('tells a reset from an empty list: %j', (sent, shown) => {
    expect(shownSettings(sent, { filterableAttributes: [OURS] })).toEqual({ filterableAttributes: shown });
  });

  it('hides what embedders authenticate with, however deep, and nothing else of that name', () => {
    const settings = {
      synonyms: { apiKey: ['key'] },
      embedders: {
        a: { source: 'openAi', apiKey: 'sk-secret', dimensions: 3 },
        b: { searchEmbedder: { headers: { authorization: 'secret' } }, apiKey: null },
      },
    };
    expect(shownSettings(settings)).toEqual({
      synonyms: { apiKey: ['key'] },
      embedders: {
        a: { source: 'openAi', apiKey: 'XXX...', dimensions: 3 },
        b: { searchEmbedder: { headers: 'XXX...' }, apiKey: null },
      },
    });
  });
});
