import { ApiError, INDEX_UID_RULE, isIndexUid } from '../errors.ts';
import { parseCount, type Query } from '../query.ts';
import { json, type Context, type Reply, type Route } from '../router.ts';
import type { Page } from '../task-store.ts';
import { batchView, TASK_STATUSES, TASK_TYPES, taskReceipt, taskView, type Task, type TaskFilter } from '../tasks.ts';

const TIME_FILTERS = [
  'afterEnqueuedAt',
  'beforeEnqueuedAt',
  'afterStartedAt',
  'beforeStartedAt',
  'afterFinishedAt',
  'beforeFinishedAt',
] as const;

const LIST_PARAMETERS = [
  'limit',
  'from',
  'reverse',
  'batchUids',
  'uids',
  'canceledBy',
  'types',
  'statuses',
  'indexUids',
  ...TIME_FILTERS,
];
const SELECT_PARAMETERS = ['uids', 'batchUids', 'canceledBy', 'types', 'statuses', 'indexUids', ...TIME_FILTERS];

function readFilter(query: Query): TaskFilter {
  return {
    ...numbers(query, 'uids', 'uids', 'invalid_task_uids'),
    ...numbers(query, 'batchUids', 'batchUids', 'invalid_batch_uids'),
    ...numbers(query, 'canceledBy', 'canceledBy', 'invalid_task_canceled_by'),
    ...words(query, 'statuses', TASK_STATUSES, 'status', 'statuses'),
    ...words(query, 'types', TASK_TYPES, 'type', 'types'),
    ...indexUids(query),
    times: TIME_FILTERS.flatMap((name) => time(query, name)),
  };
}

function numbers(query: Query, name: string, key: string, code: string): Record<string, ReadonlySet<number>> {
  const list = query.list(name);
  if (!list || (list.length === 1 && list[0] === '*')) return {};
  const parsed = list.map((text, i) => parseCount(text, list.length > 1 ? `${name}[${i}]` : name, code));
  return { [key]: new Set(parsed) };
}

function words(
  query: Query,
  name: string,
  known: readonly string[],
  singular: string,
  plural: string,
): Record<string, ReadonlySet<string>> {
  const list = query.list(name);
  if (!list || (list.length === 1 && list[0] === '*')) return {};
  const found = list.map((text, i) => {
    const word = known.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
    if (word !== undefined) return word;
    const where = list.length > 1 ? `${name}[${i}]` : name;
    const available = known.map((candidate) => `\`${candidate}\``).join(', ');
    throw new ApiError(
      `invalid_task_${plural}`,
      `Invalid value in parameter \`${where}\`: \`${text}\` is not a valid task ${singular}. Available ${plural} are ${available}.`,
    );
  });
  return { [name]: new Set(found) };
}

function indexUids(query: Query): { indexUids?: ReadonlySet<string> } {
  const list = query.list('indexUids');
  if (!list || (list.length === 1 && list[0] === '*')) return {};
  for (const [i, uid] of list.entries()) {
    const where = list.length > 1 ? `indexUids[${i}]` : 'indexUids';
    if (!isIndexUid(uid))
      throw new ApiError('invalid_index_uid', `Invalid value in parameter \`${where}\`: \`${uid}\` ${INDEX_UID_RULE}`);
  }
  return { indexUids: new Set(list) };
}

function time(query: Query, name: (typeof TIME_FILTERS)[number]): NonNullable<TaskFilter['times']> {
  const text = query.text(name);
  if (text === undefined || text === '*') return [];
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) {
    throw new ApiError(
      `invalid_task_${name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}`,
      `Invalid value in parameter \`${name}\`: \`${text}\` is an invalid date-time. It should follow the YYYY-MM-DD or RFC 3339 date-time format.`,
    );
  }
  const isAfter = name.startsWith('after');
  const field = name.includes('Enqueued') ? 'enqueuedAt' : name.includes('Started') ? 'startedAt' : 'finishedAt';
  return [isAfter ? { field, after: at } : { field, before: at }];
}

function readPage(query: Query): Page {
  return {
    limit: query.count('limit', 'invalid_task_limit') ?? 20,
    from: query.count('from', 'invalid_task_from') ?? null,
    isReverse: query.flag('reverse', 'invalid_task_reverse') ?? false,
  };
}

