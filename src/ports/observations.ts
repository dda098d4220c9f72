/** Looking at nodes, and telling each other what is seen. */
import type { Observed } from '../core/observations.ts';
import type { Seen, Sight } from '../core/sights.ts';
import type { TopologyNode } from '../core/topology.ts';

export interface NodeObserver {
  readonly id: string;
  /** `host/pid`: the parts of one process are one observer. */
  readonly process: string;
  /** Process and role, for people. */
  readonly name: string;
}

export interface Observations {
  /**
   * All that this observer has to report now, which may be nothing: what it reported before and is not among it is
   * withdrawn. Counts for `timings.reportMs`. Returns the nodes that others report, with the worst that is said of each.
   */
  report(observer: NodeObserver, sights: ReadonlyMap<string, Sight>): Promise<ReadonlyMap<string, Seen>>;
  /** Observes no more. */
  withdraw(observer: NodeObserver): Promise<void>;
  read(): Promise<Observed>;
}

export interface NodeProbe {
  /**
   * What comes of asking the node for its health, then for something that takes our key, all before the deadline;
   * `unasked` when this process may not speak to it. Throws the signal's reason.
   */
  look(node: TopologyNode, options: { readonly deadlineMs: number; readonly signal: AbortSignal }): Promise<Seen>;
  close(): Promise<void>;
}
