import type { NodeState } from './node-state.ts';
import type { Scheduler } from './scheduler.ts';
import type { SearchQueue } from './search-queue.ts';
import type { Switches } from './switches.ts';

/** The parts of a running node that its routes use. */
export interface DevNodeCore {
  readonly state: NodeState;
  readonly scheduler: Scheduler;
  readonly searchQueue: SearchQueue;
  /** Limit of a body in bytes, after decompression. */
  readonly bodyLimit: number;
  /** Null unless the node was started with switches. */
  readonly switches: Switches | null;
}
