/** What several views are made of, read once for all of them. */
import type { PlannerIndex } from '../core/plan.ts';
import type { Topology } from '../core/topology.ts';
import type { MoveState } from '../ports.ts';
import { allIndexes } from './indexes.ts';
import type { ControlParts } from './parts.ts';

export interface FleetRead {
  readonly topology: Topology;
  readonly indexes: readonly PlannerIndex[];
  /** Unfinished ones by index. */
  readonly movesOf: ReadonlyMap<string, readonly MoveState[]>;
}

export async function readFleet(parts: Pick<ControlParts, 'records'>): Promise<FleetRead> {
  const [topology, indexes, movesOf] = await Promise.all([
    parts.records.topology(),
    allIndexes(parts),
    parts.records.unfinishedByIndex(),
  ]);
  return { topology, indexes, movesOf };
}
