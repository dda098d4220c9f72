import { PostingMap } from './postings.ts';

/** Values of an attribute that is not one number or one non-empty string. */
export interface ManyValues {
  readonly numbers: readonly number[];
  readonly strings: readonly string[];
  readonly isNull: boolean;
  readonly isEmpty: boolean;
}

/** What one document has at one attribute; strings are normalised. Undefined: the attribute does not exist there. */
export type FacetValue = number | string | ManyValues;

/** Limit: facet strings are cut, as on a real node. */
const FACET_BYTES_MAX = 479;

/** Strings are compared without case and without the space around them. */
export function facetString(text: string): string {
  const normal = text.normalize('NFKD').toLowerCase().trim();
  if (normal.length <= FACET_BYTES_MAX / 3) return normal;
  const bytes = Buffer.from(normal);
  return bytes.length <= FACET_BYTES_MAX
    ? normal
    : bytes
        .subarray(0, FACET_BYTES_MAX)
        .toString()
        .replace(/\uFFFD+$/, '');
}

/** Both directions between the documents and the values of one filterable attribute. */
export class AttributeIndex {
  readonly name: string;
  readonly numbers = new PostingMap<number>();
  readonly strings = new PostingMap<string>();
  /** By internal id. */
  private readonly values: (FacetValue | undefined)[] = [];
  /** Values that are strings, in all documents; while there are none a comparison needs to look at numbers only. */
  stringCount = 0;

  constructor(name: string) {
    this.name = name;
  }

  valueOf(id: number): FacetValue | undefined {
    return this.values[id];
  }

  set(id: number, value: FacetValue | undefined): void {
    const old = this.values[id];
    if (old === value) return;
    if (old !== undefined) this.forget(id, old);
    while (this.values.length < id) this.values.push(undefined);
    this.values[id] = value;
    if (value !== undefined) this.learn(id, value);
  }

  private learn(id: number, value: FacetValue): void {
    if (typeof value === 'number') this.numbers.add(value, id);
    else if (typeof value === 'string') {
      this.strings.add(value, id);
      this.stringCount += 1;
    } else {
      for (const number of new Set(value.numbers)) this.numbers.add(number, id);
      for (const text of new Set(value.strings)) this.strings.add(text, id);
      this.stringCount += value.strings.length;
    }
  }

  private forget(id: number, value: FacetValue): void {
    if (typeof value === 'number') this.numbers.remove(value, id);
    else if (typeof value === 'string') {
      this.strings.remove(value, id);
      this.stringCount -= 1;
    } else {
      for (const number of new Set(value.numbers)) this.numbers.remove(number, id);
      for (const text of new Set(value.strings)) this.strings.remove(text, id);
      this.stringCount -= value.strings.length;
    }
  }
}
