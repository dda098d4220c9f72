/** Waiting for a node's tasks, for verbs that no lease bounds. */
import { NodeTaskFailedError, TimeoutError } from '../errors.ts';
import type { Clock, NodeClient } from '../ports.ts';

export interface TaskWait {
  readonly clock: Clock;
  readonly withinMs: number;
  /** What to do again once the node is looked after: `create the index again`. */
  readonly again: string;
  readonly signal?: AbortSignal | undefined;
}

const LOOK_MS = 50;

/** Until the node has applied the task. Throws `NodeTaskFailedError` with the node's words. */
export async function applied(client: NodeClient, uid: number, wait: TaskWait): Promise<void> {
  const { clock, withinMs, again, signal } = wait;
  const deadlineMs = clock.monotonic() + withinMs;
  while (clock.monotonic() < deadlineMs) {
    const [task] = await client.tasks({ uids: [uid], limit: 1 });
    if (task?.status === 'succeeded') return;
    if (task?.status === 'failed' || task?.status === 'canceled') {
      throw new NodeTaskFailedError(`node ${client.node.id}: ${task.type}: ${task.error?.message ?? task.status}`, {
        remedy: `read the node’s words, then ${again}`,
        details: { node: client.node.id, task: uid, nodeCode: task.error?.code ?? null },
      });
    }
    await clock.sleep(LOOK_MS, signal);
  }
  throw tooLate(client, uid, wait);
}

/** Until nothing of that index is unfinished on the node. */
export async function idle(client: NodeClient, index: string, wait: TaskWait): Promise<void> {
  const { clock, withinMs, signal } = wait;
  const deadlineMs = clock.monotonic() + withinMs;
  for (;;) {
    const [left] = await client.tasks({ index, statuses: ['enqueued', 'processing'], limit: 1 });
    if (left === undefined) return;
    if (clock.monotonic() > deadlineMs) throw tooLate(client, left.uid, wait);
    await clock.sleep(LOOK_MS, signal);
  }
}

const tooLate = (client: NodeClient, task: number, { withinMs, again }: TaskWait): TimeoutError =>
  new TimeoutError(`node ${client.node.id} has not applied task ${task} within ${withinMs / 1_000} s`, {
    remedy: `look at what else the node indexes; then ${again}`,
  });
