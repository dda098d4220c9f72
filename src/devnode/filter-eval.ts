import { type AttributeIndex, facetString, type FacetValue } from './attribute-index.ts';
import type { FacetSet } from './facet-set.ts';
import { FilterError, type FilterNode, type Token } from './filter-node.ts';
import { lowerBound } from './postings.ts';

/**
 * How to find the documents of one condition.
 * Invariant: `test` agrees with `list`; an AND walks its cheapest part and tests the others on what it finds.
 */
export interface Plan {
  /** About how many documents match; infinite when only a walk over all documents can tell. */
  readonly estimate: number;
  test(internal: number): boolean;
  /** Matching internal ids in ascending order; only when `estimate` is finite. */
  list(): readonly number[];
}

type Comparison = Extract<FilterNode, { kind: 'compare' }>;

const NONE: Plan = { estimate: 0, test: () => false, list: () => [] };

/** Builds the plan of a filter; throws {@link FilterError} when an attribute may not be used like this. */
export function planFilter(node: FilterNode, facets: FacetSet): Plan {
  switch (node.kind) {
    case 'and':
      return planAnd(node.parts.map((part) => planFilter(part, facets)));
    case 'or':
      return planOr(node.parts.map((part) => planFilter(part, facets)));
    case 'not': {
      const inner = planFilter(node.part, facets);
      return scanOnly((internal) => !inner.test(internal));
    }
    case 'is':
      return planPresence(node.operator, attributeFor(node.attribute, node.operator, facets));
    case 'in': {
      const attribute = attributeFor(node.attribute, 'IN', facets);
      return attribute ? planValues(attribute, node.values) : NONE;
    }
    case 'compare': {
      const attribute = attributeFor(node.attribute, node.operator, facets);
      if (node.operator === '!=') {
        const equal = attribute ? planValues(attribute, [node.value]) : NONE;
        return scanOnly((internal) => !equal.test(internal));
      }
      if (!attribute) return NONE;
      return node.operator === '=' ? planValues(attribute, [node.value]) : planComparison(attribute, node);
    }
  }
}

const EQUALITY = new Set(['=', '!=', 'IN']);
const COMPARISON = new Set(['>', '>=', '<', '<=', 'TO', 'STARTS WITH', 'CONTAINS']);

/** Null when the attribute may be filtered but no document has it. */
function attributeFor(token: Token, operator: string, facets: FacetSet): AttributeIndex | null {
  const { rules } = facets;
  const rule = rules.match(token.value);
  if (!rule) {
    const known =
      rules.attributes.length === 0
        ? 'This index does not have configured filterable attributes.'
        : `Available filterable attribute patterns are: ${rules.patternList()}.`;
    throw new FilterError(`Attribute \`${token.value}\` is not filterable. ${known}\n${token.start}:${token.end} `);
  }
  const isRefused = (EQUALITY.has(operator) && !rule.equality) || (COMPARISON.has(operator) && !rule.comparison);
  if (isRefused) {
    const missing = EQUALITY.has(operator) ? 'equality' : 'comparison';
    const allowed = [
      'OR, AND, NOT',
      ...(rule.equality ? ['=, !=, IN'] : []),
      ...(rule.comparison ? ['<, >, <=, >=, TO'] : []),
      'IS EMPTY, IS NULL, EXISTS',
    ].join(', ');
    throw new FilterError(
      `Filter operator \`${operator}\` is not allowed for the attribute \`${token.value}\`.\n` +
        `  - Note: allowed operators: ${allowed}.\n` +
        `  - Note: field \`${token.value}\` matched rule #${rule.position} in \`filterableAttributes\`\n` +
        `  - Hint: enable ${missing} in rule #${rule.position} by modifying the features.filter object\n` +
        `  - Hint: prepend another rule matching \`${token.value}\` with appropriate filter features before rule #${rule.position}`,
      'invalid_search_filter',
    );
  }
  return facets.attributes.get(token.value) ?? null;
}

/** A condition that has no list of its own. */
function scanOnly(test: (internal: number) => boolean): Plan {
  return { estimate: Number.POSITIVE_INFINITY, test, list: () => [] };
}

export function planAnd(parts: readonly Plan[]): Plan {
  const ordered = [...parts].sort((a, b) => a.estimate - b.estimate);
  const [cheapest, ...others] = ordered as [Plan, ...Plan[]];
  return {
    estimate: cheapest.estimate,
    test: (internal) => ordered.every((part) => part.test(internal)),
    list: () => cheapest.list().filter((internal) => others.every((part) => part.test(internal))),
  };
}

export function planOr(parts: readonly Plan[]): Plan {
  return {
    estimate: parts.reduce((sum, part) => sum + part.estimate, 0),
    test: (internal) => parts.some((part) => part.test(internal)),
    list: () => union(parts.map((part) => part.list())),
  };
}

function union(lists: readonly (readonly number[])[]): readonly number[] {
  const filled = lists.filter((list) => list.length > 0);
  if (filled.length <= 1) return filled[0] ?? [];
  const all = Uint32Array.from(filled.flat()).sort();
  return Array.from(all.filter((internal, i) => i === 0 || internal !== all[i - 1]));
}

/** The number a filter value stands for, or null: then it only matches strings. */
function asNumber(value: string): number | null {
  const text = value.trim();
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : null;
}

interface Wanted {
  readonly numbers: ReadonlySet<number>;
  readonly strings: ReadonlySet<string>;
}

/** By the values of a parsed filter, which is used again. */
const wantedByValues = new WeakMap<readonly string[], Wanted>();

