/** Names of queues, and the prefix that puts BullMQ's keys into the hash slot of ours. */
import { createHash } from 'node:crypto';
import { PHASES, type JobPhase } from '../core/move.ts';

/** Pass it to every `new Queue(...)`: without it events land where nobody looks. */
export const QUEUE_PREFIX = '{miroir}';
/** Public: other services put topology events here. */
export const EVENTS_QUEUE = 'topology-events';
/** One deduplicated job per index with work. */
export const CLAIMS_QUEUE = 'rebalance-claims';

/** Rounds and tasks of the reconcilers' duties. */
export const DUTIES_QUEUE = 'reconcile';
/** Those whose tasks take minutes: nothing that is urgent waits behind them. */
export const SLOW_DUTIES_QUEUE = 'reconcile-slow';

/** Queue of an index's phase jobs. One place, so that many indexes can share a queue later. */
export const indexQueue = (index: string): string => `rebalance.${index}`;

/** BullMQ ids may hold no colon; a new generation of jobs must not meet kept ids of the one before. */
export const phaseJobId = (moveId: string, flow: number, phase: JobPhase): string =>
  `${moveId}-f${flow}-${PHASES.indexOf(phase)}`;

const DUE = 'due-';
const TASK = 'rebalance:';

/** Id under which a claim due at a time is added once, however many moves ask for it. */
export const dueClaimId = (index: string, dueMs: number): string =>
  `${DUE}${createHash('sha1').update(index).digest('hex').slice(0, 12)}-${dueMs}`;

export const isDueClaim = (jobId: string): boolean => jobId.startsWith(DUE);

/** What people and the original's clients call an index's work; BullMQ ids may hold no colon, so it is shown, not used. */
export const taskIdOf = (index: string): string => `${TASK}${index}`;
/** The index of a task id; null for a text that is none. */
export const indexOfTaskId = (taskId: string): string | null =>
  taskId.startsWith(TASK) && taskId.length > TASK.length ? taskId.slice(TASK.length) : null;
