/** What taking an index over works with, and what was asked for. */
import type { TopologyNode } from '../../core/topology.ts';
import type { Adoptions, Lease, NodeClient, TaskMarks } from '../../ports.ts';
import type { Asker } from '../audited.ts';
import type { ControlParts } from '../parts.ts';

export interface AdoptParts extends ControlParts, Asker {
  readonly adoptions: Adoptions;
  readonly marks: TaskMarks;
  /** Redis' time, which documents are stamped by. */
  redisNowMs(this: void): Promise<number>;
  /** A node's client whose calls end with the signal. */
  clientUnder(this: void, node: TopologyNode, signal: AbortSignal): NodeClient;
  /** The lease of the index's adoption. Throws `ConflictError` while another process has it. */
  holdAdoption(this: void, index: string): Promise<HeldAdoption>;
  /** The lease under which movers act on the index. Throws `ConflictError` while one of them has it. */
  holdMoves(this: void, index: string): Promise<HeldAdoption>;
}

export interface HeldAdoption {
  readonly lease: Lease;
  release(clean: boolean): Promise<void>;
}

export interface AdoptWish {
  readonly uid: string;
  /** What is left out is taken from a run that was cut off, else it has a default. */
  readonly shards?: number;
  readonly replicationFactor?: number;
  readonly groups?: readonly number[];
  /** The node that gets all documents and owns every shard at first; default: the one with the most. */
  readonly home?: string;
  /** Whose document wins where nodes differ; without it differences are refused. */
  readonly keep?: string;
  readonly signal: AbortSignal;
  /** Documents stamped by one task of a node. */
  readonly stepDocs?: number;
  readonly onProgress?: (progress: AdoptProgress) => void;
}

export interface AdoptProgress {
  readonly node: string;
  readonly what: 'copied' | 'stamped';
  readonly documents: number;
  /** Without our fields, when last counted. */
  readonly left: number;
}
