/** Routes about tasks. */
import type { ClientAnswer, Router, TaskListQuery } from '../routing/api.ts';
import { json, nodeError, notSupported, refuse } from './answers.ts';
import type { Call, Route } from './call.ts';
import { visibleUids } from './indexes.ts';
import { count, counts, flag, indexUids, readParameters, words } from './parameters.ts';

const STATUSES = ['enqueued', 'processing', 'succeeded', 'failed', 'canceled'] as const;
/** All that a node has, so that a question for one that cannot occur here finds nothing instead of being refused. */
const TYPES = (
  'documentAdditionOrUpdate documentEdition documentDeletion settingsUpdate indexCreation indexDeletion indexUpdate ' +
  'indexSwap taskCancelation taskDeletion dumpCreation snapshotCreation export upgradeDatabase indexCompaction ' +
  'networkTopologyChange dsrUpdate dsrClear'
).split(' ');

/** In a node's order, which its words have, too. */
const PARAMETERS = [
  'limit',
  'from',
  'reverse',
  'batchUids',
  'uids',
  'canceledBy',
  'types',
  'statuses',
  'indexUids',
  'afterEnqueuedAt',
  'beforeEnqueuedAt',
  'afterStartedAt',
  'beforeStartedAt',
  'afterFinishedAt',
  'beforeFinishedAt',
] as const;
const READ: ReadonlySet<string> = new Set(['limit', 'from', 'reverse', 'uids', 'types', 'statuses', 'indexUids']);
/** A node narrows by these too; left out silently, the list would be wrong. */
const OTHERS = PARAMETERS.filter((name) => !READ.has(name));

const LIMIT_DEFAULT = 20;

function readQuery(search: string): TaskListQuery {
  const parameters = readParameters(search, PARAMETERS);
  const wanted = {
    uids: counts(parameters, 'uids', 'invalid_task_uids'),
    statuses: words(parameters, 'statuses', STATUSES, {
      one: 'task status',
      many: 'statuses',
      code: 'invalid_task_statuses',
    }),
    types: words(parameters, 'types', TYPES, { one: 'task type', many: 'types', code: 'invalid_task_types' }),
    indexUids: indexUids(parameters, 'indexUids'),
    limit: count(parameters, 'limit', 'invalid_task_limit'),
    from: count(parameters, 'from', 'invalid_task_from'),
    reverse: flag(parameters, 'reverse', 'invalid_task_reverse'),
  };
  const other = OTHERS.find((name) => (parameters.get(name) ?? '*') !== '*');
  if (other !== undefined) return notSupported(`the parameter ${other} of tasks`, 'leave it out');
  // What is not given stays away: the router tells it from an empty list.
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
}

async function listTasks(router: Router, call: Call): Promise<ClientAnswer> {
  const query = readQuery(call.search);
  const { indexPatterns } = call.access;
  if (indexPatterns === null) return router.tasks(query, { signal: call.signal });
  let uids: readonly string[] = indexPatterns;
  if (query.indexUids !== undefined) uids = query.indexUids.filter((uid) => call.access.allowsIndex(uid));
  else if (indexPatterns.some((pattern) => pattern.endsWith('*'))) {
    const visible = await visibleUids(router, call);
    if ('status' in visible) return visible;
    uids = visible;
  }
  if (uids.length > 0) return router.tasks({ ...query, indexUids: uids }, { signal: call.signal });
  return json({ results: [], total: 0, limit: query.limit ?? LIMIT_DEFAULT, from: null, next: null });
}

async function oneTask(router: Router, call: Call): Promise<ClientAnswer> {
  const text = call.params['task'] ?? '';
  if (!/^\d+$/.test(text)) {
    refuse('invalid_task_uids', `Task uid \`${text}\` is invalid. It should only contain numeric characters.`);
  }
  const answer = await router.task(Number(text), { signal: call.signal });
  if (call.access.indexPatterns === null || answer.status !== 200) return answer;
  const { indexUid } = JSON.parse(answer.body) as { readonly indexUid: string | null };
  if (indexUid !== null && call.access.allowsIndex(indexUid)) return answer;
  return nodeError('task_not_found', `Task \`${text}\` not found.`);
}

export const taskRoutes: readonly Route[] = [
  { method: 'GET', path: '/tasks', action: 'tasks.get', handle: listTasks },
  { method: 'GET', path: '/tasks/:task', action: 'tasks.get', handle: oneTask },
];
