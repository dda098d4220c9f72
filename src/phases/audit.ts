/**
 * Looking through nodes' task lists: who wrote this shard, told by the tags of writes. Before the switch nobody but this
 * fence writes the target, and on the source nobody goes past the journal; after it nobody works by an older table.
 */
import type { NodeClient, NodeTask } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { scanAbove } from './in-flight.ts';
import { type RouterTag, type Tag, readRouterTag, readTag } from './tags.ts';
import { takeWatermark } from './watermark.ts';

const WRITES = new Set(['documentAdditionOrUpdate', 'documentDeletion', 'documentEdition']);

/** A write that may have touched the shard: a mover's, a router's, or of nobody who tags. */
type Author = { readonly mover: Tag } | { readonly router: RouterTag } | 'unknown';

function authorOf(task: NodeTask, shard: number): Author | null {
  if (!WRITES.has(task.type) || task.status === 'canceled') return null;
  const mover = readTag(task.customMetadata);
  if (mover !== null) return mover.shards.includes(shard) ? { mover } : null;
  const router = readRouterTag(task.customMetadata);
  if (router !== null) return router.shards.includes(shard) ? { router } : null;
  // A write without a tag may touch any shard.
  return 'unknown';
}

/** Tasks whose author the rule takes for a fault. */
const faults = (
  tasks: readonly NodeTask[],
  shard: number,
  isFault: (author: Author, uid: number) => boolean,
): NodeTask[] =>
  tasks.filter((task) => {
    const author = authorOf(task, shard);
    return author !== null && isFault(author, task.uid);
  });

interface Mine {
  readonly id: string;
  readonly shard: number;
}

/** Routers' and other movers' writes to the shard. */
export const taggedWrites = (tasks: readonly NodeTask[], move: Mine): NodeTask[] =>
  faults(tasks, move.shard, (author) => author !== 'unknown' && ('router' in author || author.mover.move !== move.id));

/** Before the switch, on the target: nobody but this move, and above what its fence found there nobody but this fence. */
export const foreignOnTarget = (
  tasks: readonly NodeTask[],
  move: Mine,
  mine: { readonly fence: string; readonly takenFloor: number },
): NodeTask[] =>
  faults(
    tasks,
    move.shard,
    (author, uid) =>
      author === 'unknown' ||
      'router' in author ||
      author.mover.move !== move.id ||
      (uid > mine.takenFloor && author.mover.fence !== mine.fence),
  );

/** Before the switch, on the source: nobody without a tag, no other mover, no router that did not know of the tracking. */
export const foreignOnSource = (tasks: readonly NodeTask[], move: Mine, trackingEpoch: number): NodeTask[] =>
  faults(tasks, move.shard, (author) => {
    if (author === 'unknown') return true;
    return 'router' in author ? author.router.epoch < trackingEpoch : author.mover.move !== move.id;
  });

/** Fences that wrote the target in this move's name, by who held the lease when. */
export interface Holders {
  /** Took the move up before it verified. */
  readonly takenBy: string;
  /** Holds the lease now, and the target's newest uid when it took settling up (-1: it has held it all along). */
  readonly fence: string;
  readonly settlingFloor: number;
}

/** Whether a fence of this move may have written a task of this uid: its holders follow each other by their fences. */
const held = ({ takenBy, fence, settlingFloor }: Holders, by: string, uid: number): boolean =>
  by === fence || (uid <= settlingFloor && BigInt(by) >= BigInt(takenBy) && BigInt(by) < BigInt(fence));

/** After the switch, on the target: a holder that is none any more, a router that does not know of the switch. */
export const faultsOnTarget = (
  tasks: readonly NodeTask[],
  move: Mine,
  switchEpoch: number,
  holders: Holders,
): NodeTask[] =>
  faults(tasks, move.shard, (author, uid) => {
    if (author === 'unknown') return true;
    if ('router' in author) return author.router.epoch < switchEpoch;
    return author.mover.move !== move.id || !held(holders, author.mover.fence, uid);
  });

/** After the switch, on the source: up to its watermark of then as before, above it also routers that do not know of it. */
export const faultsOnSource = (
  tasks: readonly NodeTask[],
  move: Mine,
  epochs: { readonly tracking: number; readonly switched: number },
  mark: number,
): NodeTask[] => [
  ...foreignOnSource(
    tasks.filter(({ uid }) => uid <= mark),
    move,
    epochs.tracking,
  ),
  ...foreignOnSource(
    tasks.filter(({ uid }) => uid > mark),
    move,
    epochs.switched,
  ),
];

/**
 * Notes the target's newest uid when a fence takes the move up, before it verifies anything: what an older fence writes
 * above it is a straggler. Returns that uid.
 */
export async function takeUp(context: PhaseContext, target: NodeClient): Promise<number> {
  const { move, fence, writer, entry } = context;
  if (move.takenBy === fence && move.takenFloor !== null) return move.takenFloor;
  const takenFloor = await takeWatermark(target, entry.uid);
  await writer.note(move.id, { fields: { takenBy: fence, takenFloor } });
  return takenFloor;
}

export interface Floors {
  readonly source: number;
  readonly target: number;
}

/** Faults kept of one look: the first tell what the others would. */
const FAULTS_MAX = 100;

/** What a rule takes for faults among a node's tasks above a uid; the newest uid looked at; whether that was all. */
export async function look(
  context: PhaseContext,
  node: NodeClient,
  floor: number,
  rule: (tasks: readonly NodeTask[]) => readonly NodeTask[],
): Promise<{ readonly faults: readonly NodeTask[]; readonly floor: number; readonly isWhole: boolean }> {
  const found: NodeTask[] = [];
  const seen = await scanAbove(node, context.entry.uid, floor, (tasks) => {
    found.push(...rule(tasks).slice(0, FAULTS_MAX - found.length));
  });
  return { faults: found, ...seen };
}

/** Foreign writes on both nodes above what the move has seen, and the newest uids looked at. */
export async function auditNodes(
  context: PhaseContext,
  source: NodeClient,
  target: NodeClient,
  floors: Floors,
  takenFloor: number,
): Promise<{ readonly foreign: readonly NodeTask[]; readonly isWhole: boolean; readonly floors: Floors }> {
  const { move, fence } = context;
  const [onSource, onTarget] = await Promise.all([
    look(context, source, floors.source, (tasks) => foreignOnSource(tasks, move, move.trackingEpoch ?? 0)),
    look(context, target, floors.target, (tasks) => foreignOnTarget(tasks, move, { fence, takenFloor })),
  ]);
  return {
    foreign: [...onSource.faults, ...onTarget.faults],
    isWhole: onSource.isWhole && onTarget.isWhole,
    floors: { source: onSource.floor, target: onTarget.floor },
  };
}
