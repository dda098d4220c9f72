/** Looking through a node's task list: who wrote this shard since the move took it up. */
import type { NodeClient, NodeTask } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { tasksAbove } from './in-flight.ts';
import { readTag } from './tags.ts';
import { takeWatermark } from './watermark.ts';

const WRITES = new Set(['documentAdditionOrUpdate', 'documentDeletion', 'documentEdition']);

const isWrite = (task: NodeTask): boolean => WRITES.has(task.type) && task.status !== 'canceled';

/** Writes that touch this shard and are not of this move. A write without a tag may touch any shard. */
export const foreignWrites = (tasks: readonly NodeTask[], move: { id: string; shard: number }): NodeTask[] =>
  tasks.filter((task) => {
    if (!isWrite(task)) return false;
    const tag = readTag(task.customMetadata);
    return tag === null || (tag.shards.includes(move.shard) && tag.move !== move.id);
  });

/** Writes of this move under an older fence that came after the present one took the move up: a woken holder's. */
const stragglers = (tasks: readonly NodeTask[], context: PhaseContext, takenFloor: number): NodeTask[] =>
  tasks.filter((task) => {
    const tag = readTag(task.customMetadata);
    return isWrite(task) && task.uid > takenFloor && tag?.move === context.move.id && tag.fence !== context.fence;
  });

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

/** Foreign writes on both nodes above what the move has seen, and the newest uids looked at. */
export async function auditNodes(
  context: PhaseContext,
  source: NodeClient,
  target: NodeClient,
  floors: { readonly source: number; readonly target: number },
  takenFloor: number,
): Promise<{
  readonly foreign: NodeTask[];
  readonly isWhole: boolean;
  readonly floors: { source: number; target: number };
}> {
  const { entry, move } = context;
  const [onSource, onTarget] = await Promise.all([
    tasksAbove(source, entry.uid, floors.source),
    tasksAbove(target, entry.uid, floors.target),
  ]);
  return {
    foreign: [
      ...foreignWrites(onSource.tasks, move),
      ...foreignWrites(onTarget.tasks, move),
      ...stragglers(onTarget.tasks, context, takenFloor),
    ],
    // More came than is looked through: whatever it was, it was not seen.
    isWhole: onSource.isWhole && onTarget.isWhole,
    floors: { source: onSource.tasks[0]?.uid ?? floors.source, target: onTarget.tasks[0]?.uid ?? floors.target },
  };
}
