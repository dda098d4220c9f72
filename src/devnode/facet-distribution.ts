import { facetString } from './attribute-index.ts';
import { storedFields } from './document-text.ts';
import { ApiError } from './errors.ts';
import { matchesPattern } from './facet-rules.ts';
import type { IndexStore } from './index-store.ts';
import { doubleText } from './number-text.ts';

/** How often each value occurs among some documents, per attribute. */
export interface FacetCounts {
  readonly values: Map<string, { readonly shown: string; count: number }>;
  min: number;
  max: number;
}

export function countFacets(
  index: IndexStore,
  hits: readonly { readonly internal: number }[],
  facets: readonly string[],
): Map<string, FacetCounts> {
  const names = facets.includes('*') ? allFacets(index) : [...facets];
  for (const name of names) {
    if (index.facets.rules.match(name)) continue;
    const known = index.facets.rules.patternList().replaceAll('`', '');
    throw new ApiError(
      'invalid_search_facets',
      `Invalid facet distribution: Pattern \`${name}\` is not filterable. Available filterable attributes patterns are: \`${known}\`.`,
    );
  }
  const counts = new Map<string, FacetCounts>();
  for (const name of names.sort()) counts.set(name, { values: new Map(), min: Infinity, max: -Infinity });
  for (const { internal } of hits) {
    const fields = storedFields(index.textAt(internal) ?? '{}');
    for (const [name, facet] of counts) {
      for (const value of valuesAt(fields, name)) count(facet, value);
    }
  }
  return counts;
}

function allFacets(index: IndexStore): string[] {
  const patterns = index.facets.rules.attributes.flatMap((a) =>
    typeof a === 'string' ? [a] : [...a.attributePatterns],
  );
  const names = [...index.facets.attributes.keys()];
  return names.filter((name) => patterns.some((pattern) => matchesPattern(pattern, name)));
}

/** The values of a field, or at a path into objects; what is deeper in arrays counts too. */
export function valuesAt(fields: ReadonlyMap<string, string>, path: string): Set<number | string> {
  const found = new Set<number | string>();
  for (const [name, text] of fields) {
    if (name === path) gather(JSON.parse(text), [], found);
    else if (path.startsWith(`${name}.`)) gather(JSON.parse(text), path.slice(name.length + 1).split('.'), found);
  }
  return found;
}

function gather(value: unknown, path: readonly string[], found: Set<number | string>): void {
  if (Array.isArray(value)) for (const item of value) gather(item, path, found);
  else if (typeof value === 'object' && value !== null) {
    const [head, ...rest] = path;
    if (head !== undefined) gather((value as Record<string, unknown>)[head], rest, found);
  } else if (path.length > 0 || value === null || value === undefined || value === '') return;
  else if (typeof value === 'number') found.add(value);
  else if (typeof value === 'string' || typeof value === 'boolean') found.add(String(value));
}

function count(facet: FacetCounts, value: number | string): void {
  const key = typeof value === 'number' ? String(value) : facetString(value);
  const entry = facet.values.get(key);
  if (entry) entry.count += 1;
  else facet.values.set(key, { shown: String(value), count: 1 });
  if (typeof value !== 'number') return;
  facet.min = Math.min(facet.min, value);
  facet.max = Math.max(facet.max, value);
}

/** JSON text of counts; built by hand because objects would put keys that look like numbers first. */
export function facetCountsText(
  counts: ReadonlyMap<string, FacetCounts>,
  faceting: { readonly maxValuesPerFacet: number; readonly sortFacetValuesBy: Readonly<Record<string, string>> },
): { distribution: string; stats: string } {
  const distribution: string[] = [];
  const stats: string[] = [];
  for (const [name, facet] of counts) {
    const order = faceting.sortFacetValuesBy[name] ?? faceting.sortFacetValuesBy['*'] ?? 'alpha';
    const values = [...facet.values].sort(([a], [b]) => (a < b ? -1 : 1));
    if (order === 'count') values.sort(([, a], [, b]) => b.count - a.count);
    const kept = values.slice(0, faceting.maxValuesPerFacet);
    const texts = kept.map(([, value]) => `${JSON.stringify(value.shown)}:${value.count}`);
    distribution.push(`${JSON.stringify(name)}:{${texts.join(',')}}`);
    if (facet.min <= facet.max) {
      stats.push(`${JSON.stringify(name)}:{"min":${doubleText(facet.min)},"max":${doubleText(facet.max)}}`);
    }
  }
  return { distribution: `{${distribution.join(',')}}`, stats: `{${stats.join(',')}}` };
}

export function facetTexts(
  index: IndexStore,
  hits: readonly { readonly internal: number }[],
  facets: readonly string[],
): { distribution: string; stats: string } {
  return facetCountsText(countFacets(index, hits, facets), index.settings.faceting);
}

/** Adds the counts of one index to those of others. */
export function mergeCounts(into: Map<string, FacetCounts>, from: ReadonlyMap<string, FacetCounts>): void {
  for (const [name, facet] of from) {
    const sum = into.get(name);
    if (!sum) {
      into.set(name, facet);
      continue;
    }
    for (const [key, value] of facet.values) {
      const entry = sum.values.get(key);
      if (entry) entry.count += value.count;
      else sum.values.set(key, { ...value });
    }
    sum.min = Math.min(sum.min, facet.min);
    sum.max = Math.max(sum.max, facet.max);
  }
}
