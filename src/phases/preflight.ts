/** What must hold before a shard moves: equal versions and settings, room, no operation that changes whole indexes. */
import { BATCHES_LOOKED_AT, SLOW_BATCH_MS, hasRoom, smallBatchMs } from '../core/node-figures.ts';
import { MoveWaitingError, PreflightError } from '../errors.ts';
import type { NodeClient } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { shardFilter } from './filters.ts';
import { equalizeSettings } from './index-settings.ts';
import { sendWrite } from './late-writes.ts';
import { writeTag } from './tags.ts';

/** Tasks that rename, swap, delete or rewrite an index: a move waits until they are over. */
const INDEX_OPERATIONS = ['indexSwap', 'indexDeletion', 'indexUpdate', 'documentEdition'];
/** On a source also those that change its settings: the target is given what it has, not what it is about to have. */
const SOURCE_OPERATIONS = [...INDEX_OPERATIONS, 'settingsUpdate'];
const OPERATIONS_LOOKED_AT = 100;

/** Swaps name no index, so all unfinished operations are asked for, and those of other indexes left aside. */
export async function assertNoIndexOperation(context: PhaseContext, node: NodeClient): Promise<void> {
  const unfinished = await node.tasks({
    statuses: ['enqueued', 'processing'],
    types: node.node.id === context.move.target ? INDEX_OPERATIONS : SOURCE_OPERATIONS,
    limit: OPERATIONS_LOOKED_AT,
  });
  const task = unfinished.find(({ indexUid }) => indexUid === null || indexUid === context.entry.uid);
  if (task === undefined) return;
  const what = `${node.node.id} has an unfinished ${task.type} (task ${task.uid})`;
  throw new MoveWaitingError(`index_operation: ${what}`, 1_000);
}

/** Creates the index on a target that lacks it, with the source's settings. */
async function prepareIndex(context: PhaseContext, source: NodeClient, target: NodeClient): Promise<void> {
  const { uid, primaryKey } = context.entry;
  const existing = await target.index(uid);
  if (existing === null) {
    // May exist by now: another move was first.
    await context.tasks(target).ended(await sendWrite(context, target, () => target.createIndex(uid, primaryKey)));
  } else if (existing.primaryKey !== null && existing.primaryKey !== primaryKey) {
    throw new PreflightError(
      `index ${uid} on ${target.node.id} has primary key ${existing.primaryKey}, not ${primaryKey}`,
      {
        remedy: 'delete that index on the target, or correct the registry',
      },
    );
  }
  await equalizeSettings(context, source, target);
}

async function assertRoom(context: PhaseContext, source: NodeClient, target: NodeClient): Promise<void> {
  const { nodeMaxBytes } = context.settings;
  if (nodeMaxBytes === 0) return;
  const { uid } = context.entry;
  const [{ bytes, documents }, { databaseBytes }, moving] = await Promise.all([
    source.indexStats(uid),
    target.nodeStats(),
    source.count(uid, shardFilter(context.move.shard)),
  ]);
  const needed = documents === 0 ? 0 : (bytes * moving) / documents;
  if (hasRoom(databaseBytes, needed, nodeMaxBytes)) return;
  throw new PreflightError(`${target.node.id} has no room: ${databaseBytes} of ${nodeMaxBytes} bytes are used`, {
    remedy: 'give the node more room and raise node_max_bytes, or add another node',
  });
}

async function learnBatchCost(context: PhaseContext, target: NodeClient): Promise<void> {
  const load = context.loads.of(target.node.id);
  if (!load.wantsSmallBatch(context.clock.monotonic())) return;
  const median = smallBatchMs(await target.batches(BATCHES_LOOKED_AT));
  load.learnSmallBatch(median, context.clock.monotonic());
  if (median !== null && median > SLOW_BATCH_MS) {
    context.log.warn(
      { node: target.node.id, smallBatchMs: median },
      'a small batch is slow on this node: start it with --max-indexing-memory of 1 GiB or so',
    );
  }
}

/**
 * Source and target must be two servers: under two names of one, leftovers of the target would be the source's own copy.
 * Where index and task numbers look alike, a write that changes nothing tells: it shows up in one server's list only.
 */
async function assertTwoServers(context: PhaseContext, source: NodeClient, target: NodeClient): Promise<void> {
  const { uid } = context.entry;
  const [ours, theirs] = await Promise.all([source.index(uid), target.index(uid)]);
  if (ours === null || ours.createdAt !== theirs?.createdAt) return;
  const tag = writeTag({ move: context.move.id, fence: context.fence, shards: [], attempt: 0 });
  const task = await sendWrite(context, target, () => target.deleteDocuments(uid, [], tag));
  const [seen] = await source.tasks({ uids: [task], limit: 1 });
  if (seen?.indexUid !== uid || seen.customMetadata !== tag) return;
  throw new PreflightError(`${source.node.id} and ${target.node.id} are one server`, {
    remedy: `drain and remove one of the two ids; ${target.node.url} and ${source.node.url} lead to the same data`,
  });
}

async function assertVersions(source: NodeClient, target: NodeClient): Promise<void> {
  const [ours, theirs] = await Promise.all([source.version(), target.version()]);
  if (ours !== null && theirs !== null && ours !== theirs) {
    throw new PreflightError(`${source.node.id} runs ${ours}, ${target.node.id} runs ${theirs}`, {
      remedy: 'bring both nodes to one version',
    });
  }
}

export async function preflight(context: PhaseContext, source: NodeClient, target: NodeClient): Promise<void> {
  await Promise.all([
    assertVersions(source, target),
    assertNoIndexOperation(context, source),
    assertNoIndexOperation(context, target),
    prepareIndex(context, source, target),
    assertRoom(context, source, target),
    learnBatchCost(context, target),
  ]);
  await assertTwoServers(context, source, target);
}
