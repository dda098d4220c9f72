/** Several searches in one request: each on its own, answered in order; the first that fails fails the request. */
import pLimit from 'p-limit';
import { splitArray } from '../../core/json-text.ts';
import { IndexUnknownError, NotMergeableError } from '../../errors.ts';
import type { ClientAnswer, ReadOptions } from '../api.ts';
import { nodeError } from './error-answers.ts';
import { given, objectText, objectTextsOrNull } from './json-object.ts';
import type { ObjectTexts } from './json-object.ts';
import { partialHeaders, partialMembers, Refused } from './reading.ts';
import type { AskNode, Reading } from './reading.ts';
import { searchMembers } from './search-read.ts';

interface Query {
  readonly index: string;
  readonly members: ObjectTexts;
}

/** Searches of one request under way at a time; each goes to several nodes. */
const AT_A_TIME = 4;

export async function readMultiSearch(reading: Reading, body: string, options: ReadOptions): Promise<ClientAnswer> {
  const raw: AskNode = (node, limits) => node.multiSearch(body, limits);
  const queries = readQueries(body);
  if (queries === null) return reading.refuseAnywhere(options, raw);
  const limit = pLimit(AT_A_TIME);
  const calls = queries.map(({ index, members }, position) =>
    limit(async () => {
      options.signal.throwIfAborted();
      try {
        return await searchMembers(reading, index, members, raw, options);
      } catch (error) {
        throw error instanceof IndexUnknownError ? notFound(index, position) : error;
      }
    }),
  );
  // All of them end first, so that the failure that is told is the first in the request, not in time.
  const settled = await Promise.allSettled(calls);
  const results: string[] = [];
  const lack = { missing: [] as number[], shards: 0 };
  for (const [position, call] of settled.entries()) {
    if (call.status === 'rejected') throw call.reason;
    const { members, lack: own } = call.value;
    const index = JSON.stringify(queries[position]?.index);
    results.push(objectText([['indexUid', index], ...members, ...partialMembers(own)]));
    lack.missing.push(...own.missing);
    lack.shards += own.shards;
  }
  return { status: 200, headers: partialHeaders(lack), body: `{"results":[${results.join(',')}]}` };
}

/** Null for what a node refuses. Throws `NotMergeableError`. */
function readQueries(body: string): Query[] | null {
  const request = objectTextsOrNull(body);
  const list = request === null ? null : given(request, 'queries');
  if (request === null || list?.startsWith('[') !== true) return null;
  if (given(request, 'federation') !== null) {
    throw new NotMergeableError('a federated search cannot be answered from several nodes', {
      remedy: 'leave out federation and merge the results, or search one index',
    });
  }
  if ([...request.keys()].some((name) => name !== 'queries' && name !== 'federation')) return null;
  const queries = splitArray(list).map(({ start, end }) => readQuery(list.slice(start, end)));
  return queries.includes(null) ? null : (queries as Query[]);
}

const INDEX_UID = /^"[A-Za-z0-9_-]{1,400}"$/;

function readQuery(text: string): Query | null {
  const members = objectTextsOrNull(text);
  const uid = members?.get('indexUid');
  if (members === null || uid === undefined || !INDEX_UID.test(uid)) return null;
  if (given(members, 'federationOptions') !== null) return null;
  const own = new Map([...members].filter(([name]) => name !== 'indexUid' && name !== 'federationOptions'));
  return { index: uid.slice(1, -1), members: own };
}

/** The whole request is at fault, not its address, so a node says 400. */
const notFound = (index: string, position: number): Refused =>
  new Refused(nodeError(400, 'index_not_found', `Inside \`.queries[${position}]\`: Index \`${index}\` not found.`));
