/**
 * Finds the windows that an earlier holder (or this one, before a cut) has sent: by their tags in the target's task
 * list, above the uid that was newest when the move was taken up. They are waited for instead of sent again.
 */
import type { Window } from '../core/windows.ts';
import type { NodeClient, NodeTask } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { readTag, windowOf } from './tags.ts';

/** The first page is small: mostly few tasks are newer than the floor, and a task is some 500 bytes of answer. */
const FIRST_TASKS = 50;
const PAGE_TASKS = 1_000;
/** Some nine thousand tasks back; what lies deeper is sent again, which is only slower. */
const PAGES = 10;

/** Tasks of an index above a uid, newest first, at most `PAGES` pages; `isWhole` says whether that was all. */
async function tasksAbove(
  node: NodeClient,
  index: string,
  floor: number,
): Promise<{ tasks: NodeTask[]; isWhole: boolean }> {
  const tasks: NodeTask[] = [];
  let from: number | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const limit = page === 0 ? FIRST_TASKS : PAGE_TASKS;
    const part = await node.tasks({ index, limit, ...(from === undefined ? {} : { from }) });
    const above = part.filter((task) => task.uid > floor);
    tasks.push(...above);
    const last = part.at(-1);
    if (above.length < part.length || part.length < limit || last === undefined || last.uid === 0)
      return { tasks, isWhole: true };
    from = last.uid - 1;
  }
  return { tasks, isWhole: false };
}

/** Pages of one scan: as many tasks as a busy node is given in some minutes. */
const SCAN_PAGES = 100;

/**
 * Shows every task of an index above a uid, oldest first, a page at a time. Returns the newest uid shown, and whether that
 * was all: where it was not, the next scan goes on from there.
 */
export async function scanAbove(
  node: NodeClient,
  index: string,
  floor: number,
  see: (tasks: readonly NodeTask[]) => void,
): Promise<{ floor: number; isWhole: boolean }> {
  let seen = floor;
  for (let page = 0; page < SCAN_PAGES; page += 1) {
    const limit = page === 0 ? FIRST_TASKS : PAGE_TASKS;
    const tasks = await node.tasks({ index, limit, from: seen + 1, reverse: true });
    see(tasks);
    seen = tasks.at(-1)?.uid ?? seen;
    if (tasks.length < limit) return { floor: seen, isWhole: true };
  }
  return { floor: seen, isWhole: false };
}

export interface SentWindow {
  readonly window: Window;
  readonly task: NodeTask;
  readonly documents: number;
}

const received = (task: NodeTask): number => Number(task.details?.['receivedDocuments'] ?? 0);

/** Windows of this move at or above `offset`, ascending, without overlaps; failed and cancelled ones are left out. */
export async function findSent(context: PhaseContext, target: NodeClient, offset: number): Promise<SentWindow[]> {
  const { tasks } = await tasksAbove(target, context.entry.uid, context.move.targetFloor ?? -1);
  const sent: SentWindow[] = [];
  for (const task of tasks) {
    const tag = readTag(task.customMetadata);
    const window = tag?.move === context.move.id ? windowOf(tag) : null;
    if (window === null || window.from < offset || task.status === 'failed' || task.status === 'canceled') continue;
    sent.push({ window, task, documents: received(task) });
  }
  sent.sort((a, b) => a.window.from - b.window.from || b.task.uid - a.task.uid);
  const apart: SentWindow[] = [];
  for (const one of sent) if (one.window.from > (apart.at(-1)?.window.to ?? -1)) apart.push(one);
  return apart;
}