/** Whether a task may be shown: to a key for some indexes only theirs, and with a filter on indexes only those. */
function visibility(context: Context, filter: TaskFilter): (task: Task) => boolean {
  return (task) => {
    if (task.indexUid === null) return context.access.indexPatterns === null && !filter.indexUids;
    return context.access.allowsIndex(task.indexUid);
  };
}

function listTasks(context: Context): Reply {
  const { query, node } = context;
  query.allow(LIST_PARAMETERS);
  const filter = readFilter(query);
  const page = readPage(query);
  const { results, total, next } = node.state.tasks.list(filter, page, visibility(context, filter));
  return json(200, { results: results.map(taskView), total, limit: page.limit, from: results[0]?.uid ?? null, next });
}

function getTask(context: Context): Reply {
  const text = context.params['task'] ?? '';
  if (!/^\d+$/.test(text)) {
    throw new ApiError(
      'invalid_task_uids',
      `Task uid \`${text}\` is invalid. It should only contain numeric characters.`,
    );
  }
  const task = context.node.state.tasks.get(Number(text));
  if (!task || !visibility(context, {})(task)) throw new ApiError('task_not_found', `Task \`${text}\` not found.`);
  return json(200, taskView(task));
}

function listBatches({ query, node }: Context): Reply {
  query.allow(LIST_PARAMETERS);
  const page = readPage(query);
  const { tasks } = node.state;
  const { results, total, next } = tasks.listBatches(readFilter(query), page);
  const views = results.map((batch) => batchView(batch, tasks.totalsOf(batch)));
  return json(200, { results: views, total, limit: page.limit, from: results[0]?.uid ?? null, next });
}

function getBatch({ params, node }: Context): Reply {
  const text = params['batch'] ?? '';
  if (!/^\d+$/.test(text)) {
    throw new ApiError(
      'invalid_batch_uids',
      `Batch uid \`${text}\` is invalid. It should only contain numeric characters.`,
    );
  }
  const batch = node.state.tasks.batch(Number(text));
  if (!batch) throw new ApiError('batch_not_found', `Batch \`${text}\` not found.`);
  return json(200, batchView(batch, node.state.tasks.totalsOf(batch)));
}

function select(context: Context, verb: string): number[] {
  const { query, node, access } = context;
  query.allow(SELECT_PARAMETERS);
  if (query.raw === '' || query.raw === '?') {
    throw new ApiError(
      'missing_task_filters',
      `Query parameters to filter the tasks to ${verb} are missing. Available query parameters are: \`uids\`, \`indexUids\`, ` +
        '`statuses`, `types`, `canceledBy`, `beforeEnqueuedAt`, `afterEnqueuedAt`, `beforeStartedAt`, `afterStartedAt`, ' +
        '`beforeFinishedAt`, `afterFinishedAt`.',
    );
  }
  const tasks = node.state.tasks.matching(readFilter(query));
  return tasks.filter((task) => task.indexUid === null || access.allowsIndex(task.indexUid)).map((task) => task.uid);
}

function cancelTasks(context: Context): Reply {
  const { node, query } = context;
  const uids = select(context, 'cancel');
  const details = { matchedTasks: uids.length, canceledTasks: null, originalFilter: query.raw };
  const task = node.state.enqueue('taskCancelation', null, { kind: 'cancelTasks', uids }, { details });
  node.scheduler.cancelNow(uids);
  node.scheduler.wake();
  return json(200, taskReceipt(task));
}

function deleteTasks(context: Context): Reply {
  const { node, query } = context;
  const uids = select(context, 'delete');
  const details = { matchedTasks: uids.length, deletedTasks: null, originalFilter: query.raw };
  const task = node.state.enqueue('taskDeletion', null, { kind: 'deleteTasks', uids }, { details });
  node.scheduler.wake();
  return json(200, taskReceipt(task));
}

export const taskRoutes: readonly Route[] = [
  { method: 'GET', path: '/tasks', action: 'tasks.get', handler: listTasks },
  { method: 'DELETE', path: '/tasks', action: 'tasks.delete', handler: deleteTasks },
  { method: 'POST', path: '/tasks/cancel', action: 'tasks.cancel', handler: cancelTasks },
  { method: 'GET', path: '/tasks/:task', action: 'tasks.get', handler: getTask },
  { method: 'GET', path: '/batches', action: 'tasks.get', handler: listBatches },
  { method: 'GET', path: '/batches/:batch', action: 'tasks.get', handler: getBatch },
];
