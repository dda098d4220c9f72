/** Sending one window to the target and seeing it applied; what a failed task means is decided here. */
import { fieldSpan, scalarText, splitArray } from '../core/json-text.ts';
import type { Window } from '../core/windows.ts';
import { DocumentRejectedError, MoveWaitingError } from '../errors.ts';
import type { NodeClient, NodeTask } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { sendWrite } from './late-writes.ts';
import { writeTag } from './tags.ts';

/** Codes of a node that is full or busy: nothing is wrong with the documents. */
const NODE_TROUBLE = new Set([
  'no_space_left_on_device',
  'io_error',
  'too_many_open_files',
  'database_size_limit_reached',
]);
/** A task that failed through somebody else's document is innocent; alone it fails again only by its own. */
const INNOCENT = new Set(['internal', 'index_not_found']);
const ATTEMPTS_ALONE = 3;

const outcome = (task: NodeTask): 'applied' | 'trouble' | 'again' | 'rejected' => {
  if (task.status === 'succeeded') return 'applied';
  if (task.status === 'canceled') return 'again';
  const code = task.error?.code ?? 'internal';
  if (NODE_TROUBLE.has(code)) return 'trouble';
  return INNOCENT.has(code) ? 'again' : 'rejected';
};

/**
 * Sends an array of documents and waits until the task has ended. `window` only when they are all of it: a successor
 * takes a task that names a window for the whole window.
 */
async function sendOnce(
  context: PhaseContext,
  target: NodeClient,
  documents: Buffer | string,
  window: Window | null,
  attempt: number,
): Promise<NodeTask> {
  const { entry, move, fence } = context;
  const slots = window === null ? {} : { window: [window.from, window.to] as const };
  const tag = writeTag({ move: move.id, fence, shards: [move.shard], attempt, ...slots });
  const uid = await sendWrite(context, target, () => target.putDocuments(entry.uid, entry.primaryKey, documents, tag));
  return context.tasks(target).ended(uid);
}

/** Throws `MoveWaitingError` with the node's own words when it is full or busy. */
function assertRoom(target: NodeClient, task: NodeTask): void {
  if (outcome(task) !== 'trouble') return;
  throw new MoveWaitingError(`node_busy: ${target.node.id}: ${task.error?.message ?? task.error?.code ?? ''}`, 5_000);
}

/** The documents one by one in halves until the one is found that the target rejects. Throws `DocumentRejectedError`. */
async function findRejected(context: PhaseContext, target: NodeClient, documents: string): Promise<void> {
  let groups = [splitArray(documents)];
  for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
    const text = `[${group.map(({ start, end }) => documents.slice(start, end)).join(',')}]`;
    let task = await sendOnce(context, target, text, null, ATTEMPTS_ALONE);
    assertRoom(target, task);
    if (outcome(task) === 'applied') continue;
    const [only] = group;
    if (group.length > 1 || only === undefined) {
      const half = Math.ceil(group.length / 2);
      groups = [group.slice(0, half), group.slice(half), ...groups];
      continue;
    }
    // One document alone: once more, in case another client's document broke the batch it was in.
    task = await sendOnce(context, target, text, null, ATTEMPTS_ALONE + 1);
    assertRoom(target, task);
    if (outcome(task) === 'applied') continue;
    const key = fieldSpan(documents, only.start, only.end, context.entry.primaryKey);
    const id = key === undefined ? '(no primary key)' : scalarText(documents, key.start, key.end);
    throw new DocumentRejectedError(`${target.node.id} rejects document ${id}: ${task.error?.message ?? ''}`, {
      remedy: 'correct or delete the document on the source, then ask for the move again',
      details: { document: id, node: target.node.id, taskCode: task.error?.code ?? '' },
    });
  }
}

/**
 * Returns when the window is applied, and how often it was sent again for that. Throws `MoveWaitingError` with the node's own words when the node is full or
 * busy, `DocumentRejectedError` when a document of the window is to blame.
 */
export async function settleTask(
  context: PhaseContext,
  target: NodeClient,
  sent: { readonly task: NodeTask; readonly documents: Buffer; readonly window: Window | null },
): Promise<number> {
  let { task } = sent;
  let attempt = 1;
  for (; outcome(task) === 'again' && attempt < ATTEMPTS_ALONE; attempt += 1) {
    context.log.warn({ window: sent.window, error: task.error }, 'window failed with its batch: sending it again');
    task = await sendOnce(context, target, sent.documents, sent.window, attempt + 1);
    context.observer.window('repeated');
  }
  switch (outcome(task)) {
    case 'applied':
      return attempt - 1;
    case 'trouble':
      context.loads.of(target.node.id).learnRefusal();
      assertRoom(target, task);
      return attempt - 1;
    case 'again':
    case 'rejected':
      await findRejected(context, target, sent.documents.toString('utf8'));
      return attempt;
  }
}
