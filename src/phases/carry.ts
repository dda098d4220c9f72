/**
 * Carrying documents over by their ids: read anew from an old owner, sent to the target as they are, or deleted there
 * when they are gone. An id is in one batch at a time, so of two states of a document the later one lands last.
 */
import { fieldSpan, scalarText, splitArray } from '../core/json-text.ts';
import { MoveWaitingError } from '../errors.ts';
import type { NodeClient } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { sendWrite, untilSure } from './late-writes.ts';
import { readIds } from './read-window.ts';
import { settleTask } from './send-window.ts';
import { writeTag } from './tags.ts';
import { compareDocuments, idsOfDifferences } from './verify.ts';
import { assertNotRegressed, settleWrites } from './watermark.ts';

/** Batches waiting in the target at a time: they share one of its own, and as many pages are in memory. */
const IN_FLIGHT = 4;
/** Where nothing was sent: below every uid. */
const NO_TASK = -1;

/** An owner that is read again, and what it had applied before that. */
export interface OldOwner {
  readonly node: NodeClient;
  /** `createdAt` of its index: another one later means that it lost its data. */
  readonly created: string | null;
  readonly watermark: number;
}

/** Waits until the node has applied what it had accepted so far: what is read after that is as new as that. */
export async function settledOwner(context: PhaseContext, node: NodeClient): Promise<OldOwner> {
  const { move, entry } = context;
  const created =
    node.node.id === move.source ? move.sourceCreated : ((await node.index(entry.uid))?.createdAt ?? null);
  return { node, created, watermark: await settleWrites(context, node) };
}

/** Ids of the documents in a page, as text: what a journal knows them by. */
function idsIn(documents: string, primaryKey: string): Set<string> {
  return new Set(
    splitArray(documents).flatMap(({ start, end }) => {
      const key = fieldSpan(documents, start, end, primaryKey);
      return key === undefined ? [] : [scalarText(documents, key.start, key.end)];
    }),
  );
}

/** In halves; a single one stays as it is. */
const halves = (ids: readonly string[]): (readonly string[])[] => {
  const middle = Math.ceil(ids.length / 2);
  return [ids.slice(0, middle), ids.slice(middle)].filter((part) => part.length > 0);
};

const parts = (ids: readonly string[], size: number): (readonly string[])[] =>
  Array.from({ length: Math.ceil(ids.length / size) }, (_, at) => ids.slice(at * size, (at + 1) * size));

/** Returns the task. */
async function deleteGone(
  context: PhaseContext,
  target: NodeClient,
  ids: readonly string[],
  tag: string,
): Promise<number> {
  const texts = ids.map((id) => JSON.stringify(id));
  const uid = await sendWrite(context, target, () => target.deleteDocuments(context.entry.uid, texts, tag));
  const task = await context.tasks(target).ended(uid);
  if (task.status === 'succeeded') return uid;
  const why = task.error?.message ?? task.status;
  throw new MoveWaitingError(`node_busy: ${target.node.id} failed to delete: ${why}`, 1_000);
}

/** Returns the task. */
async function putFound(context: PhaseContext, target: NodeClient, documents: Buffer, tag: string): Promise<number> {
  const { entry } = context;
  const uid = await sendWrite(context, target, () => target.putDocuments(entry.uid, entry.primaryKey, documents, tag));
  await settleTask(context, target, { task: await context.tasks(target).ended(uid), documents, window: null });
  return uid;
}

/** One batch until the target has applied it: its newest task; null when its page does not fit and it has to be cut. */
async function carryBatch(context: PhaseContext, old: OldOwner, ids: readonly string[]): Promise<number | null> {
  const { entry, move, fence, loads, settings, permit } = context;
  const target = context.node(move.target);
  const room = await loads.page(settings.windowBytes, permit.signal);
  try {
    const page = await readIds(context, old.node, ids);
    if (page === null) return null;
    room.shrink(page.documents.length);
    const found = idsIn(page.documents.toString('utf8'), entry.primaryKey);
    const gone = ids.filter((id) => !found.has(id));
    // An owner that has lost its data says that everything is gone: nothing is deleted on its word.
    await assertNotRegressed(context, old.node, { created: old.created, floor: old.watermark });
    const tag = writeTag({ move: move.id, fence, shards: [move.shard], attempt: 1 });
    const uids = await Promise.all([
      found.size === 0 ? NO_TASK : putFound(context, target, page.documents, tag),
      gone.length === 0 ? NO_TASK : deleteGone(context, target, gone, tag),
    ]);
    return Math.max(...uids);
  } finally {
    room.release();
  }
}

/** Those of the ids whose documents differ between an owner and the target, as both have applied them. */
export async function differing(context: PhaseContext, node: NodeClient, ids: readonly string[]): Promise<Set<string>> {
  const { entry, move, loads, settings, permit } = context;
  const target = context.node(move.target);
  const batches = parts(ids, settings.migrationBatchSize);
  const unequal = new Set<string>();
  for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
    const room = await loads.page(settings.windowBytes, permit.signal);
    try {
      const [left, right] = await Promise.all([readIds(context, node, batch), readIds(context, target, batch)]);
      if (left === null || right === null) {
        batches.unshift(...halves(batch));
        continue;
      }
      const found = compareDocuments(
        left.documents.toString('utf8'),
        right.documents.toString('utf8'),
        entry.primaryKey,
      );
      for (const id of idsOfDifferences(found, entry.primaryKey)) unequal.add(id);
    } finally {
      room.release();
    }
  }
  return unequal;
}

/**
 * Brings what the old owner has of these ids to the target; returns when the target has applied all of it, with the
 * newest task that it was sent with.
 */
export async function carry(context: PhaseContext, old: OldOwner, ids: readonly string[]): Promise<number> {
  await untilSure(context, context.node(context.move.target));
  const batches = parts(ids, context.settings.migrationBatchSize);
  let newest = NO_TASK;
  let failed = false;
  const lane = async (): Promise<void> => {
    for (let batch = batches.shift(); batch !== undefined && !failed; batch = batches.shift()) {
      try {
        const uid = await carryBatch(context, old, batch);
        if (uid === null) batches.unshift(...halves(batch));
        else newest = Math.max(newest, uid);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  // Batches have no id in common, so lanes beside each other are still one for every id.
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(IN_FLIGHT, batches.length) }, lane));
  for (const one of lanes) if (one.status === 'rejected') throw one.reason;
  return newest;
}
