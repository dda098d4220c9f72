/** Looking through a node's task list: who wrote this shard since the move took it up. */
import type { NodeClient, NodeTask } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { tasksAbove } from './in-flight.ts';
import { readTag } from './tags.ts';

const WRITES = new Set(['documentAdditionOrUpdate', 'documentDeletion', 'documentEdition']);

const isWrite = (task: NodeTask): boolean => WRITES.has(task.type) && task.status !== 'canceled';

/** Writes that touch this shard and are not of this move. A write without a tag may touch any shard. */
export const foreignWrites = (tasks: readonly NodeTask[], move: { id: string; shard: number }): NodeTask[] =>
  tasks.filter((task) => {
    if (!isWrite(task)) return false;
    const tag = readTag(task.customMetadata);
    return tag === null || (tag.shards.includes(move.shard) && tag.move !== move.id);
  });

/** Foreign writes on both nodes above what the move has seen, and the newest uids looked at. */
export async function auditNodes(
  context: PhaseContext,
  source: NodeClient,
  target: NodeClient,
  floors: { readonly source: number; readonly target: number },
): Promise<{ readonly foreign: NodeTask[]; readonly floors: { source: number; target: number } }> {
  const { entry, move } = context;
  const [onSource, onTarget] = await Promise.all([
    tasksAbove(source, entry.uid, floors.source),
    tasksAbove(target, entry.uid, floors.target),
  ]);
  return {
    foreign: [...foreignWrites(onSource, move), ...foreignWrites(onTarget, move)],
    floors: { source: onSource[0]?.uid ?? floors.source, target: onTarget[0]?.uid ?? floors.target },
  };
}
