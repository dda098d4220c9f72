import { ApiError } from './errors.ts';
import type { FilterableAttribute } from './facet-rules.ts';
import {
  expectArray,
  expectBoolean,
  expectCount,
  expectObject,
  expectString,
  expectStrings,
  rejectUnknownKeys,
  wrongType,
  type Place,
} from './json-body.ts';
import { plainValue, type JsonTree } from './json-tree.ts';

/** The settings of an index as they are given out: always all 20 keys. */
export interface Settings {
  displayedAttributes: string[];
  searchableAttributes: string[];
  filterableAttributes: FilterableAttribute[];
  sortableAttributes: string[];
  rankingRules: string[];
  stopWords: string[];
  nonSeparatorTokens: string[];
  separatorTokens: string[];
  dictionary: string[];
  synonyms: Record<string, string[]>;
  distinctAttribute: string | null;
  proximityPrecision: string;
  typoTolerance: Record<string, unknown>;
  faceting: { maxValuesPerFacet: number; sortFacetValuesBy: Record<string, string> };
  pagination: { maxTotalHits: number };
  embedders: Record<string, unknown>;
  searchCutoffMs: number | null;
  localizedAttributes: unknown[] | null;
  facetSearch: boolean;
  prefixSearch: string;
}

export type SettingName = keyof Settings;

/** What a settings task sets: only the keys that were sent, null for a reset. */
export type SettingsPatch = Record<string, unknown>;

export function defaultSettings(): Settings {
  return {
    displayedAttributes: ['*'],
    searchableAttributes: ['*'],
    filterableAttributes: [],
    sortableAttributes: [],
    rankingRules: ['words', 'typo', 'proximity', 'attributeRank', 'sort', 'wordPosition', 'exactness'],
    stopWords: [],
    nonSeparatorTokens: [],
    separatorTokens: [],
    dictionary: [],
    synonyms: {},
    distinctAttribute: null,
    proximityPrecision: 'byWord',
    typoTolerance: {
      enabled: true,
      minWordSizeForTypos: { oneTypo: 5, twoTypos: 9 },
      disableOnWords: [],
      disableOnAttributes: [],
      disableOnNumbers: false,
    },
    faceting: { maxValuesPerFacet: 100, sortFacetValuesBy: { '*': 'alpha' } },
    pagination: { maxTotalHits: 1000 },
    embedders: {},
    searchCutoffMs: null,
    localizedAttributes: null,
    facetSearch: true,
    prefixSearch: 'indexingTime',
  };
}

/** Keys in the order in which a real node lists them in errors; two of them need experimental features. */
const BODY_KEYS = [
  'displayedAttributes',
  'searchableAttributes',
  'filterableAttributes',
  'sortableAttributes',
  'foreignKeys',
  'rankingRules',
  'stopWords',
  'nonSeparatorTokens',
  'separatorTokens',
  'dictionary',
  'synonyms',
  'distinctAttribute',
  'proximityPrecision',
  'typoTolerance',
  'faceting',
  'pagination',
  'embedders',
  'searchCutoffMs',
  'localizedAttributes',
  'facetSearch',
  'prefixSearch',
  'chat',
] as const;

const WITHOUT_FEATURE = new Set<string>(['foreignKeys', 'chat']);

/** Path of each setting's own route. */
export const SETTING_ROUTES: ReadonlyMap<string, SettingName> = new Map(
  (Object.keys(defaultSettings()) as SettingName[]).map((name) => [kebab(name), name]),
);

/** Settings whose own route takes PATCH instead of PUT. */
export const PATCHED_SETTINGS: ReadonlySet<string> = new Set(['typoTolerance', 'faceting', 'pagination', 'embedders']);

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
}

function codeOf(name: string): string {
  return `invalid_settings_${name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}`;
}

/** What `DELETE /settings` shows as its details. */
export function resetPatch(): SettingsPatch {
  const patch: SettingsPatch = Object.fromEntries(BODY_KEYS.map((name) => [name, null]));
  return { ...patch, displayedAttributes: ['*'], searchableAttributes: ['*'] };
}

/** Checks a body of `PATCH /settings`. */
export function readSettingsPatch(body: JsonTree): SettingsPatch {
  const object = expectObject(body, { path: '', code: 'bad_request' });
  rejectUnknownKeys(object, BODY_KEYS, { path: '', code: 'bad_request' });
  const patch: SettingsPatch = {};
  for (const [name, value] of object) patch[name] = readSetting(name, value, `.${name}`);
  return patch;
}

