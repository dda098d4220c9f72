/**
 * A client's search, and what is sent to nodes in its place. Only what merging needs is read; everything else goes on
 * as written, so that a node checks it and says what is wrong in its own words.
 */
import { hash64 } from '../../core/hashing.ts';
import { NotMergeableError } from '../../errors.ts';
import { filterFor } from './filter.ts';
import type { WithheldSlots } from './filter.ts';
import { countOf, flagOf, given, objectText } from './json-object.ts';
import type { ObjectTexts } from './json-object.ts';
import type { SearchSettings } from './settings.ts';

export interface SearchRequest {
  readonly offset: number;
  readonly limit: number;
  /** Whether the client asked for the details that merging needs. */
  readonly wantsDetails: boolean;
  /** The same for all pages of the same search, so that they come from the same copies. */
  readonly seed: number;
  readonly members: ObjectTexts;
}

/** What the answers of several nodes cannot be made into: name → why, and what to do instead. */
const NOT_MERGEABLE: Readonly<Record<string, readonly [string, string]>> = {
  distinct: ['documents that are alike may be on several nodes', 'leave out distinct'],
  page: ['exact totals of pages are not merged', 'use offset and limit, and estimatedTotalHits'],
  hitsPerPage: ['exact totals of pages are not merged', 'use offset and limit, and estimatedTotalHits'],
  hybrid: ['semantic results are not merged', 'leave out hybrid'],
  vector: ['semantic results are not merged', 'leave out vector'],
  media: ['semantic results are not merged', 'leave out media'],
  personalize: ['personalized results are not merged', 'leave out personalize'],
  useNetwork: ['this fleet is not the network of its nodes', 'leave out useNetwork'],
  showPerformanceDetails: ['several nodes took part', 'leave out showPerformanceDetails'],
};

const refuse = (what: string, [why, remedy]: readonly [string, string]): never => {
  throw new NotMergeableError(`${what} cannot be answered from several nodes: ${why}`, { remedy });
};

/** Null for what a node refuses, as far as it is read here. Throws `NotMergeableError`. */
export function readSearchRequest(members: ObjectTexts, settings: SearchSettings): SearchRequest | null {
  const offset = countOf(members, 'offset', 0);
  const limit = countOf(members, 'limit', 20);
  const wantsDetails = flagOf(members, 'showRankingScoreDetails');
  if (offset === undefined || limit === undefined || wantsDetails === undefined) return null;
  for (const [name, reason] of Object.entries(NOT_MERGEABLE)) {
    const text = given(members, name);
    if (text !== null && text !== 'false') refuse(name, reason);
  }
  if (given(members, 'matchingStrategy') === '"frequency"') {
    refuse('matchingStrategy frequency', ['each node counts only its own words', 'use last or all']);
  }
  if (settings.distinctAttribute !== null) {
    refuse('a search of an index with distinctAttribute', [NOT_MERGEABLE['distinct']![0], 'reset distinctAttribute']);
  }
  const identity = objectText([...members].filter(([name]) => name !== 'offset' && name !== 'limit'));
  return {
    offset,
    limit,
    wantsDetails,
    seed: Number(hash64(identity) % 65_536n),
    members,
  };
}

/**
 * JSON text for a node that is read for these shards: it answers from the first hit on. `isAlone`: no other node answers,
 * so nothing is needed for merging. Null when the client's filter is of a type that no node takes.
 */
export function searchFor(
  request: SearchRequest,
  shards: readonly number[],
  isAlone: boolean,
  { maxTotalHits }: SearchSettings,
  withheld: readonly WithheldSlots[] = [],
): string | null {
  const filter = filterFor(given(request.members, 'filter'), shards, withheld);
  if (filter === null) return null;
  return objectText(
    new Map([
      ...request.members,
      ['offset', '0'],
      ['limit', String(Math.min(request.offset + request.limit, maxTotalHits))],
      ['filter', filter],
      ['showRankingScoreDetails', String(!isAlone || request.wantsDetails)],
    ]),
  );
}
