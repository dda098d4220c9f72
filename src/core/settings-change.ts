/**
 * What a change makes of settings, what a node lacks of them, and how nodes word them. A node gives settings back in its
 * own words (lists sorted, features spelled out), which differ by version; so what we expect is only a first guess, and
 * what all nodes say alike after they have applied the change counts as its wording.
 */
import { hasSecrets, SECRETS, withoutSecrets } from './settings-secrets.ts';
import { byBytes, isObject, type Settings, settingsText } from './settings-text.ts';

/** Objects of which a change names only the parts that it changes. */
const MERGED: ReadonlySet<string> = new Set(['typoTolerance', 'faceting', 'pagination', 'embedders']);
/** Lists that a node keeps as sets. */
const SORTED: ReadonlySet<string> = new Set([
  'sortableAttributes',
  'stopWords',
  'nonSeparatorTokens',
  'separatorTokens',
  'dictionary',
  'disableOnWords',
  'disableOnAttributes',
]);

/** What a reset gives on Meilisearch 1.50. */
const DEFAULTS: Settings = {
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
  pagination: { maxTotalHits: 1_000 },
  embedders: {},
  searchCutoffMs: null,
  localizedAttributes: null,
  facetSearch: true,
  prefixSearch: 'indexingTime',
};

const isSame = (a: unknown, b: unknown): boolean => settingsText(a) === settingsText(b);

function normal(name: string, value: unknown): unknown {
  const isTexts = Array.isArray(value) && value.every((one) => typeof one === 'string');
  return isTexts && SORTED.has(name) ? [...new Set(value)].sort(byBytes) : value;
}

function mergedParts(base: unknown, change: Settings, fallback: unknown): Settings {
  const defaults = isObject(fallback) ? fallback : {};
  const result: Record<string, unknown> = isObject(base) ? { ...base } : {};
  for (const [name, value] of Object.entries(change)) {
    if (value === null && !(name in defaults)) delete result[name];
    else if (value === null) result[name] = defaults[name];
    else if (isObject(value)) result[name] = mergedParts(result[name], value, defaults[name]);
    else result[name] = normal(name, value);
  }
  return result;
}

/** The settings after a change, as far as can be said without asking a node. */
export function settingsAfter(base: Settings, change: Settings): Settings {
  const result: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) result[name] = DEFAULTS[name] ?? null;
    else if (MERGED.has(name) && isObject(value)) {
      result[name] = mergedParts(base[name] ?? DEFAULTS[name], value, DEFAULTS[name]);
    } else result[name] = normal(name, value);
  }
  return result;
}

/** The parts that make `shown` what is wanted; null takes away. Secrets count by whether there is one. */
function partsLacking(wanted: Settings, shown: Settings): Record<string, unknown> {
  const lacking: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(wanted)) {
    const there = shown[name];
    if (SECRETS.has(name) ? (value ?? null) !== null && (there ?? null) !== null : isSame(value, there)) continue;
    if (isObject(value) && isObject(there)) {
      const inner = partsLacking(value, there);
      if (Object.keys(inner).length > 0) lacking[name] = inner;
    } else lacking[name] = value;
  }
  for (const name of Object.keys(shown)) if (!(name in wanted) && !SECRETS.has(name)) lacking[name] = null;
  return lacking;
}

/**
 * What a node that shows these settings has to be sent, key by key; empty when it has what is wanted. Keys that are not
 * wanted are nobody's business: a newer node has some that an older one has not.
 */
export function settingsLacking(wanted: Settings, shown: Settings): Settings {
  const lacking: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(wanted)) {
    const there = shown[name];
    if (MERGED.has(name) && isObject(value) && isObject(there)) {
      const inner = partsLacking(value, there);
      if (Object.keys(inner).length > 0) lacking[name] = inner;
    } else if (!isSame(value, there)) lacking[name] = value;
  }
  return lacking;
}

const holdsNull = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.values(value).some(holdsNull));

/**
 * What nothing tells of whether a node has it: secrets, which it does not show; and resets of what may not exist, which
 * it refuses.
 */
const mustBeSent = (name: string, own: unknown, shown: Settings): boolean =>
  !(name in shown) || (isObject(own) && holdsNull(own)) || (name === 'embedders' && hasSecrets({ embedders: own }));

/** Parts of a change that are objects, over what is lacking: what a change names counts, what is too much goes. */
const together = (lacking: unknown, own: unknown): unknown =>
  isObject(lacking) && isObject(own) ? { ...lacking, ...own } : own;

/**
 * What a node that shows these settings is sent: what it lacks, in the words of the change where that speaks of it, so
 * that a refusal is about these. `isFirst`: the node was sent nothing of this change yet.
 */
export function settingsPatch(wanted: Settings, change: Settings, shown: Settings, isFirst: boolean): Settings {
  const patch: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(settingsLacking(wanted, shown))) {
    const own = change[name];
    patch[name] = own === null || Array.isArray(own) ? own : value;
  }
  for (const [name, own] of Object.entries(change)) {
    if (isFirst && mustBeSent(name, own, shown)) patch[name] = together(patch[name], own);
  }
  return patch;
}

/** What of a node's settings is compared with what is wanted. */
export const comparedSettings = (wanted: Settings, shown: Settings): Settings => {
  const hidden = withoutSecrets(shown);
  return Object.fromEntries(Object.keys(wanted).map((name) => [name, hidden[name] ?? null]));
};

/** The nodes' words with the secrets of what was asked for. */
function withSecretsOf(words: unknown, asked: unknown): unknown {
  if (!isObject(words)) return words;
  const from = isObject(asked) ? asked : {};
  return Object.fromEntries(
    Object.entries(words).map(([name, value]) => [
      name,
      SECRETS.has(name) ? (from[name] ?? value) : withSecretsOf(value, from[name]),
    ]),
  );
}

/**
 * What is wanted in the nodes' words, once each node has applied it: what some node shows as expected stays; what all
 * show alike in another way is their wording of it; where they differ among themselves only what is expected counts.
 */
export function wordedSettings(wanted: Settings, shown: readonly Settings[]): Settings {
  const expected = withoutSecrets(wanted);
  const compared = shown.map((settings) => comparedSettings(wanted, settings));
  const [first] = compared;
  const worded = Object.entries(wanted).map(([name, value]): [string, unknown] => {
    const words = compared.map((settings) => settings[name]);
    if (first === undefined || words.some((one) => isSame(one, expected[name]))) return [name, value];
    return words.every((one) => isSame(one, words[0])) ? [name, withSecretsOf(words[0], value)] : [name, value];
  });
  return Object.fromEntries(worded);
}
