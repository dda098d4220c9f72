/**
 * A client's task made of the nodes' tasks: pure. `succeeded` only when every node that any live router reads the shards
 * from has applied it (I11), but for owners that missed it (decisions/0015); `failed` when no owner of some shard has
 * applied it and none will.
 */
import type { ShardState, Withheld } from '../../core/routing.ts';
import type { ClientTaskOutcome, ClientTaskPart, ClientTaskRecord, NodeTask, TaskStatus } from '../../ports.ts';

/**
 * A part with its node's task: null when the node does not know it, `silent` when the node does not answer, `out` when
 * it does not answer and the topology says that it failed or has no such node.
 */
export interface SeenPart {
  readonly part: ClientTaskPart;
  readonly task: NodeTask | null | 'silent' | 'out';
}

/** How a shard is routed after the tasks were looked at. */
export interface SeenShard {
  readonly state: ShardState;
  readonly owners: readonly string[];
  readonly readers: readonly string[];
  /** Nodes that left it when they failed. */
  readonly left?: readonly string[];
  /** Who is read no more, and may still come back with what it had. */
  readonly withheld?: Pick<Withheld, 'from'>;
  /** Every live router has acknowledged this state. */
  readonly isAcknowledged: boolean;
}

/** A copy that the write failed on, while another owner of the shard has it (R10); or one that has it alone, unread. */
export interface Missed {
  readonly node: string;
  readonly taskUid: number;
  readonly shard: number;
  /** When it was sent (Redis time); absent where nobody noted it. */
  readonly stampMs?: number;
}

export interface TaskState {
  readonly status: TaskStatus;
  readonly startedAt: string | null;
  /** Present when nothing can change any more. */
  readonly outcome: ClientTaskOutcome | null;
  readonly missed: readonly Missed[];
}

const isTask = (task: SeenPart['task'] | undefined): task is NodeTask => typeof task === 'object' && task !== null;

type Standing = 'open' | 'applied' | 'failed' | 'gone';

function standingOf({ part, task }: SeenPart, shard: SeenShard | undefined): Standing {
  if (task === 'silent' || task === 'out') {
    // A node that is neither written nor read any more decides nothing. Without a route (settings, an index that is
    // gone) only the topology can say so; else such a task would be open for ever.
    const isOut =
      shard === undefined
        ? task === 'out'
        : ![...shard.owners, ...shard.readers, ...(shard.withheld?.from ?? [])].includes(part.node);
    return isOut ? 'gone' : 'open';
  }
  if (task === null || task.status === 'failed' || task.status === 'canceled') return 'failed';
  return task.status === 'succeeded' ? 'applied' : 'open';
}

/** A deletion of an index that the node does not have any more has nothing to do there. */
const isGone = ({ type }: ClientTaskRecord, { task }: SeenPart): boolean =>
  type === 'indexDeletion' && isTask(task) && task.error?.code === 'index_not_found';

/** Whether a router that has not acknowledged the route may read a node that it names no more. */
export const hasOldReaders = ({ state, left }: Pick<SeenShard, 'state' | 'left'>): boolean =>
  state === 'settled' || left !== undefined;

/**
 * Whether a copy says what becomes of the write: not one that nobody reads, since its replica group is being brought in or
 * drained, nor one without the write on a node that has left the shard.
 */
function decides(node: string, standing: Standing, shard: SeenShard | undefined): boolean {
  if (shard === undefined || shard.state === 'settling') return true;
  if (!shard.owners.includes(node)) return standing === 'applied';
  return shard.readers.includes(node);
}

/** Whether a shard whose owners have applied the write is read from these owners only, by whoever reads. */
function isReadable(nodes: ReadonlySet<string>, shard: SeenShard): boolean {
  if (shard.state === 'settling') return shard.readers.every((reader) => nodes.has(reader));
  // Old owners may still be read by a router that has not acknowledged; the write may have gone to the new ones only.
  return !hasOldReaders(shard) || shard.isAcknowledged;
}

const missedOf = ({ node, taskUid, stampMs }: ClientTaskPart, shard: number): Missed => ({
  node,
  taskUid,
  shard,
  ...(stampMs === undefined ? {} : { stampMs }),
});

