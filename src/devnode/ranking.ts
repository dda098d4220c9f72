import { compareValues, sortable, sortValue, type SortKey } from './document-select.ts';
import { storedFields } from './document-text.ts';
import type { IndexStore } from './index-store.ts';
import { doubleText } from './number-text.ts';

/** A document that was found, with what the ranking rules look at. */
export interface Found {
  readonly internal: number;
  /** Of `wordCount` words in the query; 0 when it has none. */
  readonly matchingWords: number;
  readonly wordCount: number;
  /** How well the words fit where they stand, 0 to 1. */
  readonly closeness: number;
}

/** One rule's view of the documents: the first that tells two apart decides. */
interface Criterion {
  readonly compare: (a: Found, b: Found) => number;
  /** Name in the score details and their text behind `"order":n`. */
  readonly detail: (hit: Found, order: number) => [string, string];
}

const scored = (name: string, more: (hit: Found) => string, score: (hit: Found) => number): Criterion => ({
  compare: (a, b) => score(b) - score(a),
  detail: (hit) => [name, `${more(hit)}"score":${doubleText(score(hit))}`],
});

const WORDS = scored(
  'words',
  ({ matchingWords, wordCount }) => `"matchingWords":${matchingWords},"maxMatchingWords":${wordCount},`,
  ({ matchingWords, wordCount }) => matchingWords / wordCount,
);
/** Rules that this node does not compute: every document is as good as any other. */
const even = (name: string): Criterion =>
  scored(
    name,
    () => (name === 'typo' ? '"typoCount":0,"maxTypoCount":0,' : ''),
    () => 1,
  );
const close = (name: string): Criterion =>
  scored(
    name,
    () => '',
    ({ closeness }) => closeness,
  );
const CLOSENESS_RULES = ['attribute', 'attributeRank', 'proximity', 'exactness'];

/** The order of hits under an index's ranking rules. Without words in the query only the rules that sort are left. */
export class Ranking {
  private readonly criteria: readonly Criterion[];

  constructor(index: IndexStore, sort: readonly SortKey[], hasWords: boolean) {
    const rules = index.settings.rankingRules;
    const closenessRule = CLOSENESS_RULES.find((name) => rules.includes(name));
    const sorted = new Set<string>();
    this.criteria = rules.flatMap((rule): Criterion[] => {
      const [, field, direction] = /^(.*):(asc|desc)$/.exec(rule) ?? [];
      const keys =
        field === undefined ? (rule === 'sort' ? sort : null) : [{ field, isDescending: direction === 'desc' }];
      if (keys) {
        const fresh = keys.filter((key) => !sorted.has(key.field));
        for (const key of fresh) sorted.add(key.field);
        return fresh.map((key) => byField(index, key));
      }
      if (!hasWords) return [];
      if (rule === 'words') return [WORDS];
      return [rule === closenessRule ? close(rule) : even(rule)];
    });
  }

  /** True when the documents' own order is the order of hits. */
  get isIdle(): boolean {
    return this.criteria.length === 0;
  }

  order<T extends Found>(hits: T[]): T[] {
    if (this.isIdle) return hits;
    return hits.sort((a, b) => {
      for (const { compare } of this.criteria) {
        const order = compare(a, b);
        if (order !== 0) return order;
      }
      return a.internal - b.internal;
    });
  }

  /** JSON text of `_rankingScoreDetails`. */
  details(hit: Found): string {
    const texts = this.criteria.map(({ detail }, order) => {
      const [name, text] = detail(hit, order);
      return `${JSON.stringify(name)}:{"order":${order},${text}}`;
    });
    return `{${texts.join(',')}}`;
  }
}

function byField(index: IndexStore, { field, isDescending }: SortKey): Criterion {
  const key: SortKey = { field, isDescending };
  const read = new Map<number, number | string | undefined>();
  const valueOf = ({ internal }: Found): number | string | undefined => {
    if (!read.has(internal)) read.set(internal, sortValue(storedFields(index.textAt(internal) ?? '{}'), key));
    return read.get(internal);
  };
  const displayed = index.settings.displayedAttributes;
  const isShown = displayed.includes('*') || displayed.includes(field);
  return {
    compare: (a, b) => compareValues(sortable(valueOf(a)), sortable(valueOf(b)), isDescending),
    detail: (hit, order) =>
      isShown
        ? [`${field}:${isDescending ? 'desc' : 'asc'}`, `"value":${JSON.stringify(valueOf(hit) ?? null)}`]
        : [`<hidden-rule-${order}>`, '"value":"<hidden>"'],
  };
}
