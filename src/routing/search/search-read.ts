/** A search over all nodes of an index. */
import type { ClientAnswer, ReadOptions } from '../api.ts';
import { withheldOf } from './filter.ts';
import { objectText, objectTextsOrNull } from './json-object.ts';
import type { ObjectTexts } from './json-object.ts';
import { mergeSearches } from './merge-search.ts';
import { allShards, partialHeaders, partialMembers } from './reading.ts';
import type { AskNode, Lack, Reading, Scope } from './reading.ts';
import { readSearchRequest, searchFor } from './search-request.ts';
import type { SearchRequest } from './search-request.ts';
import type { SearchSettings } from './settings.ts';

export async function readSearch(
  reading: Reading,
  index: string,
  body: string,
  options: ReadOptions,
): Promise<ClientAnswer> {
  const raw: AskNode = (node, limits) => node.search(index, body, limits);
  const { members, lack } = await searchMembers(reading, index, objectTextsOrNull(body), raw, options);
  return { status: 200, headers: partialHeaders(lack), body: objectText([...members, ...partialMembers(lack)]) };
}

/** The members of the answer. `raw` asks a node what is wrong with what the client sent. */
export async function searchMembers(
  reading: Reading,
  index: string,
  asked: ObjectTexts | null,
  raw: AskNode,
  options: ReadOptions,
): Promise<{ members: ReadonlyMap<string, string>; lack: Lack }> {
  const settings = await reading.settings(index);
  options.signal.throwIfAborted();
  const request = asked === null ? null : readSearchRequest(asked, settings);
  return reading.within(index, options, (scope) =>
    request === null || searchFor(request, [], true, settings) === null
      ? scope.refuse(raw)
      : merged(scope, index, request, settings, raw),
  );
}

async function merged(
  { snapshot, ask }: Scope,
  index: string,
  request: SearchRequest,
  settings: SearchSettings,
  raw: AskNode,
): Promise<{ members: ReadonlyMap<string, string>; lack: Lack }> {
  const { parts, missing } = await ask({
    shards: allShards(snapshot),
    seed: request.seed,
    raw,
    ask: (node, shards, isAlone, limits) =>
      node.search(
        index,
        searchFor(request, shards, isAlone, settings, withheldOf(snapshot.table, shards)) ?? '',
        limits,
      ),
  });
  const texts = parts.map(({ text }) => text);
  return { members: mergeSearches(texts, request, settings), lack: { missing, shards: snapshot.table.shards.length } };
}
