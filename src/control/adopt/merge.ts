/**
 * Brings all documents to one node. From here until the index is registered nobody else may write to any of the nodes,
 * and nothing on a node sees to that: the task lists are looked at in the end, and when somebody did, all is compared
 * again by the next run.
 */
import { isOwnTag } from '../../core/write-tag.ts';
import { ConflictError } from '../../errors.ts';
import { Lane } from '../../routing/lane.ts';
import { idle } from '../node-tasks.ts';
import { compareHolders } from './compare.ts';
import { documentsOf } from './pages.ts';
import { splitArray } from '../../core/json-text.ts';
import { AGAIN, TASK_MS, type StampParts } from './stamp.ts';
import type { Holder, Survey } from './survey.ts';

/** Documents per request, of pages that are bounded themselves. */
const BATCH_DOCS = 1_000;
const IN_FLIGHT = 4;
const IN_FLIGHT_BYTES = 64_000_000;
const TASKS_PAGE = 200;

/** Throws `ConflictError` when somebody else has written to one of the nodes since they were compared. */
export type AssertQuiet = () => Promise<void>;

export async function mergeHolders(parts: StampParts, found: Survey): Promise<AssertQuiet> {
  const { clock, tag, signal, onProgress } = parts;
  const { entry, home, others } = found;
  const { uid, primaryKey } = entry;
  if (others.length === 0) return () => Promise.resolve();
  const marks = new Map<Holder, number>();
  for (const holder of [home, ...others]) {
    await idle(holder.client, uid, { clock, withinMs: TASK_MS, again: AGAIN, signal });
    marks.set(holder, await newestTask(holder, uid));
  }
  let copied = 0;
  const lane = new Lane({
    client: home.client,
    index: uid,
    primaryKey,
    tag,
    clock,
    batchDocs: BATCH_DOCS,
    inFlight: IN_FLIGHT,
    inFlightBytes: IN_FLIGHT_BYTES,
    signal,
    onSent: () => undefined,
    onApplied(documents) {
      copied += documents;
      onProgress?.({ node: home.node.id, what: 'copied', documents: copied, left: 0 });
    },
  });
  await compareHolders(found, async (from, ids) => {
    const texts = await documentsOf(from.client, uid, ids, from.embeddings > 0);
    for (const text of texts) lane.add(splitArray(text).map(({ start, end }) => text.slice(start, end)));
    await lane.sendFull();
  });
  await lane.finish();
  return async () => {
    for (const [holder, mark] of marks) await assertQuiet(holder, uid, mark);
  };
}

export async function newestTask({ client }: Holder, index: string): Promise<number> {
  const [newest] = await client.tasks({ index, limit: 1 });
  return newest?.uid ?? -1;
}

async function assertQuiet({ client, node }: Holder, index: string, mark: number): Promise<void> {
  for (let from = mark + 1; ;) {
    const tasks = await client.tasks({ index, from, reverse: true, limit: TASKS_PAGE });
    const foreign = tasks.find(({ customMetadata }) => !isOwnTag(customMetadata));
    if (foreign !== undefined) {
      throw new ConflictError(`node ${node.id} was written to (task ${foreign.uid}) since nodes were compared`, {
        field: 'index_uid',
        remedy: `stop what writes to the node, then ${AGAIN}`,
        details: { node: node.id, task: foreign.uid },
      });
    }
    if (tasks.length < TASKS_PAGE) return;
    from = (tasks.at(-1)?.uid ?? from) + 1;
  }
}
