/**
 * Pages of a node's tasks. A task shows all that its client sent, a delete by filter its whole filter, so a few of them may
 * be more than an answer may be: then they are asked for in smaller pages.
 */
import { PageTooLargeError } from '../errors.ts';
import type { NodeTask, TaskQuery } from '../ports.ts';

/** Some thousand tasks of the usual kind. */
export const TASK_PAGE_BYTES_MAX = 8_000_000;
/** The largest filter that a node takes is 20 MB; its task shows it as JSON within JSON. */
const ONE_TASK_BYTES_MAX = 64_000_000;

export function taskSearch(asked: TaskQuery): URLSearchParams {
  const query = new URLSearchParams({ limit: String(asked.limit) });
  if (asked.index !== undefined) query.set('indexUids', asked.index);
  if (asked.uids !== undefined) query.set('uids', asked.uids.join(','));
  if (asked.statuses !== undefined) query.set('statuses', asked.statuses.join(','));
  if (asked.types !== undefined) query.set('types', asked.types.join(','));
  if (asked.from !== undefined) query.set('from', String(asked.from));
  if (asked.reverse !== undefined) query.set('reverse', String(asked.reverse));
  return query;
}

/** As many tasks as are asked for, in as few pages as fit. */
export async function tasksInPages(
  asked: TaskQuery,
  pageBytesMax: number,
  ask: (query: TaskQuery, maxBytes: number) => Promise<readonly NodeTask[]>,
): Promise<readonly NodeTask[]> {
  const { limit, reverse = false } = asked;
  try {
    return await ask(asked, limit > 1 ? pageBytesMax : ONE_TASK_BYTES_MAX);
  } catch (error) {
    if (!(error instanceof PageTooLargeError) || limit <= 1) throw error;
  }
  const half = Math.ceil(limit / 2);
  const first = await tasksInPages({ ...asked, limit: half }, pageBytesMax, ask);
  const last = first.at(-1);
  const from = (last?.uid ?? 0) + (reverse ? 1 : -1);
  if (last === undefined || first.length < half || from < 0) return first;
  return [...first, ...(await tasksInPages({ ...asked, limit: limit - half, from }, pageBytesMax, ask))];
}
