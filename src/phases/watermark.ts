/**
 * The watermark of an index on a node: the uid of its newest task. Once no unfinished task has a uid up to it,
 * everything that was accepted before is finished (docs/protocol.md, "Words").
 */
import { isGone } from '../core/topology.ts';
import { MoveWaitingError, NodeRegressedError } from '../errors.ts';
import type { NodeClient, NodeTask } from '../ports.ts';
import type { PhaseContext, ShardAt } from './context.ts';
import { shardsOf } from './tags.ts';

/**
 * How long a phase waits on its own before it delays itself, without anything moving in the node's queue: a batch of an
 * ordinary node, or of a slow one that is at work. Not shorter, since whoever comes again takes a later watermark.
 */
const PATIENCE_MS = 3_000;
const PATIENCE_AT_WORK_MS = 60_000;
/** And altogether, so that no phase keeps its place for ever. */
const PATIENCE_MAX_MS = 120_000;
const POLL_MS = 25;
/** Unfinished tasks looked at: more than movers and clients keep waiting on a node that keeps up. */
const LOOK = 200;

/** -1 when the index never had a task. */
export async function takeWatermark(node: NodeClient, index: string): Promise<number> {
  return (await newestTask(node, index))?.uid ?? -1;
}

/** Null when the index never had one. */
export async function newestTask(node: NodeClient, index: string): Promise<NodeTask | null> {
  const [newest] = await node.tasks({ index, limit: 1 });
  return newest ?? null;
}

/** Whether a write may concern the shard: its tag names the shards it touches, one without a tag may touch any. */
const mayTouch = (task: NodeTask, shard: number): boolean => shardsOf(task.customMetadata)?.includes(shard) ?? true;

/** An unfinished task up to the watermark that may concern the shard; null when all that matters is applied. */
function unapplied(unfinished: readonly NodeTask[], shard: number, watermark: number): NodeTask | null {
  const first = unfinished.find((task) => task.uid <= watermark && mayTouch(task, shard));
  const last = unfinished.at(-1);
  // More are unfinished than were looked at: those up to the watermark may matter, too.
  const isCut = unfinished.length === LOOK && last !== undefined && last.uid < watermark;
  return first ?? (isCut ? last : null);
}

/**
 * Waits until what the node has accepted so far and may concern the move's shard is applied; returns the watermark.
 * Windows of other moves, which wait there all the time, are not waited for. Throws `MoveWaitingError`.
 */
export async function settleWrites(context: ShardAt, node: NodeClient): Promise<number> {
  const newest = await newestTask(node, context.entry.uid);
  // Tasks of an index end in the order of their uids, so the newest speaks for all before it; a cancelled one does not.
  if (newest === null || newest.status === 'succeeded' || newest.status === 'failed') return newest?.uid ?? -1;
  await appliedUpTo(context, node, newest.uid);
  return newest.uid;
}

/** The same for a watermark that was taken before. */
export async function appliedUpTo(context: ShardAt, node: NodeClient, watermark: number): Promise<void> {
  const index = context.entry.uid;
  const startedMs = context.clock.monotonic();
  let head = '';
  let movedMs = startedMs;
  for (;;) {
    const unfinished = await node.tasks({ index, statuses: ['enqueued', 'processing'], limit: LOOK, reverse: true });
    const task = unapplied(unfinished, context.move.shard, watermark);
    if (task === null) return;
    const first = unfinished[0] ?? task;
    const nowMs = context.clock.monotonic();
    if (head !== `${first.uid} ${first.status}`) {
      head = `${first.uid} ${first.status}`;
      movedMs = nowMs;
    }
    const patienceMs = first.status === 'processing' ? PATIENCE_AT_WORK_MS : PATIENCE_MS;
    if (nowMs - movedMs > patienceMs || nowMs - startedMs > PATIENCE_MAX_MS) {
      throw new MoveWaitingError(`node_busy: ${node.node.id} still indexes task ${task.uid}`, 1_000);
    }
    await context.clock.sleep(POLL_MS, context.permit.signal);
  }
}

/**
 * Refuses a node that has less than it had: its index was made anew, or its newest uid is below one already seen.
 * Nothing is deleted, and nothing counts as applied, on the word of such a node.
 */
export async function assertNotRegressed(
  context: PhaseContext,
  node: NodeClient,
  seen: { readonly created: string | null; readonly floor: number | null },
): Promise<void> {
  if (seen.created === null) return;
  const [index, newest] = await Promise.all([node.index(context.entry.uid), takeWatermark(node, context.entry.uid)]);
  if (index?.createdAt === seen.created && newest >= (seen.floor ?? -1)) return;
  throw regressed(context, node, `created ${index?.createdAt ?? 'none'}, was ${seen.created}`);
}

const regressed = ({ entry }: PhaseContext, { node }: NodeClient, told: string): NodeRegressedError =>
  new NodeRegressedError(`node ${node.id} came back with less than it had`, {
    remedy: 'look at the node: it was wiped or restored from an older copy; remove it, or bring its data back',
    details: { node: node.id, index: entry.uid, told },
  });

/** Both nodes of the move still have what they had when it took them up. */
export async function assertNodesIntact(context: PhaseContext): Promise<void> {
  const { move } = context;
  await Promise.all([
    assertNotRegressed(context, context.node(move.source), { created: move.sourceCreated, floor: move.sourceFloor }),
    assertNotRegressed(context, context.node(move.target), { created: move.targetCreated, floor: move.targetFloor }),
  ]);
}

/**
 * While the shard settles. A target that has lost what it was brought gets no readers: they stay on the old owners until the
 * planner has noticed, and taken it out of the owners where there is another one. Once it has been taken for failed, and is
 * the only owner, there is nothing more to wait for: the old copy is kept, and an operator may take the move back.
 */
export async function assertTargetIntact(
  context: PhaseContext,
  target: NodeClient,
  /** A task seen there before: its uid alone says little, since what is written after a loss gets the same uids again. */
  seen: NodeTask | null = null,
): Promise<void> {
  const { move, topology } = context;
  if (isGone(topology, move.target)) return;
  const floor = Math.max(move.targetFloor ?? -1, move.takenFloor ?? -1, move.gateTargetFloor ?? -1);
  await assertNotRegressed(context, target, { created: move.targetCreated, floor });
  if (seen === null) return;
  const [now] = await target.tasks({ uids: [seen.uid], limit: 1 });
  if (now?.enqueuedAt !== seen.enqueuedAt) throw regressed(context, target, `task ${seen.uid} is another one`);
}
