/**
 * Answers of several nodes to one search as one answer. Hits are ordered as the nodes ordered them: by the ranking rules,
 * told from `_rankingScoreDetails`. What ties there is ordered on one node by when it first saw a document, which nobody
 * else can know; here by the place in its node's answer, then by node. That never contradicts a node's own order, so
 * pages of the same search fit together while the same nodes answer.
 */
import { splitArray, splitObject } from '../../core/json-text.ts';
import type { Member, Span } from '../../core/json-text.ts';
import { objectText, objectTexts } from './json-object.ts';
import { mergeDistributions, mergeFacetStats } from './merge-facets.ts';
import { compareVerdicts, verdictsOf } from './order.ts';
import type { Verdict } from './order.ts';
import { isOurs, withoutOurs } from './own-fields.ts';
import type { SearchRequest } from './search-request.ts';
import type { SearchSettings } from './settings.ts';

interface Hit {
  readonly part: string;
  readonly span: Span;
  readonly members: readonly Member[];
  readonly verdicts: readonly Verdict[];
  readonly place: number;
  readonly node: number;
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
  const answers = parts.map((part) => objectTexts(part));
  const hits = answers.flatMap((answer, node) => readHits(answer.get('hits') ?? '[]', node, parts.length > 1));
  if (parts.length > 1)
    hits.sort((a, b) => compareVerdicts(a.verdicts, b.verdicts) || a.place - b.place || a.node - b.node);
  const end = Math.min(request.offset + request.limit, settings.maxTotalHits);
  const texts = hits.slice(request.offset, end).map((hit) => hitText(hit, request.wantsDetails));
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

function readHits(text: string, node: number, isRanked: boolean): Hit[] {
  return splitArray(text).map((span, place) => {
    const members = splitObject(text, span.start, span.end);
    const details = isRanked ? members.find(({ name }) => name === DETAILS)?.value : undefined;
    const verdicts = details === undefined ? [] : verdictsOf(JSON.parse(text.slice(details.start, details.end)));
    return { part: text, span, members, verdicts, place, node };
  });
}

/** The hit without what the client did not ask for. */
function hitText({ part, members }: Hit, wantsDetails: boolean): string {
  return objectText(
    members
      .filter(({ name }) => !isOurs(name) && (wantsDetails || name !== DETAILS))
      .map(({ name, value }) => [
        name,
        BY_FIELD.has(name) ? withoutOurs(part, value) : part.slice(value.start, value.end),
      ]),
  );
}
