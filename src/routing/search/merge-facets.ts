/** Facet counts of several nodes as one node would count them. */
import { objectText, objectTexts } from './json-object.ts';
import { compareText, facetKey } from './order.ts';
import { isOurs } from './own-fields.ts';
import { NotMergeableError } from '../../errors.ts';
import type { SearchSettings } from './settings.ts';

interface Value {
  /** As the first node wrote it: nodes that saw other spellings first write others. */
  readonly shown: string;
  count: number;
}

/** `parts`: JSON texts of `facetDistribution`. Throws `NotMergeableError` where a node left out values that may count. */
export function mergeDistributions(parts: readonly string[], settings: SearchSettings): string {
  const byName = new Map<string, Map<string, Value>>();
  for (const part of parts) {
    for (const [name, counts] of objectTexts(part)) {
      if (isOurs(name)) continue;
      const values = byName.get(name) ?? new Map<string, Value>();
      byName.set(name, values);
      const added = objectTexts(counts);
      if (parts.length > 1 && isCut(name, added.size, settings)) refuse(name, settings);
      for (const [shown, count] of added) addValue(values, shown, Number(count));
    }
  }
  const names = [...byName].sort(([a], [b]) => compareText(a, b));
  return objectText(names.map(([name, values]) => [name, valuesText(name, values, settings)]));
}

/** A facet may be named as what every object has: `constructor`. */
const isByCount = (name: string, { sortFacetValuesBy: orders }: SearchSettings): boolean =>
  orders[Object.hasOwn(orders, name) ? name : '*'] === 'count';

/** Sorted by name, what is first of all is among the first of each node, so only lists by count lose something. */
const isCut = (name: string, size: number, settings: SearchSettings): boolean =>
  isByCount(name, settings) && size >= settings.maxValuesPerFacet;

function refuse(name: string, { maxValuesPerFacet }: SearchSettings): never {
  throw new NotMergeableError(
    `the facet ${name} has ${maxValuesPerFacet} values or more on a node and is sorted by count: what a node leaves out may be frequent on others`,
    { remedy: 'raise faceting.maxValuesPerFacet above the number of values, or sort its values by alpha' },
  );
}

function addValue(values: Map<string, Value>, shown: string, count: number): void {
  const key = facetKey(shown);
  const value = values.get(key);
  if (value === undefined) values.set(key, { shown, count });
  else value.count += count;
}

function valuesText(name: string, values: ReadonlyMap<string, Value>, settings: SearchSettings): string {
  const sorted = [...values].sort(([a], [b]) => compareText(a, b)).map(([, value]) => value);
  if (isByCount(name, settings)) sorted.sort((a, b) => b.count - a.count);
  const kept = sorted.slice(0, settings.maxValuesPerFacet);
  return objectText(kept.map(({ shown, count }) => [shown, String(count)]));
}

/** `parts`: JSON texts of `facetStats`; numbers stay as the nodes wrote them. */
export function mergeFacetStats(parts: readonly string[]): string {
  const byName = new Map<string, { min: string; max: string }>();
  for (const part of parts) {
    for (const [name, text] of objectTexts(part)) {
      const stats = objectTexts(text);
      const [min, max] = [stats.get('min'), stats.get('max')];
      if (isOurs(name) || min === undefined || max === undefined) continue;
      const sum = byName.get(name) ?? { min, max };
      if (Number(min) < Number(sum.min)) sum.min = min;
      if (Number(max) > Number(sum.max)) sum.max = max;
      byName.set(name, sum);
    }
  }
  const names = [...byName].sort(([a], [b]) => compareText(a, b));
  return objectText(names.map(([name, { min, max }]) => [name, `{"min":${min},"max":${max}}`]));
}
