/** Looking at nodes, and telling each other which ones do not answer. */
import type { Observed } from '../core/observations.ts';
import type { TopologyNode } from '../core/topology.ts';

export interface Observations {
  /**
   * All that this observer has to report now: what it reported before and is not among it is withdrawn. Counts for
   * `timings.reportMs`. Returns the nodes that others report.
   *
   * @param suspects node id → for how long (ms) it has not answered.
   */
  report(
    observer: { readonly id: string; readonly name: string },
    suspects: ReadonlyMap<string, number>,
  ): Promise<readonly string[]>;
  read(): Promise<Observed>;
}

export interface NodeProbe {
  /**
   * Whether the node answers one small request before the deadline. Throws what the keyring throws when this process may
   * not speak to it, and the signal's reason.
   */
  answers(node: TopologyNode, options: { readonly deadlineMs: number; readonly signal: AbortSignal }): Promise<boolean>;
  close(): Promise<void>;
}
