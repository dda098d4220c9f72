import { randomUUID } from 'node:crypto';

import { nowMs, timeText } from '../clock.ts';
import { ApiError } from '../errors.ts';
import { readJsonBody } from '../http-body.ts';
import { expectObject, expectString, expectStrings, given, rejectUnknownKeys } from '../json-body.ts';
import type { JsonObject } from '../json-tree.ts';
import type { ApiKey, KeyStore } from '../keys.ts';
import { json, type Context, type Reply, type Route } from '../router.ts';

/** In the order in which a real node lists them. */
const ACTIONS = [
  '*',
  'search',
  'documents.*',
  'documents.add',
  'documents.get',
  'documents.delete',
  'indexes.*',
  'indexes.create',
  'indexes.get',
  'indexes.update',
  'indexes.delete',
  'indexes.swap',
  'tasks.*',
  'tasks.cancel',
  'tasks.delete',
  'tasks.get',
  'settings.*',
  'settings.get',
  'settings.update',
  'stats.*',
  'stats.get',
  'metrics.*',
  'metrics.get',
  'dumps.*',
  'dumps.create',
  'snapshots.*',
  'snapshots.create',
  'version',
  'keys.create',
  'keys.get',
  'keys.update',
  'keys.delete',
  'experimental.get',
  'experimental.update',
  'export',
  'network.get',
  'network.update',
  'chatCompletions',
  'chats.*',
  'chats.get',
  'chats.delete',
  'chatsSettings.*',
  'chatsSettings.get',
  'chatsSettings.update',
  '*.get',
  'webhooks.get',
  'webhooks.update',
  'webhooks.delete',
  'webhooks.create',
  'webhooks.*',
  'indexes.compact',
  'fields.post',
  'tasks.compact',
  'dynamicSearchRules.get',
  'dynamicSearchRules.create',
  'dynamicSearchRules.update',
  'dynamicSearchRules.delete',
  'dynamicSearchRules.*',
];

/** Actions that are not about an index, so a key for some indexes cannot have them. */
const GLOBAL_ACTION = /^(version|export|(keys|webhooks|network|experimental|dumps|snapshots|dynamicSearchRules)\..+)$/;

function keyView(keys: KeyStore, key: ApiKey): Record<string, unknown> {
  return {
    name: key.name,
    description: key.description,
    key: keys.textOf(key),
    uid: key.uid,
    actions: key.actions,
    indexes: key.indexes,
    expiresAt: key.expiresAt === null ? null : timeText(key.expiresAt),
    createdAt: timeText(key.createdAt),
    updatedAt: timeText(key.updatedAt),
  };
}

function listKeys({ node, query }: Context): Reply {
  query.allow(['offset', 'limit']);
  const offset = query.count('offset', 'invalid_api_key_offset') ?? 0;
  const limit = query.count('limit', 'invalid_api_key_limit') ?? 20;
  const { keys } = node.state;
  const all = keys.all().sort((a, b) => b.createdAt - a.createdAt);
  const results = all.slice(offset, offset + limit).map((key) => keyView(keys, key));
  return json(200, { results, offset, limit, total: all.length });
}

function requireKey({ node, params }: Context): ApiKey {
  const asked = params['key'] ?? '';
  const key = node.state.keys.find(asked);
  if (!key) throw new ApiError('api_key_not_found', `API key \`${asked}\` not found.`);
  return key;
}

const PLACE = { path: '', code: 'bad_request' };

function readName(object: JsonObject, name: 'name' | 'description'): string | null {
  const value = given(object, name);
  return value === undefined ? null : expectString(value, { path: `.${name}`, code: `invalid_api_key_${name}` });
}

async function createKey(context: Context): Promise<Reply> {
  const { state, bodyLimit } = context.node;
  const object = expectObject(await readJsonBody(context.request, bodyLimit), PLACE);
  rejectUnknownKeys(object, ['description', 'name', 'uid', 'actions', 'indexes', 'expiresAt'], PLACE);
  const uid = readUid(object);
  const actions = object.has('actions') ? readActions(object) : null;
  const indexes = object.has('indexes') ? readIndexes(object) : null;
  const expiresAt = object.has('expiresAt') ? readExpiry(object) : undefined;
  if (!actions) throw new ApiError('missing_api_key_actions', 'Missing field `actions`');
  if (!indexes) throw new ApiError('missing_api_key_indexes', 'Missing field `indexes`');
  if (expiresAt === undefined) throw new ApiError('missing_api_key_expires_at', 'Missing field `expiresAt`');
  const global = indexes.includes('*') ? undefined : actions.find((action) => GLOBAL_ACTION.test(action));
  if (global !== undefined) {
    throw new ApiError(
      'index_scoped_api_key_with_global_action',
      `The action \`${global}\` is global and cannot be given to an API key that is scoped to indexes.`,
    );
  }
  if (state.keys.find(uid)) {
    throw new ApiError('api_key_already_exists', `\`uid\` field value \`${uid}\` is already an existing API key.`);
  }
  const at = nowMs();
  const key: ApiKey = {
    uid,
    name: readName(object, 'name'),
    description: readName(object, 'description'),
    actions,
    indexes,
    expiresAt,
    createdAt: at,
    updatedAt: at,
  };
  state.keys.put(key);
  state.recordKeys();
  return json(201, keyView(state.keys, key));
}

