import { timeText } from '../clock.ts';
import { ApiError, INDEX_UID_RULE, indexNotFound, isIndexUid } from '../errors.ts';
import { readJsonBody } from '../http-body.ts';
import type { IndexStore } from '../index-store.ts';
import {
  expectArray,
  expectBoolean,
  expectObject,
  expectString,
  expectStrings,
  given,
  rejectUnknownKeys,
} from '../json-body.ts';
import { json, type Context, type Reply, type Route } from '../router.ts';
import { taskReceipt, type IndexSwap, type Task, type TaskType, type Work } from '../tasks.ts';

/** Enqueues a task with what the request says about it, and answers 202. */
export function accept(
  context: Context,
  type: TaskType,
  indexUid: string | null,
  work: Work,
  details: Record<string, unknown>,
  customMetadata?: string,
): Reply {
  const task: Task = context.node.state.enqueue(type, indexUid, work, {
    details,
    ...(customMetadata === undefined ? {} : { customMetadata }),
    ...(context.doom ? { doom: context.doom } : {}),
  });
  context.node.scheduler.wake();
  return json(202, taskReceipt(task));
}

/** The uid in the path; refused when it cannot be one. */
export function pathUid(context: Context): string {
  const uid = context.params['uid'] ?? '';
  if (!isIndexUid(uid)) throw new ApiError('invalid_index_uid', `\`${uid}\` ${INDEX_UID_RULE}`);
  return uid;
}

export function requireIndex(context: Context): IndexStore {
  const uid = pathUid(context);
  const index = context.node.state.index(uid);
  if (!index) throw indexNotFound(uid);
  return index;
}

function indexView(index: IndexStore): Record<string, unknown> {
  return {
    uid: index.uid,
    createdAt: timeText(index.createdAt),
    updatedAt: timeText(index.updatedAt),
    primaryKey: index.primaryKey,
  };
}

function listIndexes({ node, query, access }: Context): Reply {
  query.allow(['offset', 'limit']);
  const offset = query.count('offset', 'invalid_index_offset') ?? 0;
  const limit = query.count('limit', 'invalid_index_limit') ?? 20;
  const visible = [...node.state.indexes.values()]
    .filter((index) => access.allowsIndex(index.uid))
    .sort((a, b) => (a.uid < b.uid ? -1 : 1));
  const results = visible.slice(offset, offset + limit).map(indexView);
  return json(200, { results, offset, limit, total: visible.length });
}

async function createIndex(context: Context): Promise<Reply> {
  const body = await readJsonBody(context.request, context.node.bodyLimit);
  const place = { path: '', code: 'bad_request' };
  const object = expectObject(body, place);
  rejectUnknownKeys(object, ['uid', 'primaryKey'], place);
  const uidValue = object.get('uid');
  const keyValue = given(object, 'primaryKey');
  const primaryKey =
    keyValue === undefined ? null : expectString(keyValue, { path: '.primaryKey', code: 'invalid_index_primary_key' });
  if (uidValue === undefined) throw new ApiError('missing_index_uid', 'Missing field `uid`');
  const uid = expectString(uidValue, { path: '.uid', code: 'invalid_index_uid' });
  if (!isIndexUid(uid))
    throw new ApiError('invalid_index_uid', `Invalid value at \`.uid\`: \`${uid}\` ${INDEX_UID_RULE}`);
  return accept(context, 'indexCreation', uid, { kind: 'createIndex', primaryKey }, { primaryKey });
}

async function updateIndex(context: Context): Promise<Reply> {
  const uid = pathUid(context);
  const body = await readJsonBody(context.request, context.node.bodyLimit);
  const place = { path: '', code: 'bad_request' };
  const object = expectObject(body, place);
  rejectUnknownKeys(object, ['primaryKey', 'uid'], place);
  const keyValue = given(object, 'primaryKey');
  const uidValue = given(object, 'uid');
  const primaryKey =
    keyValue === undefined ? null : expectString(keyValue, { path: '.primaryKey', code: 'invalid_index_primary_key' });
  const newUid = uidValue === undefined ? null : expectString(uidValue, { path: '.uid', code: 'invalid_index_uid' });
  if (newUid !== null && !isIndexUid(newUid)) {
    throw new ApiError('invalid_index_uid', `Invalid value at \`.uid\`: \`${newUid}\` ${INDEX_UID_RULE}`);
  }
  const rename = newUid === null ? {} : { oldIndexUid: uid, newIndexUid: newUid };
  return accept(context, 'indexUpdate', uid, { kind: 'updateIndex', primaryKey, newUid }, { primaryKey, ...rename });
}

function deleteIndex(context: Context): Reply {
  return accept(context, 'indexDeletion', pathUid(context), { kind: 'deleteIndex' }, { deletedDocuments: null });
}

async function swapIndexes(context: Context): Promise<Reply> {
  const body = await readJsonBody(context.request, context.node.bodyLimit);
  const swaps = expectArray(body, { path: '', code: 'bad_request' }).map((item, i): IndexSwap => {
    const object = expectObject(item, { path: `[${i}]`, code: 'bad_request' });
    rejectUnknownKeys(object, ['indexes', 'rename'], { path: `[${i}]`, code: 'bad_request' });
    const list = object.get('indexes');
    if (list === undefined) throw new ApiError('missing_swap_indexes', `Missing field \`indexes\` inside \`[${i}]\``);
    const uids = expectStrings(list, { path: `[${i}].indexes`, code: 'invalid_swap_indexes' });
    const [left, right] = uids;
    if (left === undefined || right === undefined || uids.length !== 2) {
      throw new ApiError(
        'invalid_swap_indexes',
        `Two indexes must be given for each swap. The list \`[${uids.map((uid) => `"${uid}"`).join(', ')}]\` contains ${uids.length} indexes.`,
      );
    }
    for (const uid of uids)
      if (!isIndexUid(uid)) throw new ApiError('invalid_index_uid', `\`${uid}\` ${INDEX_UID_RULE}`);
    const rename = expectBoolean(given(object, 'rename') ?? false, {
      path: `[${i}].rename`,
      code: 'invalid_swap_rename',
    });
    return { indexes: [left, right], rename };
  });
  const all = swaps.flatMap(({ indexes }) => indexes);
  const twice = all.find((uid, i) => all.indexOf(uid) !== i);
  if (twice !== undefined) {
    throw new ApiError(
      'invalid_swap_duplicate_index_found',
      `Indexes must be declared only once during a swap. \`${twice}\` was specified several times.`,
    );
  }
  return accept(context, 'indexSwap', null, { kind: 'swap', swaps }, { swaps });
}

export const indexRoutes: readonly Route[] = [
  { method: 'GET', path: '/indexes', action: 'indexes.get', handler: listIndexes },
  { method: 'POST', path: '/indexes', action: 'indexes.create', handler: createIndex },
  {
    method: 'GET',
    path: '/indexes/:uid',
    action: 'indexes.get',
    handler: (context) => json(200, indexView(requireIndex(context))),
  },
  { method: 'PATCH', path: '/indexes/:uid', action: 'indexes.update', handler: updateIndex },
  { method: 'DELETE', path: '/indexes/:uid', action: 'indexes.delete', handler: deleteIndex },
  { method: 'POST', path: '/swap-indexes', action: 'indexes.swap', handler: swapIndexes },
];