export function taskState(
  record: ClientTaskRecord,
  seen: readonly SeenPart[],
  shardOf: (shard: number) => SeenShard | undefined,
  /** Nodes are still to be told of it. */
  isUntold = false,
): TaskState {
  const shards = [...new Set(record.parts.flatMap((part) => part.shards))];
  const missed: Missed[] = [];
  let isOpen = isUntold;
  let isFailed = false;
  for (const shard of shards) {
    const view = shardOf(shard);
    const copies = seen.filter(({ part }) => part.shards.includes(shard));
    const standings = copies.map((copy) => standingOf(copy, view));
    const deciding = standings.filter((standing, at) => decides(copies[at]?.part.node ?? '', standing, view));
    if (standings.includes('open')) isOpen = true;
    else if (!(deciding.length === 0 ? standings : deciding).includes('applied')) {
      isFailed = true;
      // A copy that nobody reads yet has what the client is told failed: it is made like those that are read.
      copies.forEach(({ part }, at) => {
        if (standings[at] === 'applied') missed.push(missedOf(part, shard));
      });
    } else {
      copies.forEach(({ part }, at) => {
        if (standings[at] === 'failed') missed.push(missedOf(part, shard));
      });
      // An index that is gone is read from nowhere.
      if (view !== undefined && !isReadable(new Set(copies.map(({ part }) => part.node)), view)) isOpen = true;
    }
  }
  // Settings and the like concern every node, and no shard.
  const whole = seen
    .filter(({ part }) => part.shards.length === 0)
    .map((copy) => (isGone(record, copy) ? 'applied' : standingOf(copy, undefined)));
  isOpen ||= whole.includes('open');
  isFailed ||= whole.includes('failed') || (whole.length > 0 && !whole.includes('applied'));

  const tasks = seen.flatMap(({ task }) => (isTask(task) ? [task] : []));
  const startedAt = first(tasks.map((task) => task.startedAt));
  if (isOpen) {
    const isWaiting = !isUntold && tasks.every((task) => task.status === 'enqueued');
    const status = isWaiting ? 'enqueued' : 'processing';
    return { status, startedAt, outcome: null, missed: [] };
  }
  const status = isFailed ? 'failed' : 'succeeded';
  const error = isFailed ? errorOf(seen) : null;
  const details = detailsOf(record, tasks, shards.length, status);
  const finishedAt = last(tasks.map((task) => task.finishedAt));
  return { status, startedAt, outcome: { status, error, details, startedAt, finishedAt }, missed };
}

function errorOf(seen: readonly SeenPart[]): Readonly<Record<string, unknown>> {
  const failed = seen.map(({ task }) => task).find((task) => isTask(task) && task.error !== null);
  if (isTask(failed) && failed.error !== null) return { ...failed.error };
  return NOT_KNOWN;
}

export const NOT_KNOWN = {
  message: 'The task was canceled, or its node is gone or does not know it any more.',
  code: 'internal',
  type: 'internal',
  link: 'https://docs.meilisearch.com/errors#internal',
} as const;

/** As the nodes word it: what they counted, each document once: a copy each on so many owners counts it so many times. */
function detailsOf(
  { details, parts }: ClientTaskRecord,
  tasks: readonly NodeTask[],
  shards: number,
  status: 'succeeded' | 'failed',
): Readonly<Record<string, unknown>> {
  if ('indexedDocuments' in details) {
    return { ...details, indexedDocuments: status === 'succeeded' ? details['receivedDocuments'] : 0 };
  }
  if ('deletedDocuments' in details) {
    // A large write has several tasks for one shard of one node, which are one copy.
    const copiesOf = new Set(parts.flatMap((part) => part.shards.map((shard) => `${shard}@${part.node}`)));
    const copies = shards === 0 ? 1 : copiesOf.size / shards;
    const deleted = tasks.reduce((sum, task) => sum + Number(task.details?.['deletedDocuments'] ?? 0), 0);
    return { ...details, deletedDocuments: Math.round(deleted / Math.max(1, copies)) };
  }
  return details;
}

const known = (times: readonly (string | null)[]): string[] => times.filter((time) => time !== null).sort();
const first = (times: readonly (string | null)[]): string | null => known(times)[0] ?? null;
const last = (times: readonly (string | null)[]): string | null => known(times).at(-1) ?? null;
