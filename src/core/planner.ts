/** From where the shards are to where they should be: see `planMoves`. */
import type { Move, PlannedMove } from './move.ts';
import type { IndexEntry, RoutingTable } from './routing.ts';
import type { Topology } from './topology.ts';

export interface PlannerIndex {
  readonly entry: IndexEntry;
  readonly table: RoutingTable;
}

export interface PlannerInput {
  readonly topology: Topology;
  /** The indexes to plan for; pending moves of other indexes are not judged. */
  readonly indexes: readonly PlannerIndex[];
  /** Moves without an outcome. */
  readonly pending?: readonly Move[];
}

/** A move as a plan orders it. */
export interface PlanMove extends PlannedMove {
  /** `<plan id>-<shard>-<step>-<8 hex of the index>`, of [a-z0-9-] only. */
  readonly id: string;
  /** Moves of one shard run one at a time, by step: 0, 1, … */
  readonly step: number;
}

/** A wanted replica that no move can bring about, or an owner that no move can take away. */
export interface BlockedShard {
  readonly index: string;
  readonly shard: number;
  readonly group: number;
  /** For an operator: what is missing. */
  readonly reason: string;
}

export interface Plan {
  /** 'p' and 12 hex digits of the input's hash: the same input gives the same id. */
  readonly id: string;
  readonly topologyVersion: number;
  /** By reason (restore, drain, balance), then index, shard, step. */
  readonly moves: readonly PlanMove[];
  readonly blocked: readonly BlockedShard[];
  /** Pending moves that are still wanted. */
  readonly keep: readonly string[];
  /** Pending moves before the switch that are not wanted any more. */
  readonly cancel: readonly string[];
  /** Pending moves past the switch that are not wanted: they only go forward. */
  readonly finish: readonly string[];
}