/** Checks one setting; `path` is empty on the setting's own route. */
export function readSetting(name: string, value: JsonTree, path: string): unknown {
  if (value === null) return null;
  if (WITHOUT_FEATURE.has(name)) {
    throw new ApiError('feature_not_enabled', `Setting \`${name}\` in the index requires an experimental feature.`);
  }
  const place: Place = { path, code: codeOf(name) };
  switch (name) {
    case 'displayedAttributes':
    case 'searchableAttributes':
      return expectStrings(value, place);
    case 'sortableAttributes':
    case 'stopWords':
    case 'nonSeparatorTokens':
    case 'separatorTokens':
    case 'dictionary':
      return [...new Set(expectStrings(value, place))].sort();
    case 'filterableAttributes':
      return expectArray(value, place).map((item, i) => readFilterable(item, { ...place, path: `${path}[${i}]` }));
    case 'rankingRules':
      return expectStrings(value, place).map((rule, i) => checkRankingRule(rule, { ...place, path: `${path}[${i}]` }));
    case 'synonyms':
      return Object.fromEntries(
        [...expectObject(value, place)].map(([word, list]) => [
          word,
          expectStrings(list, { ...place, path: `${path}.${word}` }),
        ]),
      );
    case 'distinctAttribute':
      return expectString(value, place);
    case 'proximityPrecision':
      return expectChoice(value, ['byWord', 'byAttribute'], place);
    case 'prefixSearch':
      return expectChoice(value, ['indexingTime', 'disabled'], place);
    case 'typoTolerance':
      return readObject(value, place, {
        enabled: expectBoolean,
        minWordSizeForTypos: (v, p) => readObject(v, p, { oneTypo: expectCount, twoTypos: expectCount }),
        disableOnWords: (v, p) => [...new Set(expectStrings(v, p))].sort(),
        disableOnAttributes: (v, p) => [...new Set(expectStrings(v, p))].sort(),
        disableOnNumbers: expectBoolean,
      });
    case 'faceting':
      return readObject(value, place, {
        maxValuesPerFacet: expectCount,
        sortFacetValuesBy: (v, p) =>
          Object.fromEntries(
            [...expectObject(v, p)].map(([facet, order]) => [facet, expectChoice(order, ['alpha', 'count'], p)]),
          ),
      });
    case 'pagination':
      return readObject(value, place, { maxTotalHits: expectCount });
    case 'searchCutoffMs':
      return expectCount(value, place);
    case 'facetSearch':
      return expectBoolean(value, place);
    case 'localizedAttributes':
      return plainValue(expectArray(value, place));
    default:
      return plainValue(expectObject(value, place));
  }
}

type Check = (value: JsonTree, place: Place) => unknown;

function readObject(value: JsonTree, place: Place, checks: Record<string, Check>): Record<string, unknown> {
  const object = expectObject(value, place);
  rejectUnknownKeys(object, Object.keys(checks), place);
  const read: Record<string, unknown> = {};
  for (const [key, item] of object) {
    const check = checks[key] as Check;
    read[key] = item === null ? null : check(item, { ...place, path: `${place.path}.${key}` });
  }
  return read;
}

function expectChoice(value: JsonTree, choices: readonly string[], place: Place): string {
  const text = expectString(value, place);
  if (choices.includes(text)) return text;
  const where = place.path === '' ? '' : ` at \`${place.path}\``;
  const list = choices.map((choice) => `\`${choice}\``).join(', ');
  throw new ApiError(place.code, `Unknown value \`${text}\`${where}: expected one of ${list}`);
}

function checkRankingRule(rule: string, place: Place): string {
  const known = ['words', 'typo', 'proximity', 'attribute', 'attributeRank', 'sort', 'wordPosition', 'exactness'];
  if (known.includes(rule) || /.:(asc|desc)$/.test(rule)) return rule;
  throw new ApiError(
    place.code,
    `Invalid value at \`${place.path}\`: \`${rule}\` ranking rule is invalid. Valid ranking rules are words, typo, ` +
      'sort, proximity, attribute, exactness and custom ranking rules.',
  );
}

function readFilterable(value: JsonTree, place: Place): FilterableAttribute {
  if (typeof value === 'string') return value;
  if (!(value instanceof Map)) throw wrongType(value, 'a string or an object', place);
  rejectUnknownKeys(value, ['attributePatterns', 'features'], place);
  const patterns = value.get('attributePatterns');
  if (patterns === undefined) {
    throw new ApiError(place.code, `Missing field \`attributePatterns\` inside \`${place.path}\``);
  }
  const features = readObject(
    value.get('features') ?? new Map(),
    { ...place, path: `${place.path}.features` },
    {
      facetSearch: expectBoolean,
      filter: (v, p) => readObject(v, p, { equality: expectBoolean, comparison: expectBoolean }),
    },
  );
  const filter = (features['filter'] ?? {}) as { equality?: boolean; comparison?: boolean };
  return {
    attributePatterns: expectStrings(patterns, { ...place, path: `${place.path}.attributePatterns` }),
    features: {
      facetSearch: features['facetSearch'] === true,
      filter: { equality: filter.equality ?? true, comparison: filter.comparison ?? false },
    },
  };
}

/** The settings after a patch; nested objects are merged, null resets. */
export function applyPatch(settings: Settings, patch: SettingsPatch): Settings {
  const result: Record<string, unknown> = { ...settings };
  const defaults: Record<string, unknown> = { ...defaultSettings() };
  for (const [name, value] of Object.entries(patch)) {
    if (WITHOUT_FEATURE.has(name)) continue;
    if (value === null) result[name] = defaults[name];
    else if (PATCHED_SETTINGS.has(name)) result[name] = merge(result[name], value, defaults[name]);
    else if (name === 'searchableAttributes') result[name] = [...new Set(value as string[])];
    else result[name] = value;
  }
  return result as unknown as Settings;
}

function merge(base: unknown, patch: unknown, fallback: unknown): unknown {
  const merged = { ...(base as Record<string, unknown>) };
  const defaults = fallback as Record<string, unknown>;
  for (const [key, value] of Object.entries(patch as Record<string, unknown>)) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (value === null) {
      if (key in defaults) merged[key] = defaults[key];
      else delete merged[key];
    } else merged[key] = isObject ? merge(merged[key], value, defaults[key] ?? {}) : value;
  }
  return merged;
}
