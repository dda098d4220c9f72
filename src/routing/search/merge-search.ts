/**
 * Answers of several nodes to one search as one answer. Hits are ordered as the nodes ordered them: by the ranking rules,
 * told from `_rankingScoreDetails`. What ties there is ordered on one node by when it first saw a document, which nobody
 * else can know; here by the place in its node's answer, then by node. That never contradicts a node's own order, so
 * pages of the same search fit together while the same nodes answer.
 */
import { splitObject, splitObjectAround } from '../../core/json-text.ts';
import type { Member, Span } from '../../core/json-text.ts';
import { textsOf } from './json-object.ts';
import { mergeDistributions, mergeFacetStats } from './merge-facets.ts';
import { compareVerdicts, verdictsOf } from './order.ts';
import type { Verdict } from './order.ts';
import { isOurs, withoutOurs } from './own-fields.ts';
import type { SearchRequest } from './search-request.ts';
import type { SearchSettings } from './settings.ts';

/** A hit that is the best of what is left of its node's answer. */
interface Head {
  readonly members: readonly Member[];
  readonly verdicts: readonly Verdict[];
  readonly place: number;
}

const DETAILS = '_rankingScoreDetails';
/** Objects in a hit with one member per field of the document. */
const BY_FIELD: ReadonlySet<string> = new Set(['_formatted', '_matchesPosition']);

/**
 * The members of the answer, in a node's order. `parts`: JSON texts of the nodes' answers, in an order that is the same
 * for all pages of a search.
 */
export function mergeSearches(
  parts: readonly string[],
  request: Pick<SearchRequest, 'offset' | 'limit' | 'wantsDetails'>,
  settings: SearchSettings,
): Map<string, string> {
  const split = parts.map((part) => ({ text: part, ...splitObjectAround(part, 'hits') }));
  const answers = split.map(({ text, members }) => textsOf(text, members));
  const end = Math.min(request.offset + request.limit, settings.maxTotalHits);
  const lists = split.map(({ text, elements }) => new HitList(text, elements, parts.length > 1));
  const texts = mergedHits(lists, request.offset, end, request.wantsDetails);
  const of = (name: string): string[] => answers.flatMap((answer) => answer.get(name) ?? []);
  const merged = new Map(answers[0]);
  const set = (name: string, text: string): void => {
    if (merged.has(name)) merged.set(name, text);
  };
  set('hits', `[${texts.join(',')}]`);
  set('processingTimeMs', String(Math.max(0, ...of('processingTimeMs').map(Number))));
  set('offset', String(request.offset));
  set('limit', String(request.limit));
  set('estimatedTotalHits', String(of('estimatedTotalHits').reduce((sum, count) => sum + Number(count), 0)));
  set('facetDistribution', mergeDistributions(of('facetDistribution'), settings));
  set('facetStats', mergeFacetStats(of('facetStats')));
  return merged;
}

/** The hits of one node, read one by one, since most of them are not shown. */
class HitList {
  readonly text: string;
  readonly #spans: readonly Span[];
  readonly #isRanked: boolean;
  head: Head | null = null;

  constructor(text: string, spans: readonly Span[], isRanked: boolean) {
    this.text = text;
    this.#spans = spans;
    this.#isRanked = isRanked;
    this.#read(0);
  }

  next(): void {
    this.#read(this.head === null ? 0 : this.head.place + 1);
  }

  #read(place: number): void {
    const span = this.#spans[place];
    this.head = span === undefined ? null : { ...this.#hit(span), place };
  }

  #hit({ start, end }: Span): Omit<Head, 'place'> {
    const members = splitObject(this.text, start, end);
    const details = this.#isRanked ? members.find(({ name }) => name === DETAILS)?.value : undefined;
    const verdicts =
      details === undefined ? [] : verdictsOf(JSON.parse(this.text.slice(details.start, details.end)) as unknown);
    return { members, verdicts };
  }
}

/** Always the best of the heads, so that every node's own order stays. */
function mergedHits(lists: readonly HitList[], start: number, end: number, wantsDetails: boolean): string[] {
  const texts: string[] = [];
  for (let rank = 0; rank < end; rank += 1) {
    let best: HitList | undefined;
    for (const list of lists) if (comesBefore(list.head, best?.head)) best = list;
    if (best?.head == null) break;
    if (rank >= start) texts.push(hitText(best.text, best.head, wantsDetails));
    best.next();
  }
  return texts;
}

function comesBefore(head: Head | null, best: Head | null | undefined): boolean {
  if (head === null) return false;
  if (best === null || best === undefined) return true;
  return (compareVerdicts(head.verdicts, best.verdicts) || head.place - best.place) < 0;
}

/** The hit without what the client did not ask for. */
function hitText(text: string, { members }: Head, wantsDetails: boolean): string {
  const kept = members.filter(({ name }) => !isOurs(name) && (wantsDetails || name !== DETAILS));
  const texts = kept.map(({ name, key, value }) =>
    BY_FIELD.has(name)
      ? `${text.slice(key.start, value.start)}${withoutOurs(text, value)}`
      : text.slice(key.start, value.end),
  );
  return `{${texts.join(',')}}`;
}