function wantedOf(values: readonly string[]): Wanted {
  const known = wantedByValues.get(values);
  if (known !== undefined) return known;
  const wanted: Wanted = {
    numbers: new Set(values.map(asNumber).filter((number) => number !== null)),
    // Invariant: the empty string is no facet value, so `= ""` matches nothing.
    strings: new Set(values.map(facetString).filter((text) => text !== '')),
  };
  wantedByValues.set(values, wanted);
  return wanted;
}

function planValues(attribute: AttributeIndex, values: readonly string[]): Plan {
  const { numbers, strings } = wantedOf(values);
  let estimate = 0;
  for (const number of numbers) estimate += attribute.numbers.sizeOf(number);
  for (const text of strings) estimate += attribute.strings.sizeOf(text);
  return {
    estimate,
    test: (internal) =>
      hasValue(
        attribute.valueOf(internal),
        (number) => numbers.has(number),
        (text) => strings.has(text),
      ),
    list: () =>
      union([
        ...[...numbers].map((number) => attribute.numbers.listOf(number)),
        ...[...strings].map((text) => attribute.strings.listOf(text)),
      ]),
  };
}

function hasValue(
  value: FacetValue | undefined,
  isNumber: (number: number) => boolean,
  isString: (text: string) => boolean,
): boolean {
  if (typeof value === 'number') return isNumber(value);
  if (typeof value === 'string') return isString(value);
  return value !== undefined && (value.numbers.some(isNumber) || value.strings.some(isString));
}

function planPresence(operator: 'EXISTS' | 'IS NULL' | 'IS EMPTY', attribute: AttributeIndex | null): Plan {
  if (!attribute) return NONE;
  return scanOnly((internal) => {
    const value = attribute.valueOf(internal);
    if (operator === 'EXISTS') return value !== undefined;
    if (typeof value !== 'object') return false;
    return operator === 'IS NULL' ? value.isNull : value.isEmpty;
  });
}

/** Strings and numbers are compared each with their own kind; a value that is a number is compared as both. */
function planComparison(attribute: AttributeIndex, node: Comparison): Plan {
  const text = facetString(node.value);
  if (node.operator === 'STARTS WITH' || node.operator === 'CONTAINS') {
    const isMatch = (value: string): boolean =>
      node.operator === 'CONTAINS' ? value.includes(text) : value.startsWith(text);
    return scanOnly((internal) => hasValue(attribute.valueOf(internal), () => false, isMatch));
  }
  const bounds = boundsOf(node);
  const isNumber = (number: number): boolean =>
    bounds !== null &&
    number >= bounds.low &&
    number <= bounds.high &&
    (bounds.isLowIn || number !== bounds.low) &&
    (bounds.isHighIn || number !== bounds.high);
  const upper = facetString(node.upper ?? '');
  const isString = (value: string): boolean => {
    switch (node.operator) {
      case '>':
        return value > text;
      case '>=':
        return value >= text;
      case '<':
        return value < text;
      case '<=':
        return value <= text;
      case 'TO':
        return value >= text && value <= upper;
      case '=':
      case '!=':
      case 'STARTS WITH':
      case 'CONTAINS':
        return false;
    }
  };
  const test = (internal: number): boolean => hasValue(attribute.valueOf(internal), isNumber, isString);
  if (attribute.stringCount > 0) return scanOnly(test);
  if (!bounds) return NONE;
  return planRange(attribute, bounds, isNumber, test);
}

interface Bounds {
  readonly low: number;
  readonly high: number;
  readonly isLowIn: boolean;
  readonly isHighIn: boolean;
}

function boundsOf(node: Comparison): Bounds | null {
  const value = asNumber(node.value);
  if (value === null) return null;
  const all: Bounds = { low: -Infinity, high: Infinity, isLowIn: true, isHighIn: true };
  if (node.operator === '>' || node.operator === '>=') return { ...all, low: value, isLowIn: node.operator === '>=' };
  if (node.operator === '<' || node.operator === '<=') return { ...all, high: value, isHighIn: node.operator === '<=' };
  const high = asNumber(node.upper ?? '');
  return high === null ? null : { ...all, low: value, high };
}

/** Cost of more keys than this is higher than testing the documents of a smaller part of the filter. */
const KEYS_COUNTED_MAX = 4096;

function planRange(
  attribute: AttributeIndex,
  bounds: Bounds,
  isNumber: (number: number) => boolean,
  test: (internal: number) => boolean,
): Plan {
  const { numbers } = attribute;
  const keysInRange = (): readonly number[] => {
    const keys = numbers.keys();
    return keys.slice(lowerBound(keys, bounds.low), lowerBound(keys, bounds.high) + 1).filter(isNumber);
  };
  let estimate = Number.MAX_SAFE_INTEGER;
  if (numbers.isSettled) {
    const keys = numbers.keys();
    const start = lowerBound(keys, bounds.low);
    const end = lowerBound(keys, bounds.high);
    if (end - start <= KEYS_COUNTED_MAX) {
      estimate = 0;
      for (let i = start; i <= end && i < keys.length; i += 1) estimate += numbers.sizeOf(keys[i] as number);
    }
  }
  return { estimate, test, list: () => union(keysInRange().map((key) => numbers.listOf(key))) };
}

/** All matching internal ids in ascending order. */
export function runPlan(plan: Plan, internalEnd: number, isThere: (internal: number) => boolean): readonly number[] {
  if (Number.isFinite(plan.estimate)) return plan.list();
  const found: number[] = [];
  for (let internal = 0; internal < internalEnd; internal += 1) {
    if (isThere(internal) && plan.test(internal)) found.push(internal);
  }
  return found;
}
