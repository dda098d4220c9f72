import { facetString, type FacetValue } from './attribute-index.ts';

/** A rule of `filterableAttributes` in its long form. */
export interface FacetRule {
  readonly attributePatterns: readonly string[];
  readonly features: {
    readonly facetSearch: boolean;
    readonly filter: { readonly equality: boolean; readonly comparison: boolean };
  };
}

export type FilterableAttribute = string | FacetRule;

export interface MatchedRule {
  readonly position: number;
  readonly equality: boolean;
  readonly comparison: boolean;
}

/** Which attributes may be used in filters, and how. */
export class FacetRules {
  readonly attributes: readonly FilterableAttribute[];
  private readonly matches = new Map<string, MatchedRule | null>();

  constructor(attributes: readonly FilterableAttribute[]) {
    this.attributes = attributes;
  }

  /** The first rule that covers an attribute; a plain name also covers what lies below it. */
  match(path: string): MatchedRule | null {
    let match = this.matches.get(path);
    if (match === undefined) {
      match = this.find(path);
      this.matches.set(path, match);
    }
    return match;
  }

  /** Whether something below a field can be filtered although the field itself may not. */
  mayMatchBelow(field: string): boolean {
    const below = `${field}.`;
    return this.attributes.some((attribute) => {
      const patterns = typeof attribute === 'string' ? [attribute] : attribute.attributePatterns;
      return patterns.some(
        (pattern) =>
          pattern === field || pattern.startsWith(below) || (typeof attribute !== 'string' && pattern.includes('*')),
      );
    });
  }

  private find(path: string): MatchedRule | null {
    for (const [position, attribute] of this.attributes.entries()) {
      if (typeof attribute === 'string') {
        if (attribute === path || path.startsWith(`${attribute}.`)) {
          return { position, equality: true, comparison: true };
        }
      } else if (attribute.attributePatterns.some((pattern) => matchesPattern(pattern, path))) {
        return { position, ...attribute.features.filter };
      }
    }
    return null;
  }

  /** Patterns as they are listed in error messages. */
  patternList(): string {
    const patterns = this.attributes.flatMap((a) => (typeof a === 'string' ? [a] : [...a.attributePatterns]));
    return [...new Set(patterns)]
      .sort()
      .map((pattern) => `\`${pattern}\``)
      .join(', ');
  }
}

/** A star at the beginning, the end or both; a pattern without one also covers what lies below it. */
export function matchesPattern(pattern: string, path: string): boolean {
  if (pattern === '*') return true;
  const isOpenStart = pattern.startsWith('*');
  const isOpenEnd = pattern.endsWith('*');
  const core = pattern.slice(isOpenStart ? 1 : 0, isOpenEnd ? -1 : undefined);
  if (isOpenStart && isOpenEnd) return path.includes(core);
  if (isOpenStart) return path.endsWith(core);
  if (isOpenEnd) return path.startsWith(core);
  return path === core || path.startsWith(`${core}.`);
}

/**
 * All attributes in one field, with what the document has there. Objects are flattened with points, also through
 * arrays.
 */
export function flattenFacets(name: string, value: unknown, wants: (path: string) => boolean): Map<string, FacetValue> {
  const found = new Map<string, Collected>();
  collect(name, value, found);
  const facets = new Map<string, FacetValue>();
  for (const [path, c] of found) {
    if (!wants(path)) continue;
    const [number, text] = [c.numbers[0], c.strings[0]];
    const isScalar = !c.isNull && !c.isEmpty;
    if (isScalar && number !== undefined && c.numbers.length === 1 && text === undefined) facets.set(path, number);
    else if (isScalar && text !== undefined && c.strings.length === 1 && number === undefined) facets.set(path, text);
    else facets.set(path, c);
  }
  return facets;
}

interface Collected {
  readonly numbers: number[];
  readonly strings: string[];
  isNull: boolean;
  isEmpty: boolean;
}

function collect(path: string, value: unknown, found: Map<string, Collected>): void {
  let entry = found.get(path);
  if (!entry) {
    entry = { numbers: [], strings: [], isNull: false, isEmpty: false };
    found.set(path, entry);
  }
  if (Array.isArray(value)) {
    if (value.length === 0) entry.isEmpty = true;
    for (const item of value) if (item !== null && item !== '') collect(path, item, found);
  } else if (value === null) entry.isNull = true;
  else if (typeof value === 'object') {
    const fields = Object.entries(value as Record<string, unknown>);
    if (fields.length === 0) entry.isEmpty = true;
    for (const [key, item] of fields) collect(`${path}.${key}`, item, found);
  } else if (typeof value === 'number') entry.numbers.push(value);
  else if (value === '') entry.isEmpty = true;
  else if (typeof value === 'string' || typeof value === 'boolean') entry.strings.push(facetString(String(value)));
}
