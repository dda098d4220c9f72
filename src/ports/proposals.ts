/** Plans that were made to be looked at, and have not run. */
import type { TopologyEvent } from '../core/events.ts';
import type { SeenTopology } from '../core/proposal.ts';
import type { NodeState } from '../core/topology.ts';

/** What a node holds; documents and bytes are null where it does not tell. */
export interface NodeCopies {
  readonly shards: number;
  readonly documents: number | null;
  readonly bytes: number | null;
}

export interface ProposedNode {
  readonly id: string;
  /** As it will be. */
  readonly state: NodeState;
  readonly before: NodeCopies;
  readonly after: NodeCopies;
}

/** What was looked at, for the doctor and for a plan: one line each. */
export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail';
  /** What was looked at: `redis`, `node n1`, `index cities`, `routers`. */
  readonly subject: string;
  /** What was found, in words. */
  readonly found: string;
  /** What to do; null when all is well. */
  readonly remedy: string | null;
}

export interface Proposed {
  readonly id: string;
  readonly why: string;
  readonly events: readonly TopologyEvent[];
  /** Of the topology that it was made from: it is carried out at this version only. */
  readonly version: number;
  readonly seen: SeenTopology;
  readonly madeAtMs: number;
  readonly moves: number;
  /** The least number of moves that leads there: copies that are new on a node. */
  readonly minimum: number;
  /** Moves of other plans that it withdraws. */
  readonly withdrawn: number;
  /** What the moves carry, as the nodes count on the average of their shards; null where none tells. */
  readonly documents: number | null;
  readonly bytes: number | null;
  readonly nodes: readonly ProposedNode[];
  /** Most shards on a node by the mean, over nodes that may own some: 1 is even. */
  readonly spreadBefore: number;
  readonly spreadAfter: number;
  /** Until every shard is served by its new owners; null where documents are not known. */
  readonly secondsLow: number | null;
  readonly secondsHigh: number | null;
  /** Of how many settled moves that was learned; 0: of none, so it is wide. */
  readonly learnedFrom: number;
  readonly blocked: readonly { readonly index: string; readonly shard: number; readonly reason: string }[];
  readonly checks: readonly Finding[];
}

export interface Proposals {
  /** Null for one that was never made, or is not kept any more. */
  read(id: string): Promise<Proposed | null>;
  /** Keeps a bounded number of the newest. */
  write(proposed: Proposed): Promise<void>;
}