function readUid(object: JsonObject): string {
  const value = given(object, 'uid');
  if (value === undefined) return randomUUID();
  const place = { path: '.uid', code: 'invalid_api_key_uid' };
  const uid = expectString(value, place).toLowerCase();
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uid)) return uid;
  const at = uid.search(/[^0-9a-f-]/);
  const reason = at < 0 ? 'invalid length' : `invalid character: found \`${uid[at] ?? ''}\` at ${at}`;
  throw new ApiError(place.code, `Invalid value at \`.uid\`: ${reason}`);
}

function readActions(object: JsonObject): string[] {
  const code = 'invalid_api_key_actions';
  return expectStrings(object.get('actions') ?? null, { path: '.actions', code }).map((action, i) => {
    if (ACTIONS.includes(action)) return action;
    const list = ACTIONS.map((known) => `\`${known}\``).join(', ');
    throw new ApiError(code, `Unknown value \`${action}\` at \`.actions[${i}]\`: expected one of ${list}`);
  });
}

function readIndexes(object: JsonObject): string[] {
  const code = 'invalid_api_key_indexes';
  return expectStrings(object.get('indexes') ?? null, { path: '.indexes', code }).map((pattern, i) => {
    if (/^([A-Za-z0-9_-]{1,400}\*?|\*)$/.test(pattern)) return pattern;
    throw new ApiError(
      code,
      `Invalid value at \`.indexes[${i}]\`: \`${pattern}\` is not a valid index uid pattern. Index uid patterns can be an integer or a string containing only alphanumeric characters, hyphens (-), underscores (_), and optionally end with a star (*).`,
    );
  });
}

function readExpiry(object: JsonObject): number | null {
  const value = object.get('expiresAt') ?? null;
  if (value === null) return null;
  const place = { path: '.expiresAt', code: 'invalid_api_key_expires_at' };
  const text = expectString(value, place);
  const at = Date.parse(
    /[zZ]|[+-]\d\d:\d\d$/.test(text) ? text : `${text.replace(' ', 'T')}${text.length > 10 ? 'Z' : ''}`,
  );
  if (at > Date.now()) return at;
  throw new ApiError(
    place.code,
    `Invalid value at \`.expiresAt\`: \`${text}\` is not a valid date. It should follow the RFC 3339 format to represents a date or datetime in the future or specified as a null value. e.g. 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS'.\n`,
  );
}

async function patchKey(context: Context): Promise<Reply> {
  const { state, bodyLimit } = context.node;
  const object = expectObject(await readJsonBody(context.request, bodyLimit), PLACE);
  for (const name of ['uid', 'actions', 'indexes', 'expiresAt', 'createdAt', 'updatedAt', 'key']) {
    if (!object.has(name)) continue;
    const code = `immutable_api_key_${name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}`;
    throw new ApiError(code, `Immutable field \`${name}\`: expected one of \`description\`, \`name\``);
  }
  rejectUnknownKeys(object, ['description', 'name'], PLACE);
  const key = requireKey(context);
  if (object.has('name')) key.name = readName(object, 'name');
  if (object.has('description')) key.description = readName(object, 'description');
  key.updatedAt = nowMs();
  state.recordKeys();
  return json(200, keyView(state.keys, key));
}

function deleteKey(context: Context): Reply {
  const { state } = context.node;
  state.keys.delete(requireKey(context));
  state.recordKeys();
  return { status: 204, body: null };
}

export const keyRoutes: readonly Route[] = [
  { method: 'GET', path: '/keys', action: 'keys.get', handler: listKeys },
  { method: 'POST', path: '/keys', action: 'keys.create', handler: createKey },
  {
    method: 'GET',
    path: '/keys/:key',
    action: 'keys.get',
    handler: (context) => json(200, keyView(context.node.state.keys, requireKey(context))),
  },
  { method: 'PATCH', path: '/keys/:key', action: 'keys.update', handler: patchKey },
  { method: 'DELETE', path: '/keys/:key', action: 'keys.delete', handler: deleteKey },
];
