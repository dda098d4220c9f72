/**
 * Waits for tasks of one node: all that anybody of this index waits for is asked with one request, so waiting costs the
 * node the same for one task as for a hundred.
 */
import type { Clock, NodeClient, NodeTask } from '../ports.ts';
import { MoveWaitingError, NodeProtocolError } from '../errors.ts';

/** First look after a task was added, and the longest pause between looks: a batch lasts 50 ms at the very least. */
const FIRST_MS = 10;
const LONGEST_MS = 25;
/** Uids in one request: 1,500 are known to fit a node's URL limit. */
const UIDS_MAX = 500;
/** A task that an answer left out this often does not exist any more. */
const MISSING_MAX = 3;
/** A phase that waits longer for a task says so and gives its place to another; its windows are found again by tag. */
const PATIENCE_MS = 60_000;

const ENDED = new Set(['succeeded', 'failed', 'canceled']);

export interface TaskWatch {
  /** The task once it has ended, however it ended. Rejects when the permit ends or the node stays unreachable. */
  ended(uid: number): Promise<NodeTask>;
}

interface Waiter {
  readonly resolve: (task: NodeTask) => void;
  readonly reject: (error: unknown) => void;
  missing: number;
  readonly sinceMs: number;
}

export function watchTasks(node: NodeClient, clock: Clock, signal: AbortSignal): TaskWatch {
  const waiters = new Map<number, Waiter[]>();
  let pauseMs = FIRST_MS;
  let running = false;

  const settle = (uid: number, act: (waiter: Waiter) => void): void => {
    const list = waiters.get(uid) ?? [];
    waiters.delete(uid);
    for (const waiter of list) act(waiter);
  };

  const look = async (): Promise<void> => {
    const uids = [...waiters.keys()].slice(0, UIDS_MAX);
    const tasks = new Map((await node.tasks({ uids, limit: uids.length })).map((task) => [task.uid, task]));
    for (const uid of uids) {
      const task = tasks.get(uid);
      if (task !== undefined && ENDED.has(task.status)) {
        pauseMs = FIRST_MS;
        settle(uid, (waiter) => waiter.resolve(task));
      } else if (task !== undefined) {
        if ((waiters.get(uid) ?? []).every(({ sinceMs }) => clock.monotonic() - sinceMs < PATIENCE_MS)) continue;
        const what = `task ${uid} of ${node.node.id} is ${task.status} after ${PATIENCE_MS / 1_000} s`;
        settle(uid, (waiter) => waiter.reject(new MoveWaitingError(`node_busy: ${what}`)));
      } else if ((waiters.get(uid) ?? []).some((waiter) => (waiter.missing += 1) > MISSING_MAX)) {
        const error = new NodeProtocolError(`node ${node.node.id} does not know task ${uid} any more`, {
          details: { node: node.node.id, task: uid },
        });
        settle(uid, (waiter) => waiter.reject(error));
      }
    }
  };

  const loop = async (): Promise<void> => {
    running = true;
    try {
      while (waiters.size > 0) {
        await clock.sleep(pauseMs, signal);
        pauseMs = Math.min(LONGEST_MS, pauseMs * 1.5);
        await look();
      }
    } catch (error) {
      for (const uid of waiters.keys()) settle(uid, (waiter) => waiter.reject(error));
    } finally {
      running = false;
    }
  };

  return {
    ended(uid) {
      return new Promise((resolve, reject) => {
        waiters.set(uid, [...(waiters.get(uid) ?? []), { resolve, reject, missing: 0, sinceMs: clock.monotonic() }]);
        pauseMs = FIRST_MS;
        if (!running) void loop();
      });
    },
  };
}
