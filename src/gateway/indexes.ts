/** Routes about indexes, their settings and figures. */
import type { ClientAnswer, Router } from '../routing/api.ts';
import { INDEX_UID_RULE, isIndexUid, json, notSupported, refuse } from './answers.ts';
import { type Call, indexOf, reading, type Route, writing } from './call.ts';
import { fieldsOf, readJson, wrongType } from './json-body.ts';
import { invalidKey } from './keys.ts';
import { count, readParameters } from './parameters.ts';

/** A key for some indexes sees only those: all are asked for then, and the page is cut here. */
const INDEXES_MAX = 10_000;
const LIMIT_DEFAULT = 20;

interface IndexPage {
  readonly results: readonly { readonly uid: string }[];
}

/** The indexes that the key may see, as the router describes them. The answer itself when it is an error. */
async function visibleIndexes(router: Router, call: Call): Promise<IndexPage['results'] | ClientAnswer> {
  const answer = await router.indexes({ offset: 0, limit: INDEXES_MAX }, { signal: call.signal });
  if (answer.status !== 200) return answer;
  const { results } = JSON.parse(answer.body) as IndexPage;
  return results.filter(({ uid }) => call.access.allowsIndex(uid));
}

/** Names of the indexes that the key may see; the answer itself when it is an error. */
export async function visibleUids(router: Router, call: Call): Promise<readonly string[] | ClientAnswer> {
  const found = await visibleIndexes(router, call);
  return 'status' in found ? found : found.map(({ uid }) => uid);
}

async function listIndexes(router: Router, call: Call): Promise<ClientAnswer> {
  const query = readParameters(call.search, ['offset', 'limit']);
  const offset = count(query, 'offset', 'invalid_index_offset') ?? 0;
  const limit = count(query, 'limit', 'invalid_index_limit') ?? LIMIT_DEFAULT;
  if (call.access.indexPatterns === null) return router.indexes({ offset, limit }, { signal: call.signal });
  const visible = await visibleIndexes(router, call);
  if ('status' in visible) return visible;
  return json({ results: visible.slice(offset, offset + limit), offset, limit, total: visible.length });
}

/** Null: none is given. */
function primaryKeyIn(fields: ReadonlyMap<string, unknown>): string | null {
  const primaryKey = fields.get('primaryKey') ?? null;
  if (primaryKey === null || typeof primaryKey === 'string') return primaryKey;
  return wrongType(primaryKey, 'a string', '.primaryKey', 'invalid_index_primary_key');
}

function checkedUid(uid: unknown): string {
  if (typeof uid !== 'string') return wrongType(uid, 'a string', '.uid', 'invalid_index_uid');
  if (isIndexUid(uid)) return uid;
  return refuse('invalid_index_uid', `Invalid value at \`.uid\`: \`${uid}\` ${INDEX_UID_RULE}`);
}

async function createIndex(router: Router, call: Call): Promise<ClientAnswer> {
  const { text, value } = await readJson(call);
  const fields = fieldsOf(value, ['uid', 'primaryKey']);
  primaryKeyIn(fields);
  if (!fields.has('uid')) return refuse('missing_index_uid', 'Missing field `uid`');
  const uid = checkedUid(fields.get('uid'));
  return call.access.allowsIndex(uid) ? router.createIndex(text, writing(call)) : invalidKey();
}

async function updateIndex(router: Router, call: Call): Promise<ClientAnswer> {
  const index = indexOf(call);
  const fields = fieldsOf((await readJson(call)).value, ['primaryKey', 'uid']);
  const primaryKey = primaryKeyIn(fields);
  const uid = fields.get('uid') ?? null;
  if (uid === null) return router.updateIndex(index, primaryKey, writing(call));
  checkedUid(uid);
  return notSupported('changes of an index’s name', 'create another index');
}

/** Figures of all indexes, for a key for some of them without the others. */
async function allStats(router: Router, call: Call): Promise<ClientAnswer> {
  const answer = await router.stats(null, reading(call));
  if (call.access.indexPatterns === null || answer.status !== 200) return answer;
  const stats = JSON.parse(answer.body) as { readonly indexes: object };
  const indexes = Object.entries(stats.indexes).filter(([uid]) => call.access.allowsIndex(uid));
  return { ...answer, body: JSON.stringify({ ...stats, indexes: Object.fromEntries(indexes) }) };
}

/** Settings with a route of their own, and the method that changes them. */
const SETTING_PARTS: Readonly<Record<string, 'PUT' | 'PATCH'>> = {
  'displayed-attributes': 'PUT',
  'searchable-attributes': 'PUT',
  'filterable-attributes': 'PUT',
  'sortable-attributes': 'PUT',
  'ranking-rules': 'PUT',
  'stop-words': 'PUT',
  'non-separator-tokens': 'PUT',
  'separator-tokens': 'PUT',
  dictionary: 'PUT',
  synonyms: 'PUT',
  'distinct-attribute': 'PUT',
  'proximity-precision': 'PUT',
  'typo-tolerance': 'PATCH',
  faceting: 'PATCH',
  pagination: 'PATCH',
  embedders: 'PATCH',
  'search-cutoff-ms': 'PUT',
  'localized-attributes': 'PUT',
  'facet-search': 'PUT',
  'prefix-search': 'PUT',
};

function settingRoutes(part: string | null, method: 'PUT' | 'PATCH'): readonly Route[] {
  const path = `/indexes/:uid/settings${part === null ? '' : `/${part}`}`;
  return [
    {
      method: 'GET',
      path,
      action: 'settings.get',
      handle: async (router, call) => router.settings(indexOf(call), part, { signal: call.signal }),
    },
    {
      method,
      path,
      action: 'settings.update',
      handle: async (router, call) => {
        const index = indexOf(call);
        const { text } = await readJson(call);
        return router.changeSettings(index, part, text, writing(call));
      },
    },
    {
      method: 'DELETE',
      path,
      action: 'settings.update',
      handle: async (router, call) => router.changeSettings(indexOf(call), part, null, writing(call)),
    },
  ];
}

export const indexRoutes: readonly Route[] = [
  { method: 'GET', path: '/indexes', action: 'indexes.get', handle: listIndexes },
  { method: 'POST', path: '/indexes', action: 'indexes.create', handle: createIndex },
  {
    method: 'GET',
    path: '/indexes/:uid',
    action: 'indexes.get',
    handle: async (router, call) => router.index(indexOf(call), { signal: call.signal }),
  },
  { method: 'PATCH', path: '/indexes/:uid', action: 'indexes.update', handle: updateIndex },
  {
    method: 'DELETE',
    path: '/indexes/:uid',
    action: 'indexes.delete',
    handle: async (router, call) => router.deleteIndex(indexOf(call), writing(call)),
  },
  {
    method: 'GET',
    path: '/indexes/:uid/stats',
    action: 'stats.get',
    handle: async (router, call) => router.stats(indexOf(call), reading(call)),
  },
  { method: 'GET', path: '/stats', action: 'stats.get', handle: allStats },
  ...settingRoutes(null, 'PATCH'),
  ...Object.entries(SETTING_PARTS).flatMap(([part, method]) => settingRoutes(part, method)),
];
