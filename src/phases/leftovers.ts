/**
 * Deleting a shard's copy on a node by explicit ids, in steps that are queued together and bounded. Never by filter: a
 * filter that fails takes other clients' tasks of its batch along, and it deletes what it meets when it runs, not what
 * we saw.
 */
import { fieldSpan, splitArray } from '../core/json-text.ts';
import { SLOTS, type Window, cut } from '../core/windows.ts';
import { MoveWaitingError } from '../errors.ts';
import type { NodeClient } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { shardFilter, windowFilter } from './filters.ts';
import { sendWrite, untilSure } from './late-writes.ts';
import { SLOT_DOCS_MAX, assertSlotFits } from './read-window.ts';
import { writeTag } from './tags.ts';

/** Deletes waiting in the node at a time: they share a batch, and a batch of 4,000 deletes lasts about a second. */
const STEPS_IN_FLIGHT = 4;
/** An id is at most 511 bytes. */
const ID_BYTES = 600;

/** The JSON texts of the primary keys in a page of documents: numbers as numbers, strings quoted. */
function keyTexts(documents: string, primaryKey: string): string[] {
  return splitArray(documents).flatMap(({ start, end }) => {
    const key = fieldSpan(documents, start, end, primaryKey);
    return key === undefined ? [] : [documents.slice(key.start, key.end)];
  });
}

async function idsOf(context: PhaseContext, node: NodeClient, window: Window): Promise<string[] | null> {
  const { entry, move, settings } = context;
  const single = window.from === window.to;
  const limit = single ? SLOT_DOCS_MAX : settings.deleteStepDocs;
  const page = await node.page(entry.uid, {
    filter: windowFilter(move.shard, window),
    fields: [entry.primaryKey],
    limit,
    maxBytes: limit * ID_BYTES,
  });
  if (single) assertSlotFits(context, node, window, page.total, limit);
  return page.total > limit ? null : keyTexts(page.documents.toString('utf8'), entry.primaryKey);
}

async function deleteOnce(context: PhaseContext, node: NodeClient): Promise<void> {
  const { entry, move, fence } = context;
  const watch = context.tasks(node);
  const pending: Promise<void>[] = [];
  const windows: Window[] = [{ from: 0, to: SLOTS - 1 }];
  try {
    for (let window = windows.shift(); window !== undefined; window = windows.shift()) {
      const ids = await idsOf(context, node, window);
      if (ids === null) {
        windows.unshift(...(cut(window) ?? []));
        continue;
      }
      if (ids.length === 0) continue;
      const tag = writeTag({ move: move.id, fence, shards: [move.shard], attempt: 1 });
      const uid = await sendWrite(context, node, () => node.deleteDocuments(entry.uid, ids, tag));
      const ended = watch.ended(uid).then((task) => {
        if (task.status === 'succeeded') return;
        const why = task.error?.message ?? task.status;
        throw new MoveWaitingError(`node_busy: ${node.node.id} failed to delete: ${why}`);
      });
      ended.catch(() => undefined); // awaited below, or given up together with the rest
      pending.push(ended);
      if (pending.length >= STEPS_IN_FLIGHT) await pending.shift();
    }
    await Promise.all(pending);
  } catch (error) {
    await Promise.allSettled(pending);
    throw error;
  }
}

/** Removes the shard's documents from the node and checks that none is left. Returns how many there were. */
export async function deleteShard(context: PhaseContext, node: NodeClient): Promise<number> {
  const { entry, move } = context;
  // One that was sent without an answer would delete what comes after this, too.
  await untilSure(context, node);
  const before = await node.count(entry.uid, shardFilter(move.shard));
  if (before === 0) return 0;
  await deleteOnce(context, node);
  const left = await node.count(entry.uid, shardFilter(move.shard));
  if (left > 0) throw new MoveWaitingError(`leftovers: ${left} documents of the shard are still on ${node.node.id}`);
  return before;
}
